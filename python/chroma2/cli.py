# SPDX-License-Identifier: BSD-3-Clause
"""The command ``chroma2``: demo, run, info, replay, doctor.

Exit status: 0 all went well, 1 something was not done (events failed, something is missing), 2 the
arguments or the input cannot be used, 143 stopped by SIGTERM after writing what there was.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import os
import pathlib
import platform
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import chroma2
from chroma2 import history
from chroma2.errors import Error, InvalidFile, MissingDependency

if TYPE_CHECKING:
    from chroma2.config import Config
    from chroma2.photons import Photons
    from chroma2.result import Result, Tracks
    from chroma2.run import Tally
    from chroma2.session import Session


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    handler: Callable[[argparse.Namespace], int] = options.handler
    try:
        return handler(options)
    except Error as error:
        print(f"chroma2: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        print("chroma2: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chroma2", description="Optical photons through particle detectors."
    )
    parser.add_argument("--version", action="version", version=f"chroma2 {chroma2.__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)

    demo = commands.add_parser("demo", help="simulate one event in the demo detector")
    demo.add_argument(
        "--photons",
        type=_count,
        default=1_000_000,
        help="isotropic photons beside the muon's light (default 1e6)",
    )
    demo.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("demo-output"),
        help="folder for hits.h5 and event.png (default demo-output)",
    )
    _session_options(demo)
    demo.set_defaults(handler=_demo)

    run = commands.add_parser("run", help="run the events of a configuration file")
    run.add_argument("config", type=pathlib.Path, help="a TOML file; see chroma2.config")
    run.add_argument("--output", type=pathlib.Path, help="results file, instead of the config's")
    run.add_argument("--overwrite", action="store_true", help="replace an older results file")
    run.add_argument("--resume", action="store_true", help="go on with a run that was interrupted")
    run.add_argument(
        "--log-telemetry", action="store_true", help="a line of numbers to stderr every ten seconds"
    )
    run.add_argument(
        "--metrics-port",
        type=int,
        help="serve the metrics to Prometheus at http://127.0.0.1:PORT/metrics",
    )
    run.add_argument(
        "--trace", type=pathlib.Path, help="write what ran when, for https://ui.perfetto.dev"
    )
    _session_options(run)
    run.set_defaults(handler=_run)

    info = commands.add_parser("info", help="what this installation, or a results file, is")
    info.add_argument("file", type=pathlib.Path, nargs="?", help="a results file")
    info.set_defaults(handler=_info)

    replay = commands.add_parser("replay", help="every step of photons of a results file")
    replay.add_argument("file", type=pathlib.Path)
    replay.add_argument("--event", type=int, required=True, help="event id")
    replay.add_argument("--photon", type=int, required=True, nargs="+", help="photon ids")
    replay.add_argument("--device", type=_device, default=None)
    replay.add_argument("--threads", type=int, default=None)
    replay.set_defaults(handler=_replay)

    doctor = commands.add_parser("doctor", help="what is there, what is missing, what to do")
    doctor.set_defaults(handler=_doctor)
    return parser


def _session_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        type=_device,
        default=None,
        help='"cpu" or the number of a GPU (default: a GPU if there is one)',
    )
    parser.add_argument("--threads", type=int, default=None, help="worker threads (default: all)")
    parser.add_argument("--seed", type=int, default=None)


def _count(text: str) -> int:
    value = float(text)
    if value != int(value) or value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number > 0")
    return int(value)


def _device(text: str) -> Any:
    return text if text == "cpu" else int(text)


def _say(name: str, value: object) -> None:
    print(f"{name:<22}{value}")


def _describe(session: Session) -> None:
    i = session.info
    _say("backend", f"{i['backend']} ({i['device']})")
    _say("physics preset", i["physics"])
    _say_switches(str(i["switches"]))
    scene = session.scene
    _say(
        "detector",
        f"{scene.num_channels:,} channels, {scene.info['n_primitives']:,} triangles "
        f"({scene.info['n_triangles']:,} stored)",
    )
    seconds = float(scene.info["commit_s"]) + float(i["tree_build_s"])
    _say("build time", f"{seconds:.2f} s")
    _say("scene hash", scene.hash[:16])


def _say_switches(switches: str) -> None:
    """One line a switch: "timing=0 ..." as sessions and files have it."""
    meanings = {s.name: s.meaning for s in chroma2.physics_switches()}
    for word in switches.split():
        name, _, value = word.partition("=")
        print(f"  {name:<24}{value}  {meanings.get(name, '')}")


# ------------------------------------------------------------------ demo


def _demo(options: argparse.Namespace) -> int:
    from chroma2 import demo
    from chroma2.io.hdf5 import Writer
    from chroma2.progress import watch

    scene = demo.detector().build()
    seed = 1 if options.seed is None else options.seed
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "hits.h5"
    with chroma2.Session(options.device, scene, seed, threads=options.threads) as session:
        _describe(session)
        with Writer(path, session, overwrite=True) as writer:
            event = demo.event(options.photons)
            future = session.submit_event(event)
            watch(future)
            result = future.result()
            writer.write(event, result)
        session_info = session.info
    _report(result)
    print(f"\nwrote {path}")
    picture = options.output / "event.png"
    summary = {
        **result.summary(),
        "backend": f"{session_info['backend']} ({session_info['device']})",
        "physics": str(session_info["physics"]),
        "scene": scene.hash[:12],
    }
    try:
        from chroma2 import plot

        plot.event_figure(
            result.hits,
            scene.channels.position,
            summary,
            "300 MeV muon and a flash in a water tank",
        ).savefig(picture)
    except MissingDependency as error:
        print(f"no picture: {error}", file=sys.stderr)
        return 1
    print(f"wrote {picture}")
    return 0


def _report(result: Result) -> None:
    summary = result.summary()
    _say("photons/s", summary["photons per second"])
    _say("steps/photon", summary["steps per photon"])
    _say("hits", summary["hits"])
    _say("channels hit", summary["channels hit"])
    print(f"\n{result.ledger.table()}")


# ------------------------------------------------------------------ run


def _run(options: argparse.Namespace) -> int:
    from chroma2 import config as config_module
    from chroma2 import run

    config = config_module.load(options.config)
    folder = options.config.resolve().parent
    next(config.descriptors())  # faults of the sources show before anything is opened
    detector = config_module.load_detector(config.detector.python, folder, os.getcwd())
    session_options = dataclasses.asdict(config.session)
    if config.session.trace is not None:
        session_options["trace"] = folder / config.session.trace
    for name, value in (
        ("device_id", options.device),
        ("threads", options.threads),
        ("seed", options.seed),
        ("metrics_port", options.metrics_port),
        ("trace", options.trace),
    ):
        if value is not None:
            session_options[name] = value
    path = options.output or folder / config.output.path
    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    try:
        if options.resume and run.is_joined(path):
            run.finish(path)
            print(f"{path} is whole: nothing is left to do")
            return 0
        if options.resume:
            session, tally = _restore(path, config, detector, session_options)
        else:
            overwrite = options.overwrite or config.output.overwrite
            run.require_new(path, overwrite=overwrite)
            session, tally = chroma2.Session(detector=detector, **session_options), run.Tally()
            run.begin_anew(path, overwrite=overwrite)
        with session:
            return _go(options, config, session, tally, stop, path)
    finally:
        signal.signal(signal.SIGTERM, before)


def _restore(
    path: pathlib.Path, config: Config, detector: Any, options: dict[str, Any]
) -> tuple[Session, Tally]:
    """The session and the state of a run that was interrupted."""
    from chroma2 import run

    where = run.checkpoint_path(path)
    if not where.exists():
        raise InvalidFile(f"{where} does not exist: there is nothing to resume")
    checkpoint = chroma2.Checkpoint(where)
    tally = run.read_tally(checkpoint, config)
    return chroma2.Session.restore(checkpoint, detector, **options), tally


def _go(
    options: argparse.Namespace,
    config: Config,
    session: Session,
    tally: Tally,
    stop: threading.Event,
    path: pathlib.Path,
) -> int:
    """Runs what is left to do; returns the exit status."""
    from chroma2 import run
    from chroma2.io.hdf5 import Writer

    _describe(session)
    if options.log_telemetry:
        session.subscribe(_telemetry_line, 10.0)
    out = config.output
    writer = Writer(
        path,
        session,
        keep_start=out.keep_start,  # type: ignore[arg-type]
        overwrite=options.overwrite or out.overwrite,
        compression=out.compression,
        flush_rows=out.flush_rows,
        attributes={"detector_folder": str(options.config.resolve().parent)},
        resume=tally.n_segments if options.resume else None,
    )
    try:
        is_over = run.Run(config, session, writer, tally, stop).go()
        if is_over:
            writer.close()
    except OSError as error:
        session.close(cancel=True)
        print(
            f"chroma2: {error}; {writer.segments} holds what was written. Make room, then go on "
            "with --resume",
            file=sys.stderr,
        )
        return 1
    finally:
        writer.leave()
    for name, value in run.describe(tally, config.event.n_events):
        _say(name, value)
    if not is_over:
        session.close(cancel=True)
        print(
            f"chroma2: stopped; {writer.segments} holds the events that had ended. Go on with "
            "--resume",
            file=sys.stderr,
        )
        return 143
    run.finish(path)
    print(f"wrote {path}")
    return 1 if tally.failed else 0


def _telemetry_line(numbers: dict[str, int]) -> None:
    line = " ".join(f"{name}={value}" for name, value in numbers.items() if value)
    print(f"telemetry {time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


# ------------------------------------------------------------------ info, replay


def _info(options: argparse.Namespace) -> int:
    if options.file is None:
        from chroma2 import _capi

        _say("chroma2", chroma2.__version__)
        _say("C library", _capi.version())
        _say("Python", platform.python_version())
        _say("NumPy", np.__version__)
        _say("machine", f"{platform.machine()}, {os.cpu_count()} cores")
        _say("installed in", pathlib.Path(chroma2.__file__).parent)
        print("physics switches in the presets chroma and precise")
        for s in chroma2.physics_switches():
            print(f"  {s.name:<24}{s.chroma} {s.precise}  {s.meaning}")
        print("surface models")
        for model in chroma2.surface_models():
            print(f"  {model['name']:<24}{model['meaning']}")
        return 0
    from chroma2.io.hdf5 import open_results

    with open_results(options.file) as file:
        for name, value in file.attributes.items():
            if name == "switches":
                _say_switches(str(value))
            else:
                _say(name, value)
        for table in ("events", "hits", "photons_end", "photon_tracks", "start"):
            n = file.n_rows(table)
            if n:
                _say(f"/{table}", f"{n:,} rows")
    return 0


def _replay(options: argparse.Namespace) -> int:
    from chroma2 import config
    from chroma2.io.hdf5 import open_results

    with open_results(options.file) as file:
        a = file.attributes
        if not a.get("detector"):
            raise InvalidFile(
                f"{options.file} does not say which function made its detector (set "
                'detector.source = "module:function" before the session)'
            )
        folders = [f for f in (a.get("detector_folder"), os.getcwd()) if f]
        scene = config.load_detector(str(a["detector"]), *folders).build()
        if scene.hash != a["scene_hash"]:
            raise InvalidFile(
                f"{a['detector']} makes scene {scene.hash[:16]} now, and the file was made with "
                f"{str(a['scene_hash'])[:16]} (the detector has changed since)"
            )
        row = file.event(options.event)
        with chroma2.Session(
            options.device,
            scene,
            int(a["seed"]),
            physics=str(a["physics"]),
            switches=str(a["switches"]),
            threads=options.threads,
            weights=row.use_weights or row.scatter_first != 0,
        ) as session:
            arithmetic = session.info["arithmetic"]
            if arithmetic != a["arithmetic"]:
                raise InvalidFile(
                    f"the file was made with arithmetic {a['arithmetic']!r}, and this chroma2 has "
                    f"{arithmetic!r} (histories differ)"
                )
            for photon in options.photon:
                start = None if row.sources else file.start(row.event_id, photon)
                result = _replay_one(session, row, photon, start)
                print(f"event {row.event_id}, photon {photon}")
                for (_, lineage), track in result.photon_tracks.by_photon().items():
                    _print_track(track, lineage)
    return 0


def _replay_one(session: Session, row: Any, photon: int, start: Photons | None) -> Result:
    from chroma2 import _capi

    numbers = {
        "event_id": row.event_id,
        "max_steps": row.max_steps,
        "t0_ns": row.t0,
        "keep": 0,
        "user_tag": row.user_tag,
        "use_weights": int(row.use_weights),
        "scatter_first": row.scatter_first,
        "prescale": row.prescale,
    }
    if row.seed is not None:
        numbers["seed"] = row.seed
    spec = _capi.EventSpec(numbers)
    if start is None:
        spec.sources = [s._image(session.scene) for s in row.sources]
    else:
        # One photon stands for all up to its id: a stride of 0 repeats it without memory.
        spec.n_batch = photon + 1
        spec.columns = {
            name: _capi.ColumnSpec(column.data, repeat=True)
            for name, column in start._batch().items()
        }
    ids = np.array([photon], dtype=np.uint64)
    from chroma2.result import Result

    return Result(session._handle.replay(spec, ids), session.scene)


def _print_track(track: Tracks, lineage: int) -> None:
    if lineage:
        path = ".".join(
            str(lineage >> shift & 63) for shift in (18, 12, 6, 0) if lineage >> shift & 63
        )
        print(f"  child {path}")
    print(f"  {'step':>5} {'x':>11} {'y':>11} {'z':>11} {'t':>10} {'nm':>7}  {'what':<17} in")
    processes, media = track.process_names(), track.medium_names()
    for i in range(len(track)):
        x, y, z = track.pos[i]
        print(
            f"  {track.n_steps[i]:>5} {x:>11.3f} {y:>11.3f} {z:>11.3f} {track.t[i]:>10.4f} "
            f"{track.wavelengths[i]:>7.2f}  {processes[i]:<17} {media[i] or '?'}"
        )
    letters = " ".join(history.step_letters(track.process, track.flags, lineage))
    print(f"  {letters}: {history.flag_names(int(track.flags[-1]))}")


# ------------------------------------------------------------------ doctor


def _doctor(options: argparse.Namespace) -> int:
    """Every line: ok, missing (and what to do), or a failure that makes the exit status 1."""
    healthy = True

    def line(state: str, name: str, detail: str) -> None:
        print(f"{state:<8} {name:<22} {detail}")

    line("ok", "Python", platform.python_version())
    try:
        from chroma2 import _capi

        line("ok", "C library", f"{_capi.version()}")
    except ImportError as error:
        line("FAILED", "C library", str(error))
        return 1
    try:
        result = _small_run("cpu")
        ok = result.ledger.is_balanced and len(result.hits) > 0
        healthy &= ok
        line(
            "ok" if ok else "FAILED",
            "a small simulation",
            f"{len(result.hits):,} hits of {result.n_photons:,} photons",
        )
    except Error as error:
        healthy = False
        line("FAILED", "a small simulation", f"{type(error).__name__}: {error}")
    try:
        found = _small_run(0)
        line("ok", "GPU", f"{len(found.hits):,} hits of {found.n_photons:,} photons")
    except Error as error:
        has_one = shutil.which("nvidia-smi") or pathlib.Path("/dev/nvidia0").exists()
        line("note" if has_one else "ok", "GPU", f"not used; the CPU does the work ({error})")
    for package, extra, purpose in (
        ("matplotlib", "plot", "pictures of events"),
        ("trimesh", "geometry", "mesh files"),
        ("tqdm", "all", "progress bars"),
        ("pandas", "all", "to_pandas"),
        ("uproot", "root", "ROOT files"),
        ("awkward", "root", "to_awkward"),
        ("pyarrow", "parquet", "Parquet files"),
    ):
        there = importlib.util.find_spec(package) is not None
        line(
            "ok" if there else "missing",
            package,
            purpose if there else f"{purpose}: pip install 'chroma2[{extra}]'",
        )
    return 0 if healthy else 1


def _small_run(device: Any) -> Result:
    from chroma2 import make, optics, sources
    from chroma2.detector import Detector, Solid, Surface

    wall = Surface("wall")
    wall.set("detect", 0.5)
    wall.set("absorb", 0.5)
    detector = Detector()
    detector.add_pmt(Solid(make.cube(1000.0), optics.water(), optics.vacuum(), wall))
    with chroma2.Session(device, detector, 1) as session:
        return session.submit_event(
            chroma2.EventDescriptor(sources=[sources.isotropic(1000)])
        ).result()
