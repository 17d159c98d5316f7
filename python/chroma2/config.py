# SPDX-License-Identifier: BSD-3-Clause
"""A run as a TOML file: ``chroma2 run config.toml``.

    [detector]
    python = "my_detector:build"     # a function that returns a chroma2.Detector

    [session]                        # options of chroma2.Session
    seed = 1
    threads = 4

    [[sources]]                      # functions of chroma2.sources: kind, and their arguments
    kind = "isotropic"
    n = 100000
    pos = [0, 0, 0]
    wavelength = 400.0

    [event]
    n_events = 10
    keep = ["hits"]
    max_steps = 1000

    [output]
    path = "results.h5"

A key that nobody knows is an error that names it.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import os
import pathlib
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chroma2 import sources as sources_module
from chroma2.detector import Detector
from chroma2.errors import Error, InvalidConfig
from chroma2.event import EventDescriptor
from chroma2.sources import Source

_T = TypeVar("_T")


@dataclass
class DetectorConfig:
    """python: "module:function", which returns a chroma2.Detector."""

    python: str = ""


@dataclass
class SessionConfig:
    """Options of chroma2.Session; what is not given keeps its default. `trace` is relative to the
    configuration's folder."""

    device_id: int | str | list[int | str] | None = None
    seed: int = 0
    physics: str = "chroma"
    switches: str | dict[str, Any] | None = None
    threads: int | None = None
    memory_bytes: int | None = None
    chunk_size: int | None = None
    queue_capacity: int | None = None
    microsteps: int | None = None
    tree: int | str = "auto"
    cull: bool = True
    events_in_flight: int | None = None
    open_blocks: int | None = None
    secondaries: bool | None = None
    compact_occupancy: float | None = None
    compact_age_us: int | None = None
    weights: bool = False
    kernel: str | None = None
    lifetime: str | None = None
    epoch_us: int | None = None
    pinned_bytes: int | None = None
    device_result_bytes: int | None = None
    held_timeout: float | None = None
    trace: str | None = None
    metrics_port: int | None = None


@dataclass
class EventConfig:
    """How many events, numbered from first_event_id, and what to keep of each."""

    n_events: int = 1
    first_event_id: int = 0
    keep: list[str] = field(default_factory=lambda: ["hits"])
    max_steps: int = 1000
    t0: float = 0.0
    use_weights: bool = False
    scatter_first: int = 0
    prescale: float = 1.0


@dataclass
class OutputConfig:
    """Where results go; see chroma2.io.hdf5.Writer. checkpoint_s: seconds between checkpoints."""

    path: str = "results.h5"
    keep_start: str = "hits"
    overwrite: bool = False
    compression: str | None = None
    flush_rows: int = 1 << 20
    checkpoint_s: float = 60.0


@dataclass
class Config:
    """A whole run."""

    detector: DetectorConfig
    session: SessionConfig
    sources: list[dict[str, Any]]
    event: EventConfig
    output: OutputConfig

    def source_list(self) -> list[Source]:
        """The light sources of every event."""
        return make_sources(self.sources)

    def descriptors(self) -> Iterator[EventDescriptor]:
        """The events, in order, made when they are asked for."""
        light = self.source_list()
        e = self.event
        for i in range(e.n_events):
            yield EventDescriptor(
                sources=light,
                event_id=e.first_event_id + i,
                keep=tuple(e.keep),
                max_steps=e.max_steps,
                t0=e.t0,
                use_weights=e.use_weights,
                scatter_first=e.scatter_first,
                prescale=e.prescale,
            )


def load(path: str | os.PathLike[str]) -> Config:
    """Reads a TOML file. Raises InvalidConfig, naming the key."""
    where = pathlib.Path(path)
    try:
        with where.open("rb") as file:
            record = tomllib.load(file)
    except OSError as error:
        raise InvalidConfig(f"{where} cannot be read ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfig(f"{where} is not TOML ({error})") from None
    return from_dict(record)


def from_dict(record: Mapping[str, Any]) -> Config:
    """A run from nested dictionaries, as TOML gives them. Raises InvalidConfig."""
    tables = ("detector", "session", "sources", "event", "output")
    for key in record:
        if key not in tables:
            raise InvalidConfig(_unknown("the file", key, tables, kind="table"))
    light = record.get("sources", [])
    if not isinstance(light, list) or not all(isinstance(s, Mapping) for s in light):
        raise InvalidConfig("sources must be written as [[sources]], one block a source")
    config = Config(
        _fill(DetectorConfig, "detector", record.get("detector", {})),
        _fill(SessionConfig, "session", record.get("session", {})),
        [dict(s) for s in light],
        _fill(EventConfig, "event", record.get("event", {})),
        _fill(OutputConfig, "output", record.get("output", {})),
    )
    if not config.detector.python:
        raise InvalidConfig('[detector] needs python = "module:function"')
    if not config.sources:
        raise InvalidConfig("the file has no [[sources]] (an event needs light)")
    if config.event.n_events < 1:
        raise InvalidConfig(f"event.n_events is {config.event.n_events} (it must be > 0)")
    return config


def make_sources(records: list[dict[str, Any]]) -> list[Source]:
    """Light sources from dictionaries of kind and arguments. Raises InvalidConfig."""
    makers: dict[str, Callable[..., Source | list[Source]]] = {
        "isotropic": sources_module.isotropic,
        "cone": sources_module.cone,
        "beam": sources_module.beam,
        "volume": sources_module.volume,
        "scintillation": sources_module.scintillation,
        "cherenkov": sources_module.cherenkov,
        "muon": sources_module.muon,
    }
    out: list[Source] = []
    for i, record in enumerate(records):
        arguments = dict(record)
        kind = arguments.pop("kind", None)
        if kind not in makers:
            raise InvalidConfig(
                f"sources[{i}].kind is {kind!r} (it must be one of {', '.join(makers)})"
            )
        known = tuple(inspect.signature(makers[kind]).parameters)
        for key in arguments:
            if key not in known:
                raise InvalidConfig(_unknown(f"sources[{i}] ({kind})", key, known))
        try:
            made = makers[kind](**arguments)
        except TypeError as error:
            raise InvalidConfig(f"sources[{i}] ({kind}): {error}") from None
        except Error as error:
            raise InvalidConfig(f"sources[{i}] ({kind}): {error}") from error
        out += sources_module.flatten(made)
    return out


def load_detector(name: str, *folders: str | os.PathLike[str]) -> Detector:
    """The detector that "module:function" returns.

    folders  searched for the module before Python's own path
    Raises InvalidConfig if it is not there or returns something else.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise InvalidConfig(f'detector is {name!r} (it must read "module:function")')
    saved = list(sys.path)
    sys.path[:0] = [os.fspath(pathlib.Path(f).resolve()) for f in folders]
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InvalidConfig(f"detector {name!r}: {error}") from None
    finally:
        sys.path[:] = saved
    function = getattr(module, function_name, None)
    if not callable(function):
        raise InvalidConfig(f"detector {name!r}: {module_name} has no function {function_name!r}")
    made = function()
    if not isinstance(made, Detector):
        raise InvalidConfig(
            f"detector {name!r} returned a {type(made).__name__} (it must be a chroma2.Detector)"
        )
    made.source = name
    return made


def _fill(kind: type[_T], table: str, record: Any) -> _T:
    if not isinstance(record, Mapping):
        raise InvalidConfig(f"{table} must be a table: [{table}]")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key, value in record.items():
        if key not in fields:
            raise InvalidConfig(_unknown(f"[{table}]", key, tuple(fields)))
        wish = str(fields[key].type)
        if not _fits(value, wish):
            raise InvalidConfig(f"{table}.{key} is {value!r} (it must be: {wish})")
    return kind(**record)


def _fits(value: Any, wish: str) -> bool:
    names = {
        "int": int,
        "float": (int, float),
        "str": str,
        "bool": bool,
        "list": list,
        "dict": dict,
        "None": type(None),
    }
    for part in _split(wish):
        base = part.partition("[")[0].strip()
        if base in ("int", "float") and isinstance(value, bool):
            continue
        if base in names and isinstance(value, names[base]):  # type: ignore[arg-type]
            return True
    return False


def _split(wish: str) -> list[str]:
    """The alternatives of a type, without those inside brackets."""
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(wish):
        depth += (letter == "[") - (letter == "]")
        if letter == "|" and depth == 0:
            parts.append(wish[start:i])
            start = i + 1
    return [p.strip() for p in [*parts, wish[start:]]]


def _unknown(where: str, key: str, known: tuple[str, ...], kind: str = "key") -> str:
    near = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{where} has an unknown {kind} {key!r} ({hint}known: {', '.join(known)})"
