# SPDX-License-Identifier: BSD-3-Clause
"""Runs that are killed, stopped or find the disk full: resumed, they give the bytes of an unbroken
one."""

import json
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from conftest import IS_EMULATED
from conftest import SMALL as SESSION
from test_cli import CONFIG, DETECTOR

from chroma2 import errors, run
from chroma2.cli import main
from chroma2.io import hdf5

CHERENKOV = CONFIG[CONFIG.rindex("[[sources]]") : CONFIG.index("[event]")]
SMALL = {"n": 2000, "n_events": 60, "piece": 1 << 20}  # many events of one piece
LARGE = {"n": 30_000, "n_events": 2, "piece": 7000}  # a few of many, their number Poisson
if IS_EMULATED:
    SMALL |= {"n": 100, "n_events": 100}
    LARGE |= {"n": 400, "piece": 150}
elif SESSION["device_id"] != "cpu":  # a GPU needs more to be busy for a second
    SMALL |= {"n_events": 400}
    LARGE |= {"n": 1_000_000, "piece": 100_000}

PROGRAM = """
import resource, sys
import chroma2.run
from chroma2.cli import main

chroma2.run.PIECE = {piece}
if "--little-room" in sys.argv:  # from the third segment on, no file may be larger than 10 kB
    sys.argv.remove("--little-room")
    checkpoint = chroma2.run.Run._checkpoint

    def limited(run):
        if run._writer.n_segments > 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        checkpoint(run)

    chroma2.run.Run._checkpoint = limited
sys.exit(main(["run", "config.toml", *sys.argv[1:]]))
"""


def write_run(folder, kind):
    text = CONFIG if kind is LARGE else CONFIG.replace(CHERENKOV, "")
    text = text.replace("n = 300", f"n = {kind['n']}").replace("threads = 1", "threads = 2")
    text = text.replace('device_id = "cpu"', f"device_id = {json.dumps(SESSION['device_id'])}")
    text = text.replace("memory_bytes = 67108864", f"memory_bytes = {SESSION['memory_bytes']}")
    text = text.replace("n_events = 3", f"n_events = {kind['n_events']}")
    text = text.replace("[output]", "[output]\nflush_rows = 30000\ncheckpoint_s = 0.1")
    folder.mkdir()
    (folder / "a_detector.py").write_text(DETECTOR)
    (folder / "config.toml").write_text(text)
    (folder / "run.py").write_text(PROGRAM.replace("{piece}", str(kind["piece"])))
    return folder


def start(folder, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "run.py", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(folder, *arguments):
    """Runs to the end and checks that nothing lies about afterwards."""
    child = start(folder, *arguments)
    _, err = child.communicate(timeout=100)
    assert child.returncode == 0, err
    assert [p.name for p in (folder / "out").iterdir()] == ["results.h5"]
    return folder / "out/results.h5"


def contents(path):
    """Every column's bytes, but for the times that things took."""
    out = {}
    with h5py.File(path, "r") as file:
        for table, group in file.items():
            for name, column in group.items():
                if name != "wall_s":
                    values = column[:]
                    out[table, name] = (
                        values.tolist() if values.dtype == object else values.tobytes()
                    )
    return out


@pytest.fixture(scope="module", params=["small", "large"])
def unbroken(request, tmp_path_factory):
    kind = {"small": SMALL, "large": LARGE}[request.param]
    folder = write_run(tmp_path_factory.mktemp("unbroken") / "run", kind)
    begin = time.monotonic()
    path = finish(folder)
    return kind, contents(path), time.monotonic() - begin


def kill_and_resume(folder, n_kills, seed, duration):
    """Kills a run n times, each at a random moment of it, then lets it end."""
    times = random.Random(seed)
    n_killed = 0
    for _ in range(4 * n_kills):
        has_begun = run.checkpoint_path(folder / "out/results.h5").exists()
        child = start(folder, "--resume") if has_begun else start(folder, "--overwrite")
        try:
            child.wait(timeout=times.uniform(0.0, duration))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            n_killed += 1
        _, err = child.communicate(timeout=100)
        assert child.returncode in (0, -signal.SIGKILL), err
        if child.returncode == 0 or n_killed == n_kills:
            break
    return finish(folder, "--resume")


def test_killed_at_random_times(unbroken, tmp_path):
    kind, expected, duration = unbroken
    folder = write_run(tmp_path / "run", kind)
    path = kill_and_resume(folder, 4, 1, duration)
    found = contents(path)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == value, key


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_many_times(unbroken, tmp_path, seed):
    kind, expected, duration = unbroken
    folder = write_run(tmp_path / "run", kind)
    assert contents(kill_and_resume(folder, 8, 100 + seed, duration)) == expected


def wait_for_segments(folder, child, n):
    segments = folder / "out/results.h5.segments"
    end = time.monotonic() + 60
    while len(list(segments.glob("*.h5"))) < n and time.monotonic() < end:
        assert child.poll() is None, child.communicate()[1]
        time.sleep(0.005)


def test_terminated_and_resumed(unbroken, tmp_path):
    """SIGTERM, as batch systems send it: what there is can be read, and the run goes on."""
    kind, expected, *_ = unbroken
    folder = write_run(tmp_path / "run", kind)
    child = start(folder)
    wait_for_segments(folder, child, 2)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=100)
    assert child.returncode == 143 and "--resume" in err
    with hdf5.open_results(folder / "out/results.h5") as file:
        hits = file.hits()
        whole = np.frombuffer(expected["hits", "photon_id"], np.uint64)
        assert np.array_equal(hits.photon_id, whole[: len(hits)]) and 0 < len(hits) < len(whole)
    assert contents(finish(folder, "--resume")) == expected


def test_a_full_disk_keeps_what_is_written(unbroken, tmp_path):
    kind, expected, _ = unbroken
    folder = write_run(tmp_path / "run", kind)
    child = start(folder, "--little-room")
    _, err = child.communicate(timeout=100)
    assert child.returncode == 1 and "Make room" in err and "--resume" in err, err
    assert len(list(folder.rglob("*.h5"))) > 2 and not list(folder.rglob("*.partial"))
    assert contents(finish(folder, "--resume")) == expected


def test_no_room_to_join_the_segments(unbroken, tmp_path, monkeypatch, capsys):
    kind, expected, _ = unbroken
    folder = write_run(tmp_path / "run", kind)
    monkeypatch.chdir(folder)
    sys.modules.pop("a_detector", None)
    monkeypatch.setattr(run, "PIECE", kind["piece"])
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
        assert main(["run", "config.toml"]) == 1
    assert "MB left" in capsys.readouterr().err
    assert main(["run", "config.toml", "--resume"]) == 0
    assert contents(folder / "out/results.h5") == expected


def test_refusals_and_remains(tmp_path, monkeypatch, capsys):
    folder = write_run(tmp_path / "run", SMALL)
    monkeypatch.chdir(folder)
    results = folder / "out/results.h5"

    def status(*arguments):
        sys.modules.pop("a_detector", None)
        return main(["run", "config.toml", *arguments]), capsys.readouterr().err

    assert status("--resume")[0] == 2
    child = start(folder)
    wait_for_segments(folder, child, 5)
    child.kill()
    child.communicate()
    code, err = status()
    assert code == 2 and "--resume" in err
    text = (folder / "config.toml").read_text()
    for old, new, sentence in (
        (f"n = {SMALL['n']}", "n = 2001", "other sources"),
        ("max_steps = 500", "max_steps = 501", "other sources"),
        ("seed = 5", "seed = 6", "seed"),
    ):
        (folder / "config.toml").write_text(text.replace(old, new))
        code, err = status("--resume")
        assert code == 2 and sentence in err, err
    (folder / "config.toml").write_text(text)
    first = results.with_name("results.h5.segments") / "000000.h5"
    first.rename(folder / "aside.h5")
    code, err = status("--resume")
    assert code == 2 and "000000.h5 is missing" in err
    (folder / "aside.h5").rename(first)
    (first.parent / "000999.h5").write_text("of a killed run, after its last checkpoint")
    assert status("--resume")[0] == 0 and results.exists()
    run.checkpoint_path(results).write_text("killed before it was removed")
    first.parent.mkdir()
    assert status("--resume")[0] == 0
    assert [p.name for p in results.parent.iterdir()] == ["results.h5"]
    assert status()[0] == 2  # the results are there
    assert issubclass(errors.DiskFull, OSError)
