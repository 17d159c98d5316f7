# SPDX-License-Identifier: BSD-3-Clause
"""A session: devices, memory, threads; events go in, futures come out."""

from __future__ import annotations

import dataclasses
import os
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2 import _capi
from chroma2.checkpoint import Checkpoint
from chroma2.detector import Detector, Scene
from chroma2.errors import InvalidArgument, InvalidType, RepeatedEventWarning
from chroma2.event import EventDescriptor, photon_ids
from chroma2.future import Future
from chroma2.photons import Photons
from chroma2.result import Result

if TYPE_CHECKING:
    from chroma2.telemetry import MetricsServer

DeviceId = int | Literal["cpu"] | Sequence[int | Literal["cpu"]] | None
Tree = Literal["auto", "brute"] | int
Metric = _capi.Metric

_TREES = {"auto": 0, "brute": 1}


class Intersection(NamedTuple):
    """Nearest hits of n rays.

    distance  [n] float32 mm, along the unit direction; inf if nothing is met
    triangle  [n] int32, as in last_hit_triangles; -1 if nothing is met
    instance  [n] int32, solid in order of addition; -1 likewise
    """

    distance: NDArray[np.float32]
    triangle: NDArray[np.int32]
    instance: NDArray[np.int32]


class _Restored(NamedTuple):
    """A detector whose session goes on from a checkpoint."""

    detector: Detector | Scene
    checkpoint: Checkpoint


class Session:
    """Opens devices on a detector; a context manager.

    device_id       None: the first GPU if there is one, else the CPU; "cpu"; a GPU's number; or a
                    list of these
    detector        a Detector, which is built, or a Scene
    seed            [0, 2^64): same seed, same light, on any device, with any options below
    physics         "chroma" (as Chroma did it) or "precise"
    switches        single switches over the preset: {"timing": 1}, or "timing=1 ..."
    threads         worker threads; None: all cores. Half as many, 2 to 8, pack arrays
    memory_bytes    pages, rings and staging, >= 64 MiB; None: 256 MiB, on a GPU a quarter of what is
                    free, 8 GiB at most. The detector and the results come on top
    chunk_size      photons that a worker claims at most
    queue_capacity  photons alive at once; None: what memory_bytes allows
    microsteps      steps before a photon goes back to the ring
    tree            "auto", "brute", 4 or 8 (width), 14 or 18 (with boxes on a grid): how the
                    nearest hit is found
    cull            False searches beyond the free path: the same results, slower
    weights         room for events with use_weights or scatter_first: 4 bytes more a photon
    kernel          how photons are brought to a GPU's lanes: "thread", "chunk", "refill", "pool",
                    "wavefront", "specialized", "hybrid"; None: the fastest known
    lifetime        of a GPU's kernel: "epoch" (None), or "session"
    epoch_us        length of its epochs; None: 4000
    pinned_bytes    of memory_bytes, for results with keep_pinned: 256 KiB, some 3,000 hits, each;
                    None: what the rest leaves, at most 1/32
    device_result_bytes  of memory_bytes, for results with keep_on_device, some 100 bytes a hit;
                    None: what the rest leaves, at most 1/8. The CPU needs none
    held_timeout    seconds that submitting waits if all pinned memory is held, before ResultsHeld
                    is raised; None: 1
    trace           a file that becomes a trace for Perfetto (https://ui.perfetto.dev): what ran
                    when; whole once the session is closed
    metrics_port    serves the metrics to Prometheus at http://127.0.0.1:PORT/metrics, to this
                    machine only; 0: any free port, see `Session.metrics_port`
    events_in_flight, open_blocks, secondaries, compact_occupancy, compact_age_us
                    see chroma2/session.h; None: its default

    None of the options but seed, physics and switches changes a result.
    Raises InvalidArgument, NoDevice, OutOfMemory, and what building the detector raises.
    """

    def __init__(
        self,
        device_id: DeviceId = None,
        detector: Detector | Scene | _Restored | None = None,
        seed: int = 0,
        *,
        physics: str = "chroma",
        switches: str | Mapping[str, Any] | None = None,
        threads: int | None = None,
        memory_bytes: int | None = None,
        chunk_size: int | None = None,
        queue_capacity: int | None = None,
        microsteps: int | None = None,
        tree: Tree = "auto",
        cull: bool = True,
        events_in_flight: int | None = None,
        open_blocks: int | None = None,
        secondaries: bool | None = None,
        compact_occupancy: float | None = None,
        compact_age_us: int | None = None,
        weights: bool = False,
        kernel: str | None = None,
        lifetime: str | None = None,
        epoch_us: int | None = None,
        pinned_bytes: int | None = None,
        device_result_bytes: int | None = None,
        held_timeout: float | None = None,
        trace: str | os.PathLike[str] | None = None,
        metrics_port: int | None = None,
    ) -> None:
        begin: _capi.CheckpointHandle | None = None
        if isinstance(detector, _Restored):
            begin, detector = detector.checkpoint._handle, detector.detector
        self.pending: list[Future] = []
        self.note = b""
        self._scene = _scene_of(detector)
        self._seen: set[tuple[int, int | None]] = set()
        options: dict[str, Any] = {"seed": _option("seed", seed, 2**64 - 1)}
        devices = _devices(device_id)
        if devices is not None:
            options["devices"] = devices
        if not isinstance(physics, str):
            raise InvalidType(f"physics is {physics!r} (it must be 'chroma' or 'precise')")
        if physics:
            options["physics"] = physics
        if switches is not None:
            options["switches"] = _switches(switches)
        limits = (
            ("threads", threads, 2**32 - 1),
            ("memory_bytes", memory_bytes, 2**64 - 1),
            ("chunk_size", chunk_size, 2**32 - 1),
            ("queue_capacity", queue_capacity, 2**64 - 1),
            ("microsteps", microsteps, 2**32 - 1),
            ("events_in_flight", events_in_flight, 2**32 - 1),
            ("open_blocks", open_blocks, 2**32 - 1),
            ("compact_age_us", compact_age_us, 2**32 - 1),
            ("epoch_us", epoch_us, 2**32 - 1),
            ("pinned_bytes", pinned_bytes, 2**64 - 1),
            ("device_result_bytes", device_result_bytes, 2**64 - 1),
        )
        for name, value, high in limits:
            if value is not None:
                options[name] = _option(name, value, high, low=1)
        options["tree"] = _tree(tree)
        options["no_cull"] = int(not _flag("cull", cull))
        options["weights"] = int(_flag("weights", weights))
        if secondaries is not None:
            options["secondaries"] = int(_flag("secondaries", secondaries))
        if compact_occupancy is not None:
            options["compact_occupancy"] = float(compact_occupancy)
        for name, choice in (("kernel", kernel), ("lifetime", lifetime)):
            if choice is not None:
                if not isinstance(choice, str):
                    raise InvalidType(f"{name} is {choice!r} (it must be a name)")
                options[name] = choice
        if held_timeout is not None:
            if not 0.001 <= held_timeout <= 4e6:
                raise InvalidArgument(
                    f"held_timeout is {held_timeout} s (it must lie in [0.001, 4e6])"
                )
            options["held_timeout_ms"] = round(1000 * held_timeout)
        if trace is not None:
            options["trace_path"] = os.fspath(trace)
        if metrics_port is not None:
            metrics_port = _option("metrics_port", metrics_port, 65535)
        self._handle = _capi.SessionHandle(options, self._scene._handle, begin)
        self._server = None if metrics_port is None else self._serve(metrics_port)

    @classmethod
    def restore(
        cls,
        path: str | os.PathLike[str] | Checkpoint,
        detector: Detector | Scene,
        *,
        scenes: Sequence[Scene] = (),
        prepare: Callable[[EventDescriptor], EventDescriptor] | None = None,
        device_id: DeviceId = None,
        **options: Any,
    ) -> Self:
        """Opens a session that goes on where a checkpoint stands, on any device.

        path      the file, or a Checkpoint that was read from it
        detector  the session's; its scene hash must be the checkpoint's
        scenes    for events that ran in scenes of their own
        prepare   gives each pending event what a file cannot hold, such as on_block, before it is
                  submitted: takes the descriptor and returns it, or another one
        options   as of Session. Seed, physics and switches are the checkpoint's; if given, they
                  must agree

        `pending` then holds the futures of the events that went on, in the order of submission,
        `note` the caller's own bytes.
        Raises FileFailed, InvalidFile (damaged, cut short), FileMismatch (other scene, seed,
        physics, or version), and what Session raises.
        """
        checkpoint = path if isinstance(path, Checkpoint) else Checkpoint(path)
        options.setdefault("physics", "")
        session = cls(device_id, _Restored(detector, checkpoint), **options)
        try:
            events = checkpoint.events(scenes)
            if prepare is not None:
                events = [prepare(event) for event in events]
            for event in events:
                session.pending.append(session.submit_event(event))
        except BaseException:
            session.close(cancel=True)
            raise
        session.note = checkpoint.note
        return session

    def checkpoint(
        self,
        path: str | os.PathLike[str],
        *,
        unsaved: Iterable[Future] = (),
        note: bytes = b"",
    ) -> None:
        """Writes where the session stands: `restore` goes on from there, with the same bytes.

        path     replaced at once when the new file is whole, never left half written
        unsaved  futures whose results you have not stored yet: their events count as pending even
                 if they have ended. Other ended events are done
        note     your own state; comes back as `restore(...).note`

        Of an event with on_block or on_hits, blocks whose callback has returned are done.
        Raises FileFailed, DiskFull: an older file stays as it is, and the session goes on.
        """
        specs = []
        for future in unsaved:
            event = dataclasses.replace(
                future.descriptor, event_id=future.event_id, on_hits=None, on_block=None
            )
            specs.append(self._spec(event))
        self._handle.checkpoint(os.fspath(path), bytes(note), specs)

    # ---- about

    @property
    def scene(self) -> Scene:
        """The session's detector, built: the last that it was given."""
        return self._scene

    @property
    def info(self) -> dict[str, Any]:
        """backend, device, physics, switches, arithmetic, seed, memory_bytes, scene_bytes,
        queue_capacity, threads, chunk_size, microsteps, tree, tree_build_s."""
        return self._handle.about()

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._handle.is_closed

    def __repr__(self) -> str:
        if self.closed:
            return "<Session: closed>"
        i = self.info
        return (
            f"<Session on {i['backend']} ({i['device']}): physics {i['physics']!r}, "
            f"seed {i['seed']}, {i['memory_bytes'] / 2**20:.0f} MiB, {self._scene!r}>"
        )

    def set_scene(self, detector: Detector | Scene) -> None:
        """Gives the session another detector, usually an edited one: `scene.edited(...)`.

        Later events without a detector of their own see it; those submitted before keep theirs.
        Only what no scene of the session has yet travels to the device: the metric
        scene_bytes_uploaded counts it.
        Raises Unsupported if it makes secondaries and the session has no room for them.
        """
        scene = _scene_of(detector)
        self._handle.set_scene(scene._handle)
        self._scene = scene

    # ---- events

    def submit_event(self, event: EventDescriptor) -> Future:
        """Starts tracking one event; returns its future as soon as it is accepted.

        Waits while the queue of accepted events is full. Photons that can be written to are
        copied.
        Raises InvalidArgument, InvalidPhoton (names array, index, value, rule), OutOfMemory,
        Closed, WrongThread (from a callback, if the queue is full), SessionAfterFork, ResultsHeld
        (an event with keep_pinned, if all pinned memory is held by results).
        """
        return self.submit_events([event])[0]

    def submit_events(self, events: Iterable[EventDescriptor]) -> list[Future]:
        """Starts several events: all are accepted, or none is. Raises as `submit_event`."""
        descriptors = list(events)
        if not descriptors:
            return []
        self._handle.require_here()
        specs = [self._spec(d) for d in descriptors]
        futures = [self._future(d) for d in descriptors]
        self._handle.submit(specs, [future._running for future in futures])
        for future in futures:
            if future._running.is_borrowed:
                future._running.watch(future._settle)
        self._remember(descriptors)
        return futures

    def _future(self, event: EventDescriptor) -> Future:
        scene = self._scene if event.detector is None else _scene_of(event.detector)
        future = Future(self, event, scene, _capi.Running())
        if event.on_hits is not None or event.on_block is not None:
            future._running.on_block = future._on_block
        return future

    def simulate(
        self,
        events: EventDescriptor | Photons | Iterable[EventDescriptor | Photons],
        *,
        in_flight: int = 16,
        **options: Any,
    ) -> Iterator[Result]:
        """Results of many events, in their order, made while they are asked for.

        events     descriptors, or Photons, which become descriptors with `options` (keep, ...)
        in_flight  events submitted ahead of the one waited for
        """
        if isinstance(events, (EventDescriptor, Photons)):
            events = [events]
        waiting: deque[Future] = deque()
        for event in events:
            if isinstance(event, Photons):
                event = EventDescriptor(photons=event, **options)
            waiting.append(self.submit_event(event))
            if len(waiting) >= in_flight:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def replay(self, event: EventDescriptor, photon_ids_: ArrayLike) -> Result:
        """Runs chosen photons of an event again, with every step of each; waits.

        event        as it was submitted, with its event_id
        photon_ids_  [n] their ids
        The last states in `photons_end` are, bit for bit, those of the original run; the steps are
        in `photon_tracks`. Costs only these photons and their secondaries.
        """
        if event.event_id is None:
            raise InvalidArgument("a replay needs the event_id that the event had")
        ids = photon_ids("photon_ids", photon_ids_)
        return Result(self._handle.replay(self._spec(event), ids), self._scene)

    def count_photons(self, event: EventDescriptor) -> int:
        """Number of photons that an event's sources make, without tracking them."""
        return self._handle.count_photons(self._spec(event))

    def _spec(self, event: EventDescriptor) -> _capi.EventSpec:
        if not isinstance(event, EventDescriptor):
            raise InvalidType(f"event is a {type(event).__name__} (it must be an EventDescriptor)")
        event._require_valid()
        other = None if event.detector is None else _scene_of(event.detector)
        return event._spec(other or self._scene, other)

    def _remember(self, events: Sequence[EventDescriptor]) -> None:
        for event in events:
            if event.event_id is None or event.first_photon or event.n_photons is not None:
                continue
            key = (event.event_id, event.seed)
            if key in self._seen:
                warnings.warn(
                    f"event id {event.event_id} was used before in this session: both events have "
                    "the same random numbers",
                    RepeatedEventWarning,
                    stacklevel=4,
                )
            self._seen.add(key)

    # ---- rays

    def intersect(self, origins: ArrayLike, directions: ArrayLike) -> Intersection:
        """Nearest hits of n rays with the session's detector.

        origins     [n, 3] or [3] mm
        directions  [n, 3] or [3], of any length > 0
        Returns (distance, triangle, instance). Raises InvalidArgument.
        """
        o, d = _rays("origins", origins), _rays("directions", directions)
        n = max(len(o), len(d))
        if len(o) not in (1, n) or len(d) not in (1, n):
            raise InvalidArgument(f"origins has {len(o)} rows and directions {len(d)}")
        o = np.ascontiguousarray(np.broadcast_to(o, (n, 3)))
        d = np.ascontiguousarray(np.broadcast_to(d, (n, 3)))
        zero = np.flatnonzero(~np.any(d != 0, axis=1))
        if len(zero):
            raise InvalidArgument(f"directions[{zero[0]}] is zero (it must have a length > 0)")
        return Intersection(*self._handle.intersect(o, d))

    # ---- numbers

    def metrics(self) -> list[Metric]:
        """What the session measures about itself: name, value, unit, kind, meaning of each."""
        return self._handle.metrics()

    def telemetry(self) -> dict[str, int]:
        """A snapshot of the metrics, {name: value}."""
        return {m.name: m.value for m in self._handle.metrics()}

    @property
    def metrics_port(self) -> int | None:
        """Where the metrics are served; None if they are not."""
        return None if self._server is None else self._server.port

    def _serve(self, port: int) -> MetricsServer:
        from chroma2 import __version__
        from chroma2.telemetry import MetricsServer, prometheus_text

        handle = self._handle  # not the session, which would live as long as the server
        names = ("backend", "device", "physics", "arithmetic")
        about = {"version": __version__, **{name: self.info[name] for name in names}}
        try:
            server = MetricsServer(lambda: prometheus_text(handle.metrics(), about), port)
        except InvalidArgument:
            self._handle.close(cancel=True)
            raise
        weakref.finalize(self, server.stop)
        return server

    def subscribe(
        self, callback: Callable[[dict[str, int]], None], period: float = 1.0
    ) -> Callable[[], None]:
        """Calls back with a snapshot every `period` seconds, on the dispatch thread.

        Returns a function that ends the subscription.
        """
        if not callable(callback):
            raise InvalidType(f"callback is {callback!r} (it must be callable)")
        number = self._handle.subscribe(
            lambda metrics: callback({m.name: m.value for m in metrics}),
            max(1, round(period * 1000)),
        )

        def unsubscribe() -> None:
            if not self.closed:
                self._handle.unsubscribe(number)

        return unsubscribe

    # ---- end

    def close(self, cancel: bool = False) -> None:
        """Ends the session after what was submitted (cancel=True: cancels it).

        Every future resolves; a second call does nothing. Raises WrongThread from a callback.
        """
        self._handle.close(cancel)
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(cancel=kind is not None)


def physics_switches() -> list[_capi.PhysicsSwitch]:
    """Every switch of the physics: name, value in "chroma", value in "precise", meaning."""
    return _capi.physics_switches()


def _scene_of(detector: Detector | Scene | None) -> Scene:
    if isinstance(detector, Scene):
        return detector
    if isinstance(detector, Detector):
        return detector.build()
    raise InvalidType(
        f"detector is a {type(detector).__name__} (it must be a chroma2.Detector or Scene)"
    )


def _devices(device_id: DeviceId) -> list[int] | None:
    if device_id is None:
        return None
    ids = device_id if isinstance(device_id, (list, tuple)) else [device_id]
    if not ids:
        raise InvalidArgument("device_id is an empty list (None lets chroma2 choose)")
    out: list[int] = []
    for d in ids:
        if d == "cpu":
            out.append(_capi.DEVICE_CPU)
        elif isinstance(d, (int, np.integer)) and not isinstance(d, bool) and d >= 0:
            out.append(int(d))
        else:
            raise InvalidArgument(f"device_id holds {d!r} (it may hold 'cpu' and numbers >= 0)")
    return out


def _option(name: str, value: Any, high: int, low: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InvalidType(f"{name} is {value!r} (it must be a whole number)")
    if not low <= value <= high:
        raise InvalidArgument(f"{name} is {value} (it must lie in [{low}, {high}])")
    return int(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidType(f"{name} is {value!r} (it must be True or False)")
    return bool(value)


def _tree(tree: Tree) -> int:
    if isinstance(tree, str):
        if tree not in _TREES:
            raise InvalidArgument(f"tree is {tree!r} (it must be 'auto', 'brute', 4, 8, 14 or 18)")
        return _TREES[tree]
    return _option("tree", tree, 2**32 - 1)


def _switches(switches: str | Mapping[str, Any]) -> str:
    if isinstance(switches, str):
        return switches
    if not isinstance(switches, Mapping):
        raise InvalidType(f"switches is {switches!r} (it must be a dictionary, or 'timing=1 ...')")
    return " ".join(
        f"{name}={int(v) if isinstance(v, bool) else v}" for name, v in switches.items()
    )


def _rays(name: str, values: ArrayLike) -> NDArray[np.float32]:
    try:
        a = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"{name} cannot be read as numbers ({error})") from None
    a = a.reshape(1, 3) if a.shape == (3,) else a
    if a.ndim != 2 or a.shape[1] != 3:
        raise InvalidArgument(f"{name} has shape {list(a.shape)} (it must be [n, 3] or [3])")
    bad = np.argwhere(~np.isfinite(a))
    if len(bad):
        i, j = bad[0]
        raise InvalidArgument(f"{name}[{i}, {j}] is {a[i, j]} (it must be finite)")
    return a
