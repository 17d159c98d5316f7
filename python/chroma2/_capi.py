# SPDX-License-Identifier: BSD-3-Clause
"""The only module that knows C: it turns Python values into structs and status codes into
exceptions, and owns every handle.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chroma2 import errors
from chroma2.device_column import DeviceColumn
from chroma2.interop import DeviceArray

try:
    _extension: Any = importlib.import_module("chroma2._chroma2")
except ImportError as error:  # pragma: no cover - only in a broken installation
    raise ImportError(
        f"the compiled part of chroma2 cannot be loaded ({error}). "
        "Run 'pip install .' in the source tree?"
    ) from error

ffi: Any = _extension.ffi
lib: Any = _extension.lib

NEXT_SOLID_ID: Final = int(lib.CHROMA2_NEXT_SOLID_ID)
NEXT_EVENT_ID: Final = int(lib.CHROMA2_NEXT_EVENT_ID)
ALL_PHOTONS: Final = int(lib.CHROMA2_ALL_PHOTONS)
DEVICE_CPU: Final = int(lib.CHROMA2_DEVICE_CPU)
DEVICE_ANY: Final = int(lib.CHROMA2_DEVICE_ANY)
NOTHING: Final = 0xFFFFFFFF
"""A number in a warning that says nothing."""

_ROWS: Final = {
    "hits": int(lib.CHROMA2_HITS),
    "photons_end": int(lib.CHROMA2_PHOTONS_END),
    "photon_tracks": int(lib.CHROMA2_TRACKS),
}

SOURCE_KINDS: Final = ("isotropic", "cone", "beam", "volume", "scintillation", "cherenkov")
BEAM_PROFILES: Final = ("pencil", "disc", "gaussian")
VOLUME_SHAPES: Final = ("box", "sphere", "cylinder")

_DTYPES: dict[int, np.dtype[Any]] = {
    int(lib.CHROMA2_FLOAT32): np.dtype(np.float32),
    int(lib.CHROMA2_FLOAT64): np.dtype(np.float64),
    int(lib.CHROMA2_UINT32): np.dtype(np.uint32),
    int(lib.CHROMA2_INT32): np.dtype(np.int32),
    int(lib.CHROMA2_UINT64): np.dtype(np.uint64),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}

Floats = NDArray[np.float64]
Pins = list[Any]


def text(pointer: Any) -> str:
    """A C string as str; NULL is ''."""
    return "" if pointer == ffi.NULL else str(ffi.string(pointer).decode("utf-8", "replace"))


def version() -> str:
    """Version of the C library."""
    return text(lib.chroma2_version())


def error_of(status: int, detail: str = "") -> errors.Error:
    """The exception of a status that is not OK."""
    name = text(lib.chroma2_status_name(status))
    kind = errors.BY_STATUS.get(name, errors.InternalError)
    return kind(detail or text(lib.chroma2_status_sentence(status)))


def check(status: int) -> None:
    """Raises what a failed call reports."""
    if status != 0:  # CHROMA2_OK
        raise error_of(status, text(lib.chroma2_error_detail()))


# ------------------------------------------------------------------ arrays


def _array(pins: Pins, values: Any, dtype: Any, ctype: str) -> Any:
    """A pointer to the values as a contiguous array; `pins` keeps it alive."""
    array = np.ascontiguousarray(values, dtype=dtype)
    pins.append(array)
    if array.size == 0:
        return ffi.NULL
    return ffi.from_buffer(f"{ctype}[]", array)


def _doubles(pins: Pins, values: Any) -> Any:
    return _array(pins, values, np.float64, "double")


class _Borrowed:
    """Memory of a C object as NumPy sees it; keeps the object alive."""

    def __init__(self, owner: Any, pointer: Any, dtype: np.dtype[Any], shape: tuple[int, ...]):
        self._owner = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (int(ffi.cast("uintptr_t", pointer)), False),
            "typestr": dtype.str,
            "shape": shape,
        }


# ------------------------------------------------------------------ scenes


@dataclass(frozen=True)
class Table:
    """A property against wavelength (or energy in eV); x None: one constant."""

    x: Floats | None
    y: Floats
    in_ev: bool = False


@dataclass
class MaterialSpec:
    """What chroma2_material holds."""

    name: str
    tables: Mapping[str, Table]
    components: Sequence[Mapping[str, Table]] = ()


@dataclass
class SurfaceSpec:
    """What chroma2_surface holds."""

    name: str
    model: str
    tables: Mapping[str, Table]
    reemission_cdf: Table | None = None
    reemission_delay_cdf: Table | None = None
    faces: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
    angles: Floats | None = None
    angle_tables: Mapping[str, Sequence[Table]] = field(default_factory=dict)


class SolidRecord(NamedTuple):
    """What a solid is to the detector."""

    solid_id: int = NEXT_SOLID_ID
    channel_index: int = -1
    channel_id: int = -1
    efficiency_index: int = 0


@dataclass(frozen=True)
class WarningRecord:
    """One warning of a commit; numbers that say nothing are -1."""

    kind: str
    sentence: str
    count: int
    position: tuple[float, float, float]
    instance: int
    triangle: int
    other_instance: int
    other_triangle: int
    material: int
    surface: int


class Primitive(NamedTuple):
    """What a number in `last_hit_triangles` is."""

    instance: int
    triangle: int
    inside_material: int
    outside_material: int
    surface: int
    solid: SolidRecord
    corners: NDArray[np.float32]


def _fill_table(pins: Pins, target: Any, table: Table | None) -> None:
    if table is None:
        return
    target.y = _doubles(pins, table.y)
    target.x = ffi.NULL if table.x is None else _doubles(pins, table.x)
    target.n = len(table.y)
    target.unit = lib.CHROMA2_TABLE_EV if table.in_ev else lib.CHROMA2_TABLE_NM


def _string(pins: Pins, value: str) -> Any:
    pointer = ffi.new("char[]", value.encode())
    pins.append(pointer)
    return pointer


def _material(pins: Pins, spec: MaterialSpec) -> Any:
    m = ffi.new("chroma2_material *", lib.chroma2_material_default())
    m.name = _string(pins, spec.name)
    for name, table in spec.tables.items():
        _fill_table(pins, getattr(m, name), table)
    components = ffi.new("chroma2_component[]", len(spec.components))
    for target, tables in zip(components, spec.components, strict=True):
        target.size_bytes = lib.chroma2_component_default().size_bytes
        for name, table in tables.items():
            _fill_table(pins, getattr(target, name), table)
    pins.append(components)
    m.components = components
    m.n_components = len(spec.components)
    return m


def _surface(pins: Pins, spec: SurfaceSpec) -> Any:
    s = ffi.new("chroma2_surface *", lib.chroma2_surface_default())
    s.name = _string(pins, spec.name)
    s.model = _string(pins, spec.model)
    tables = ffi.new("chroma2_named_table[]", max(1, len(spec.tables)))
    for target, (name, table) in zip(tables, spec.tables.items(), strict=False):
        target.name = _string(pins, name)
        _fill_table(pins, target.table, table)
    pins.append(tables)
    s.tables = tables
    s.n_tables = len(spec.tables)
    _fill_table(pins, s.reemission_cdf, spec.reemission_cdf)
    _fill_table(pins, s.reemission_delay_cdf, spec.reemission_delay_cdf)
    s.faces = ffi.cast("chroma2_faces", spec.faces)
    values = ffi.new("chroma2_named_value[]", max(1, len(spec.values)))
    for target, (name, value) in zip(values, spec.values.items(), strict=False):
        target.name = _string(pins, name)
        target.value = value
    pins.append(values)
    s.values = values
    s.n_values = len(spec.values)
    if spec.angles is not None:
        s.angles_rad = _doubles(pins, spec.angles)
        s.n_angles = len(spec.angles)
    by_angle = ffi.new("chroma2_angle_table[]", max(1, len(spec.angle_tables)))
    for target, (name, given) in zip(by_angle, spec.angle_tables.items(), strict=False):
        target.name = _string(pins, name)
        rows = ffi.new("chroma2_table[]", max(1, len(given)))
        for i, table in enumerate(given):
            _fill_table(pins, rows[i], table)
        pins.append(rows)
        target.rows = rows
    pins.append(by_angle)
    s.angle_tables = by_angle
    s.n_angle_tables = len(spec.angle_tables)
    return s


def surface_models() -> list[dict[str, Any]]:
    """Every surface model: its name, its meaning, and the names of what it uses."""
    models: list[dict[str, Any]] = []
    found = ffi.new("chroma2_surface_model *")
    found.size_bytes = ffi.sizeof("chroma2_surface_model")
    while lib.chroma2_surface_model_at(len(models), found) == lib.CHROMA2_OK:
        text = {key: ffi.string(getattr(found, key)).decode() for key in ("name", "meaning")}
        used = ("tables", "angle_tables", "values")
        models.append(
            text | {key: tuple(ffi.string(getattr(found, key)).decode().split()) for key in used}
        )
    return models


class PhysicsSwitch(NamedTuple):
    """A switch of the physics, and its value in either preset."""

    name: str
    chroma: int
    precise: int
    meaning: str


def physics_switches() -> list[PhysicsSwitch]:
    """Every switch of the physics."""
    switches: list[PhysicsSwitch] = []
    s = ffi.new("chroma2_physics_switch *")
    s.size_bytes = ffi.sizeof("chroma2_physics_switch")
    while lib.chroma2_physics_switch_at(len(switches), s) == lib.CHROMA2_OK:
        switches.append(PhysicsSwitch(text(s.name), int(s.chroma), int(s.precise), text(s.meaning)))
    return switches


def _fill_solid(target: Any, record: SolidRecord) -> None:
    target.solid_id = record.solid_id
    target.channel_index = record.channel_index
    target.channel_id = record.channel_id
    target.efficiency_index = record.efficiency_index


def _fill_pose(target: Any, rotation: Floats, displacement: Floats) -> None:
    target.rotation = [float(r) for r in np.asarray(rotation).reshape(9)]
    target.displacement_mm = [float(d) for d in np.asarray(displacement).reshape(3)]


class SceneHandle:
    """Owns a chroma2_scene."""

    def __init__(self, pointer: Any):
        self.pointer = ffi.gc(pointer, lib.chroma2_scene_destroy)

    @classmethod
    def create(
        cls,
        grid: tuple[float, float, float] | None,
        strict: bool,
        threads: int,
        max_warnings: int | None = None,
    ) -> SceneHandle:
        """An empty scene; grid is (low, high, step) in nm."""
        options = ffi.new("chroma2_scene_options *", lib.chroma2_scene_options_default())
        options.n_threads = threads
        options.strict = int(strict)
        if max_warnings is not None:
            options.max_warnings = max_warnings
        if grid is not None:
            options.wavelength_low_nm, options.wavelength_high_nm = grid[0], grid[1]
            options.wavelength_step_nm = grid[2]
        out = ffi.new("chroma2_scene **")
        check(lib.chroma2_scene_create(options, out))
        return cls(out[0])

    def edit(self) -> SceneHandle:
        """A new, uncommitted scene with this one's content."""
        out = ffi.new("chroma2_scene **")
        check(lib.chroma2_scene_edit(self.pointer, out))
        return SceneHandle(out[0])

    def add_material(self, spec: MaterialSpec) -> int:
        pins: Pins = []
        out = ffi.new("uint32_t *")
        check(lib.chroma2_scene_add_material(self.pointer, _material(pins, spec), out))
        return int(out[0])

    def add_surface(self, spec: SurfaceSpec) -> int:
        pins: Pins = []
        out = ffi.new("uint32_t *")
        check(lib.chroma2_scene_add_surface(self.pointer, _surface(pins, spec), out))
        return int(out[0])

    def set_material(self, index: int, spec: MaterialSpec) -> None:
        pins: Pins = []
        check(lib.chroma2_scene_set_material(self.pointer, index, _material(pins, spec)))

    def set_surface(self, index: int, spec: SurfaceSpec) -> None:
        pins: Pins = []
        check(lib.chroma2_scene_set_surface(self.pointer, index, _surface(pins, spec)))

    def set_transform(self, instance: int, rotation: Floats, displacement: Floats) -> None:
        pins: Pins = []
        check(
            lib.chroma2_scene_set_instance_transform(
                self.pointer,
                instance,
                _doubles(pins, np.asarray(rotation).reshape(9)),
                _doubles(pins, displacement),
            )
        )

    def set_channel(self, instance: int, channel_index: int, channel_id: int) -> None:
        check(
            lib.chroma2_scene_set_instance_channel(
                self.pointer, instance, channel_index, channel_id
            )
        )

    def add_interface(self, inside: int, outside: int, surface: int) -> int:
        out = ffi.new("uint32_t *")
        check(lib.chroma2_scene_add_interface(self.pointer, inside, outside, surface, out))
        return int(out[0])

    def add_mesh(self, vertices: Any, triangles: Any, interfaces: Any) -> int:
        pins: Pins = []
        out = ffi.new("uint32_t *")
        check(
            lib.chroma2_scene_add_mesh(
                self.pointer,
                _array(pins, vertices, np.float32, "float"),
                len(vertices),
                _array(pins, triangles, np.uint32, "uint32_t"),
                len(triangles),
                _array(pins, interfaces, np.uint32, "uint32_t"),
                out,
            )
        )
        return int(out[0])

    def add_instance(
        self,
        mesh: int,
        rotation: Floats,
        displacement: Floats,
        interface_offset: int,
        solid: SolidRecord,
    ) -> int:
        i = ffi.new("chroma2_instance *", lib.chroma2_instance_default())
        i.mesh = mesh
        i.interface_offset = interface_offset
        _fill_pose(i, rotation, displacement)
        _fill_solid(i.solid, solid)
        out = ffi.new("uint32_t *")
        check(lib.chroma2_scene_add_instance(self.pointer, i, out))
        return int(out[0])

    def add_solid(
        self,
        vertices: Any,
        triangles: Any,
        interfaces: Any,
        rotation: Floats,
        displacement: Floats,
        interface_offset: int,
        solid: SolidRecord,
        solid_of_triangle: Any = None,
        solids: Sequence[SolidRecord] = (),
    ) -> int:
        pins: Pins = []
        s = ffi.new("chroma2_world_solid *", lib.chroma2_world_solid_default())
        s.interface_offset = interface_offset
        s.vertices = _array(pins, vertices, np.float32, "float")
        s.n_vertices = len(vertices)
        s.triangles = _array(pins, triangles, np.uint32, "uint32_t")
        s.n_triangles = len(triangles)
        s.interface_of_triangle = _array(pins, interfaces, np.uint32, "uint32_t")
        _fill_pose(s, rotation, displacement)
        _fill_solid(s.solid, solid)
        if solid_of_triangle is not None:
            s.solid_of_triangle = _array(pins, solid_of_triangle, np.uint32, "uint32_t")
            records = ffi.new("chroma2_solid[]", len(solids))
            for target, record in zip(records, solids, strict=True):
                _fill_solid(target, record)
            pins.append(records)
            s.solids = records
            s.n_solids = len(solids)
        out = ffi.new("uint32_t *")
        check(lib.chroma2_scene_add_solid(self.pointer, s, out))
        return int(out[0])

    def commit(self) -> None:
        check(lib.chroma2_scene_commit(self.pointer))

    def hash(self) -> bytes:
        out = ffi.new("uint8_t[32]")
        check(lib.chroma2_scene_hash(self.pointer, out))
        return bytes(ffi.buffer(out))

    def about(self) -> dict[str, Any]:
        """Sizes of the committed scene."""
        info = ffi.new("chroma2_scene_info *")
        info.size_bytes = ffi.sizeof("chroma2_scene_info")
        check(lib.chroma2_scene_about(self.pointer, info))
        return _plain(info)

    def warnings(self) -> list[WarningRecord]:
        out = []
        for i in range(lib.chroma2_scene_n_warnings(self.pointer)):
            w = ffi.new("chroma2_scene_warning_record *")
            w.size_bytes = ffi.sizeof("chroma2_scene_warning_record")
            check(lib.chroma2_scene_warning(self.pointer, i, w))
            numbers = [
                -1 if n == NOTHING else int(n)
                for n in (
                    w.instance,
                    w.triangle,
                    w.other_instance,
                    w.other_triangle,
                    w.material,
                    w.surface,
                )
            ]
            kind = ffi.string(ffi.cast("chroma2_scene_warning_kind", w.kind))
            x, y, z = w.position_mm
            out.append(
                WarningRecord(
                    kind.removeprefix("CHROMA2_WARNING_"),
                    text(w.sentence),
                    int(w.count),
                    (x, y, z),
                    *numbers,
                )
            )
        return out

    def primitive(self, primitive_id: int) -> Primitive:
        p = ffi.new("chroma2_primitive *")
        p.size_bytes = ffi.sizeof("chroma2_primitive")
        check(lib.chroma2_scene_primitive(self.pointer, primitive_id, p))
        return Primitive(
            int(p.instance),
            int(p.triangle),
            int(p.inside_material),
            int(p.outside_material),
            int(p.surface),
            _solid_record(p.solid),
            np.array(list(p.corner_mm), dtype=np.float32).reshape(3, 3),
        )

    def solid(self, index: int) -> tuple[SolidRecord, tuple[float, float, float]]:
        """A solid by its position among the solids, and its place in mm."""
        record = ffi.new("chroma2_solid *")
        place = ffi.new("double[3]")
        check(lib.chroma2_scene_solid_at(self.pointer, index, record, place))
        return _solid_record(record), (place[0], place[1], place[2])

    def channels(self, n_channels: int) -> NDArray[np.uint32]:
        """Index of the first solid of every channel, `NOTHING` if a channel has none."""
        out = np.full(n_channels, NOTHING, dtype=np.uint32)
        if n_channels:
            check(
                lib.chroma2_scene_channels(
                    self.pointer,
                    ffi.from_buffer("uint32_t[]", out, require_writable=True),
                    n_channels,
                )
            )
        return out

    def material_value(self, material: int, which: str, wavelength_nm: float) -> float:
        """A property as photons see it: which is refractive_index, group_index, ..."""
        out = ffi.new("float *")
        code = getattr(lib, f"CHROMA2_{which.upper()}")
        check(lib.chroma2_scene_material_value(self.pointer, material, code, wavelength_nm, out))
        return float(out[0])


def _solid_record(s: Any) -> SolidRecord:
    return SolidRecord(
        int(s.solid_id), int(s.channel_index), int(s.channel_id), int(s.efficiency_index)
    )


def _plain(struct: Any) -> dict[str, Any]:
    """A flat C struct as a dictionary; size_bytes and reserved fields are left out."""
    out: dict[str, Any] = {}
    for name, kind in ffi.typeof(struct[0]).fields:
        if name == "size_bytes" or name.startswith("reserved"):
            continue
        value = getattr(struct, name)
        if kind.type.kind == "array" and kind.type.item.cname == "char":
            value = text(value)
        elif kind.type.kind == "array":
            value = tuple(value)
        out[name] = value
    return out


# ------------------------------------------------------------------ results


class Column(NamedTuple):
    """One column of a table: the array, or where it stays, and what it means."""

    data: NDArray[Any] | DeviceColumn
    unit: str
    meaning: str


class Columns(Mapping[str, Column]):
    """The columns of one kind of rows, made when they are asked for: views of C memory."""

    def __init__(self, handle: ResultHandle, rows: int) -> None:
        self._handle = handle
        self._rows = rows
        self._made: dict[str, Column] | None = None
        self.n_rows = int(lib.chroma2_result_n_rows(handle.pointer, rows))
        self.is_on_device = handle.is_on_device

    @property
    def names(self) -> tuple[str, ...]:
        """The same for every result."""
        found = _column_names.get(self._rows)
        if found is None:
            found = tuple(
                text(self._handle.column_at(self._rows, i).name)
                for i in range(lib.chroma2_result_n_columns(self._rows))
            )
            _column_names[self._rows] = found
        return found

    def __getitem__(self, name: str) -> Column:
        if self._made is None:
            self._made = {}
        column = self._made.get(name)
        if column is None:
            names = self.names
            if name not in names:
                raise KeyError(name)
            column = self._made[name] = self._handle.column(self._rows, names.index(name))
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __len__(self) -> int:
        return len(self.names)

    def __reduce__(self) -> Any:  # what is pickled is arrays
        return dict, (dict(self),)


_column_names: dict[int, tuple[str, ...]] = {}

_capsule_new: Final = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)(("PyCapsule_New", ctypes.pythonapi))


class ResultHandle:
    """Owns a chroma2_result, or looks at the part that a callback is shown."""

    def __init__(self, pointer: Any, *, owned: bool = True):
        self.pointer = ffi.gc(pointer, lib.chroma2_result_destroy) if owned else pointer
        self._owned = owned
        self._is_on_device: bool | None = None
        self._device: int | None = None

    def columns(self, table: str) -> Mapping[str, Column]:
        """Columns of "hits", ...; of a part, which does not live on: copies."""
        columns = Columns(self, _ROWS[table])
        return columns if self._owned else dict(columns)

    def column_at(self, rows: int, index: int) -> Any:
        """What C says of a column."""
        c = ffi.new("chroma2_result_column *")
        check(lib.chroma2_result_column_at(self.pointer, rows, index, c))
        return c

    def column(self, rows: int, index: int) -> Column:
        c = self.column_at(rows, index)
        dtype = _DTYPES[int(c.dtype)]
        n = int(c.n_rows)
        shape = (n,) if c.n_components == 1 else (n, int(c.n_components))
        data: NDArray[Any] | DeviceColumn
        if self.is_on_device:
            data = self._device_column(rows, index, c.data, shape, dtype)
        elif n == 0:
            data = np.empty(shape, dtype)
        else:
            data = np.asarray(_Borrowed(self, c.data, dtype, shape))
            if not self._owned:
                data = data.copy()
        return Column(data, text(c.unit), text(c.meaning))

    @property
    def is_on_device(self) -> bool:
        """The event had keep_on_device."""
        if self._is_on_device is None:
            about = lib.chroma2_result_about(self.pointer)
            self._is_on_device = bool(about.is_on_device)
            self._device = None if about.device == lib.CHROMA2_HOST_MEMORY else int(about.device)
        return self._is_on_device

    def _device_column(
        self, rows: int, index: int, data: Any, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> DeviceColumn:
        def lend(is_versioned: bool) -> Any:
            out = ffi.new("void **")
            check(lib.chroma2_result_lend(self.pointer, rows, index, is_versioned, out))
            return _capsule_new(
                int(ffi.cast("uintptr_t", out[0])),
                lib.chroma2_python_capsule_name(is_versioned),
                lib.chroma2_python_capsule_end(),
            )

        def read() -> NDArray[Any]:
            values = np.empty(shape, dtype)
            to = ffi.from_buffer(values, require_writable=True) if values.size else ffi.NULL
            check(lib.chroma2_result_read(self.pointer, rows, index, to, values.nbytes))
            return values

        pointer = int(ffi.cast("uintptr_t", data))
        return DeviceColumn(lend, read, pointer, shape, dtype, self._device)

    def ledger(self) -> dict[str, int]:
        return _plain(ffi.new("chroma2_ledger *", lib.chroma2_result_ledger(self.pointer)))

    def info(self) -> dict[str, Any]:
        return _plain(ffi.new("chroma2_result_info *", lib.chroma2_result_about(self.pointer)))


# ------------------------------------------------------------------ callbacks

_in_callback = threading.local()


def in_callback() -> bool:
    """True on a dispatch thread, inside a callback: waiting here would never end."""
    return getattr(_in_callback, "depth", 0) > 0


class _Inside:
    def __enter__(self) -> None:
        _in_callback.depth = getattr(_in_callback, "depth", 0) + 1

    def __exit__(self, *_: object) -> None:
        _in_callback.depth -= 1


class Running:
    """One event from its submission on: C's future, and what C borrows while the event runs."""

    __slots__ = (
        "__weakref__",
        "_handle",
        "_on_done",
        "callback_error",
        "on_block",
        "pins",
        "pointer",
    )

    def __init__(self, on_block: Callable[[ResultHandle], None] | None = None) -> None:
        self.pointer: Any = None
        self.on_block = on_block
        self.pins: Pins | None = None
        self.callback_error: BaseException | None = None
        self._handle: Any = None
        self._on_done: Callable[[], None] | None = None

    @property
    def handle(self) -> Any:
        """What C gives back to callbacks; from now on the object lives until the event is over."""
        if self._handle is None:
            self._handle = ffi.new_handle(self)
            _live.add(self)
        return self._handle

    @property
    def is_borrowed(self) -> bool:
        """C borrows something until the event is over."""
        return self._handle is not None or self.pins is not None

    def attach(self, pointer: Any) -> None:
        """Takes over the future that submit returned."""
        self.pointer = ffi.gc(pointer, lib.chroma2_future_destroy)

    def watch(self, on_done: Callable[[], None]) -> None:
        """Calls back at the event's end, on the dispatch thread, or now if it has ended."""
        if self._on_done is not None:
            return  # it will be called, once
        self._on_done = on_done
        status = lib.chroma2_future_on_done(self.pointer, lib.chroma2_python_on_done, self.handle)
        if status == lib.CHROMA2_WRONG_STATE:
            self.done()
        else:
            check(status)

    def done(self) -> None:
        """The event has ended."""
        on_done = self._on_done
        self.forget()
        if on_done is not None:
            on_done()

    def forget(self) -> None:
        """C borrows nothing any more. Breaks the circles of references."""
        _live.discard(self)
        self.pins = self.on_block = self._on_done = self._handle = None

    def event_id(self) -> int | None:
        """None before the submission."""
        if self.pointer is None:
            return None
        return int(lib.chroma2_future_event_id(self.pointer))

    def is_done(self) -> bool:
        return bool(lib.chroma2_future_is_done(self.pointer))

    def wait(self, timeout: float | None) -> bool:
        """True if the event has ended. Comes back now and then, for Ctrl-C to be heard."""
        left = math.inf if timeout is None else max(0.0, timeout)
        while True:
            begin = time.monotonic()
            status = lib.chroma2_future_wait(self.pointer, int(1e9 * min(left, _LONGEST_WAIT_S)))
            if status == lib.CHROMA2_OK:
                return True
            if status != lib.CHROMA2_NOT_READY:
                check(status)
            left -= time.monotonic() - begin
            if left <= 0:
                return False

    def take(self) -> tuple[ResultHandle | None, errors.Error | None]:
        """What there is, and what the event failed with; once."""
        out = ffi.new(_RESULT_OUT)
        status = lib.chroma2_future_take(self.pointer, out)
        result = ResultHandle(out[0]) if out[0] else None
        return result, None if status == _OK else self._error(status)

    def _error(self, status: int) -> errors.Error:
        cause = self.callback_error
        if cause is None:
            return error_of(status, text(lib.chroma2_error_detail()))
        error = errors.CallbackFailed(f"a callback raised {type(cause).__name__}: {cause}")
        error.__cause__ = cause
        return error

    def cancel(self) -> None:
        lib.chroma2_future_cancel(self.pointer)

    def progress(self) -> tuple[int, int]:
        out = ffi.new("uint64_t[2]")
        lib.chroma2_future_progress(self.pointer, out, out + 1)
        return int(out[0]), int(out[1])


_LONGEST_WAIT_S: Final = 0.1
_OK: Final = int(lib.CHROMA2_OK)
_RESULT_OUT: Final = ffi.typeof("chroma2_result **")
_live: set[Running] = set()


@ffi.def_extern(onerror=None)  # type: ignore[untyped-decorator]
def chroma2_python_on_block(context: Any, part: Any) -> int:
    """One block of a running event."""
    running: Running = ffi.from_handle(context)
    with _Inside():
        try:
            assert running.on_block is not None
            running.on_block(ResultHandle(part, owned=False))
        except BaseException as error:  # it must not cross into C; it fails this event
            running.callback_error = error
            return int(lib.CHROMA2_CALLBACK_FAILED)
    return int(lib.CHROMA2_OK)


@ffi.def_extern()  # type: ignore[untyped-decorator]
def chroma2_python_on_done(context: Any) -> None:
    """The event has ended."""
    running: Running = ffi.from_handle(context)
    with _Inside():
        running.done()


@ffi.def_extern()  # type: ignore[untyped-decorator]
def chroma2_python_on_metrics(context: Any, metrics: Any, n: int) -> None:
    """A snapshot for a subscriber."""
    callback: Callable[[list[Metric]], None] = ffi.from_handle(context)
    with _Inside():
        callback(_metrics(metrics, n))


# ------------------------------------------------------------------ sessions


class Metric(NamedTuple):
    """One number that a session keeps about itself."""

    name: str
    value: int
    unit: str
    kind: str
    meaning: str


_METRIC_KINDS = {
    int(lib.CHROMA2_COUNTER): "counter",
    int(lib.CHROMA2_GAUGE): "gauge",
    int(lib.CHROMA2_HIGH_WATER): "high water",
}


_metric_facts: list[tuple[str, str, str, str]] = []  # name, unit, kind, meaning: always the same


def _metrics(pointer: Any, n: int) -> list[Metric]:
    for i in range(len(_metric_facts), n):
        m = pointer[i]
        _metric_facts.append(
            (text(m.name), text(m.unit), _METRIC_KINDS[int(m.kind)], text(m.meaning))
        )
    return [
        Metric(name, int(pointer[i].value), unit, kind, meaning)
        for i, (name, unit, kind, meaning) in enumerate(_metric_facts[:n])
    ]


@dataclass
class ColumnSpec:
    """One input column [n] or [n, 3]; stride 0 repeats one value."""

    data: NDArray[Any] | DeviceArray
    repeat: bool = False


class SourceImage(NamedTuple):
    """A chroma2_source, and what it points to."""

    pointer: Any
    pins: Pins


def source_image(fields: Mapping[str, Any]) -> SourceImage:
    """What differs from the default, by the names of the C struct."""
    pins: Pins = []
    source = ffi.new("chroma2_source *", lib.chroma2_source_default())
    for name, value in fields.items():
        if isinstance(value, np.ndarray):
            value = _doubles(pins, value)
        elif isinstance(value, tuple):
            value = list(value)
        setattr(source, name, value)
    return SourceImage(source, pins)


# Shared by all events that have none: of many small events each object counts.
NO_NUMBERS: Final[Mapping[str, int | float]] = {}
NO_COLUMNS: Final[Mapping[str, ColumnSpec]] = {}


@dataclass(slots=True)
class EventSpec:
    """What chroma2_event holds, in Python terms; see EventDescriptor for the meaning.

    numbers  those that differ from C's default, by their names there
    """

    numbers: Mapping[str, int | float]
    scene: SceneHandle | None = None
    sources: Sequence[SourceImage] | None = None
    n_batch: int = 0
    columns: Mapping[str, ColumnSpec] = field(default_factory=lambda: NO_COLUMNS)
    track_photons: NDArray[np.uint64] | None = None


def _sources(pins: Pins, sources: Sequence[SourceImage]) -> Any:
    """One array of them; a single one stays where it is."""
    if len(sources) == 1:
        return sources[0].pointer
    out = ffi.new("chroma2_source[]", max(1, len(sources)))
    for i, image in enumerate(sources):
        ffi.memmove(out + i, image.pointer, _SOURCE_BYTES)
    pins.append(out)
    return out


_SOURCE_BYTES: Final = ffi.sizeof("chroma2_source")
_DEFAULT_EVENT: Final = ffi.new("chroma2_event *", lib.chroma2_event_default())
_DEFAULT_EVENT_BYTES: Final = bytes(ffi.buffer(_DEFAULT_EVENT))


def _batch(pins: Pins, spec: EventSpec) -> Any:
    batch = ffi.new("chroma2_photon_batch *", lib.chroma2_photon_batch_default())
    batch.n = spec.n_batch
    streams = set()
    for name, column in spec.columns.items():
        data = column.data
        pins.append(data)
        target = getattr(batch, name)
        if data.dtype not in _CODES:
            raise errors.InvalidType(f"{name} is {data.dtype} (it must hold float32 or uint32)")
        is_vector = len(data.shape) == 2
        if isinstance(data, DeviceArray):
            target.data = ffi.cast("void *", data.pointer)
            batch.device = data.device
            streams.add(data.ordered_stream())
        else:
            target.data = ffi.cast("void *", data.ctypes.data)
        target.dtype = _CODES[data.dtype]
        target.stride_bytes = 0 if column.repeat or not data.shape else data.strides[0]
        target.component_stride_bytes = data.strides[-1] if is_vector else 0
    streams.discard(0)
    if len(streams) > 1:
        raise errors.Unsupported(
            f"the photons' arrays are ready on {len(streams)} streams (one is needed). "
            "Make them on one stream, or synchronize before?"
        )
    batch.stream = ffi.cast("void *", streams.pop() if streams else 0)
    pins.append(batch)
    return batch


def _fill_event(pins: Pins, e: Any, spec: EventSpec) -> None:
    """Writes what differs from the default into a chroma2_event that holds the default."""
    for name, value in spec.numbers.items():
        setattr(e, name, value)
        if name == "seed":
            e.has_seed = 1
    if spec.scene is not None:
        e.scene = spec.scene.pointer
        pins.append(spec.scene)
    if spec.sources is not None:
        e.sources = _sources(pins, spec.sources)
        e.n_sources = len(spec.sources)
    else:
        e.batch = _batch(pins, spec)
    if spec.track_photons is not None:
        e.track_photons = _array(pins, spec.track_photons, np.uint64, "uint64_t")
        e.n_track_photons = len(spec.track_photons)


def _events(n: int) -> Any:
    """n chroma2_events at their default, at least one."""
    events = ffi.new("chroma2_event[]", max(1, n))
    ffi.buffer(events)[:] = _DEFAULT_EVENT_BYTES * max(1, n)
    return events


def _event(pins: Pins, spec: EventSpec) -> Any:
    e = _events(1)
    _fill_event(pins, e[0], spec)
    pins.append(e)
    return e


class CheckpointHandle:
    """Owns a chroma2_checkpoint."""

    def __init__(self, path: str):
        out = ffi.new("chroma2_checkpoint **")
        check(lib.chroma2_checkpoint_open(os.fsencode(path), out))
        self.pointer = ffi.gc(out[0], lib.chroma2_checkpoint_close)

    def about(self) -> dict[str, Any]:
        info = ffi.new("chroma2_checkpoint_info *")
        info.size_bytes = ffi.sizeof("chroma2_checkpoint_info")
        check(lib.chroma2_checkpoint_about(self.pointer, info))
        note = bytes(ffi.buffer(info.note, info.note_bytes)) if info.note_bytes else b""
        return _plain(info) | {"note": note, "scene_hash": bytes(info.scene_hash)}

    def event(self, index: int) -> dict[str, Any]:
        """A pending event: its numbers, `sources` or `photons`, `track_photons`, `scene_hash`."""
        e = ffi.new("chroma2_event *")
        scene_hash = ffi.new("uint8_t[32]")
        check(lib.chroma2_checkpoint_event(self.pointer, index, e, scene_hash))
        n_tracks = int(e.n_track_photons)
        return {
            "scene_hash": bytes(scene_hash),
            "event_id": int(e.event_id),
            "seed": int(e.seed) if e.has_seed else None,
            "max_steps": int(e.max_steps),
            "t0_ns": float(e.t0_ns),
            "keep": int(e.keep),
            "ordered": e.order == lib.CHROMA2_ORDER_SORTED,
            "first_photon": int(e.first_photon),
            "n_photons": None if e.n_photons == ALL_PHOTONS else int(e.n_photons),
            "user_tag": int(e.user_tag),
            "block_log2": int(e.block_log2),
            "use_weights": bool(e.use_weights),
            "scatter_first": int(e.scatter_first),
            "prescale": float(e.prescale),
            "track_photons": _copied(e.track_photons, (n_tracks,), np.dtype(np.uint64))
            if e.track_photons != ffi.NULL and n_tracks
            else None,
            "sources": [_source_fields(e.sources[i]) for i in range(e.n_sources)],
            "photons": {} if e.batch == ffi.NULL else _batch_columns(e.batch),
        }


def _copied(pointer: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    n = int(np.prod(shape))
    return np.frombuffer(ffi.buffer(pointer, n * dtype.itemsize), dtype).reshape(shape).copy()


_SOURCE_LENGTHS = {
    "spectrum_nm": "n_spectrum",
    "spectrum": "n_spectrum",
    "decay_weight": "n_decays",
    "decay_ns": "n_decays",
    "rise_ns": "n_decays",
}


def _source_fields(source: Any) -> dict[str, Any]:
    """The inverse of `source_image`: kind, and what differs from the default."""
    usual = lib.chroma2_source_default()
    fields: dict[str, Any] = {"kind": int(source.kind)}
    for name, kind in ffi.typeof("chroma2_source").fields:
        value = getattr(source, name)
        if name in ("size_bytes", "kind"):
            continue
        if name in _SOURCE_LENGTHS:
            if value != ffi.NULL:
                n = getattr(source, _SOURCE_LENGTHS[name])
                fields[name] = _copied(value, (n,), np.dtype(np.float64))
        elif kind.type.kind == "array":
            if tuple(value) != tuple(getattr(usual, name)):
                fields[name] = tuple(value)
        elif value != getattr(usual, name):
            fields[name] = value
    return fields


_BATCH_NAMES = {
    "position": "pos",
    "direction": "dir",
    "polarization": "pol",
    "wavelength": "wavelengths",
    "time": "t",
    "history": "flags",
}


def _batch_columns(batch: Any) -> dict[str, NDArray[Any]]:
    """The columns of a batch by their names in Photons."""
    out = {}
    for name, ours in _BATCH_NAMES.items():
        column = getattr(batch, name)
        if column.data == ffi.NULL:
            continue
        dtype = _DTYPES[int(column.dtype)]
        if dtype == np.float64:
            raise errors.Unsupported(
                f"photons.{ours} was given as float64, which Photons cannot hold (restore the "
                "checkpoint from C)"
            )
        n = int(batch.n)
        has_three = column.stride_bytes == 3 * dtype.itemsize
        out[ours] = _copied(column.data, (n, 3) if has_three else (n,), dtype)
    return out


class _Call:
    """A call in progress: the session's memory stays until the last one has returned."""

    def __init__(self, session: SessionHandle):
        self._session = session

    def __enter__(self) -> Any:
        s = self._session
        with s._lock:
            if s._is_closed:
                raise errors.Closed("the session is closed")
            s._calls += 1
            return s.pointer

    def __exit__(self, *_: object) -> None:
        s = self._session
        with s._lock:
            s._calls -= 1
        s._release_if_unused()


class SessionHandle:
    """Owns a chroma2_session."""

    def __init__(
        self,
        options: Mapping[str, Any],
        scene: SceneHandle,
        checkpoint: CheckpointHandle | None = None,
    ):
        pins: Pins = []
        o = ffi.new("chroma2_session_options *", lib.chroma2_session_options_default())
        for name, value in options.items():
            if name == "devices":
                o.devices = _array(pins, value, np.int32, "int32_t")
                o.n_devices = len(value)
            elif isinstance(value, str):
                setattr(o, name, _string(pins, value))
            else:
                setattr(o, name, value)
        out = ffi.new("chroma2_session **")
        if checkpoint is None:
            check(lib.chroma2_session_open(o, scene.pointer, out))
        else:
            check(lib.chroma2_session_restore(o, scene.pointer, checkpoint.pointer, out))
        self.pointer = out[0]
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._calls = 0
        self._is_closed = False
        self._subscriptions: dict[int, Any] = {}
        _sessions.add(self)

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def require_here(self) -> None:
        """Raises if this process is a fork of the one that opened the session."""
        if os.getpid() != self.pid:
            raise errors.SessionAfterFork(
                "the session belongs to the parent process (threads do not survive a fork). "
                "Open another one in the child?"
            )

    def _inside(self) -> _Call:
        self.require_here()
        return _Call(self)

    def about(self) -> dict[str, Any]:
        info = ffi.new("chroma2_session_info *")
        with self._inside() as session:
            check(lib.chroma2_session_about(session, info))
        return _plain(info)

    def set_scene(self, scene: SceneHandle) -> None:
        with self._inside() as session:
            check(lib.chroma2_session_set_scene(session, scene.pointer))

    def submit(self, specs: Sequence[EventSpec], running: Sequence[Running]) -> None:
        """Submits all of the events or none."""
        n = len(specs)
        pins: Pins = []
        events = _events(n)
        for i, (spec, run) in enumerate(zip(specs, running, strict=True)):
            event = events[i]
            if spec.n_batch:
                run.pins = []
            _fill_event(pins if run.pins is None else run.pins, event, spec)
            if run.on_block is not None:
                event.on_block = lib.chroma2_python_on_block
                event.on_block_context = run.handle
        futures = ffi.new("chroma2_future *[]", max(1, n))
        try:
            with self._inside() as session:
                check(lib.chroma2_session_submit_many(session, events, n, futures))
        except BaseException:
            for run in running:
                run.forget()
            raise
        for i, run in enumerate(running):
            run.attach(futures[i])

    def checkpoint(self, path: str, note: bytes, unsaved: Sequence[EventSpec]) -> None:
        pins: Pins = []
        options = ffi.new("chroma2_checkpoint_options *", lib.chroma2_checkpoint_options_default())
        events = _events(len(unsaved))
        for i, spec in enumerate(unsaved):
            _fill_event(pins, events[i], spec)
        options.unsaved = events
        options.n_unsaved = len(unsaved)
        options.note = ffi.from_buffer(note)
        options.note_bytes = len(note)
        with self._inside() as session:
            check(lib.chroma2_session_checkpoint(session, os.fsencode(path), options))

    def intersect(
        self, origins: NDArray[np.float32], directions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
        pins: Pins = []
        n = len(origins)
        distance = np.empty(n, np.float32)
        triangle = np.empty(n, np.int32)
        instance = np.empty(n, np.int32)
        with self._inside() as session:
            if n:
                check(
                    lib.chroma2_session_intersect(
                        session,
                        _array(pins, origins, np.float32, "float"),
                        _array(pins, directions, np.float32, "float"),
                        n,
                        ffi.from_buffer("float[]", distance, require_writable=True),
                        ffi.from_buffer("int32_t[]", triangle, require_writable=True),
                        ffi.from_buffer("int32_t[]", instance, require_writable=True),
                    )
                )
        return distance, triangle, instance

    def replay(self, spec: EventSpec, photon_ids: NDArray[np.uint64]) -> ResultHandle:
        pins: Pins = []
        out = ffi.new("chroma2_result **")
        with self._inside() as session:
            check(
                lib.chroma2_session_replay(
                    session,
                    _event(pins, spec),
                    _array(pins, photon_ids, np.uint64, "uint64_t"),
                    len(photon_ids),
                    out,
                )
            )
        return ResultHandle(out[0])

    def count_photons(self, spec: EventSpec) -> int:
        pins: Pins = []
        out = ffi.new("uint64_t *")
        with self._inside() as session:
            check(lib.chroma2_session_count_photons(session, _event(pins, spec), out))
        return int(out[0])

    def metrics(self) -> list[Metric]:
        n = ffi.new("size_t *")
        with self._inside() as session:
            check(lib.chroma2_session_metrics(session, ffi.NULL, 0, n))
            capacity = int(n[0])
            array = ffi.new("chroma2_metric[]", max(1, capacity))
            check(lib.chroma2_session_metrics(session, array, capacity, n))
            return _metrics(array, min(capacity, int(n[0])))

    def subscribe(self, callback: Callable[[list[Metric]], None], period_ms: int) -> int:
        handle = ffi.new_handle(callback)
        out = ffi.new("uint32_t *")
        with self._inside() as session:
            check(
                lib.chroma2_session_subscribe(
                    session, lib.chroma2_python_on_metrics, handle, period_ms, out
                )
            )
        self._subscriptions[int(out[0])] = (handle, callback)
        return int(out[0])

    def unsubscribe(self, subscription: int) -> None:
        with self._inside() as session:
            lib.chroma2_session_unsubscribe(session, subscription)
        self._subscriptions.pop(subscription, None)

    def close(self, cancel: bool) -> None:
        """Closes, and frees once no call is in progress; a second call does nothing."""
        if self._is_closed or os.getpid() != self.pid:
            return
        mode = lib.CHROMA2_CLOSE_CANCEL if cancel else lib.CHROMA2_CLOSE_DRAIN
        with self._inside() as session:
            check(lib.chroma2_session_close(session, mode))
            self._is_closed = True
        _sessions.discard(self)

    def _release_if_unused(self) -> None:
        with self._lock:
            if not self._is_closed or self._calls or self.pointer is None:
                return
            pointer, self.pointer = self.pointer, None
        lib.chroma2_session_destroy(pointer)
        self._subscriptions.clear()

    def __del__(self) -> None:
        pointer = getattr(self, "pointer", None)
        if pointer is None or os.getpid() != self.pid:
            return
        self.pointer = None
        if in_callback():  # the dispatch thread cannot wait for itself
            keep = self._subscriptions
            threading.Thread(
                target=lambda: (lib.chroma2_session_destroy(pointer), keep), daemon=True
            ).start()
        else:
            lib.chroma2_session_destroy(pointer)


_sessions: weakref.WeakSet[SessionHandle] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """No callback may reach an interpreter that is going away."""
    for session in list(_sessions):
        session.close(cancel=True)


def history_bits() -> dict[str, int]:
    """History names and bit numbers of the C library, for the tests."""
    prefix, suffix = "CHROMA2_HISTORY_", "_SHIFT"
    names: Iterable[str] = dir(lib)
    return {
        name[len(prefix) : -len(suffix)]: int(getattr(lib, name))
        for name in names
        if name.startswith(prefix) and name.endswith(suffix)
    }
