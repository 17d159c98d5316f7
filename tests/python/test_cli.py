# SPDX-License-Identifier: BSD-3-Clause
"""The command, its configuration files, and its exit status."""

import json
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import chroma2
from chroma2 import cli, config, errors
from chroma2.cli import main
from chroma2.io import hdf5

HERE = pathlib.Path(__file__).parent

CONFIG = """
[detector]
python = "a_detector:build"

[session]
device_id = "cpu"
seed = 5
threads = 1
memory_bytes = 67108864

[[sources]]
kind = "isotropic"
n = 300
wavelength = [380, 420]

[[sources]]
kind = "cherenkov"
pos = [0, 0, 0]
end = [100, 0, 0]
beta = 0.99
medium = "water"

[event]
n_events = 3
keep = ["hits", "photons_end"]
max_steps = 500

[output]
path = "out/results.h5"
"""

DETECTOR = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from conftest import water_box

def build():
    return water_box()

def not_a_detector():
    return 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "a_detector.py").write_text(DETECTOR)
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("a_detector", None)
    return tmp_path


def test_run_info_replay(folder, capsys):
    assert main(["run", "config.toml"]) == 0
    out = capsys.readouterr().out
    assert "events                3 of 3" in out and "wrote" in out and "timing  " in out
    path = str(folder / "out/results.h5")
    with hdf5.open_results(path) as file:
        assert [row.event_id for row in file.events()] == [0, 1, 2]
        assert file.attributes["seed"] == 5
        end = file.photons_end(2)
        first = next(file.events())
        assert first.ledger.in_ > 300 and first.max_steps == 500
    assert main(["info", path]) == 0
    out = capsys.readouterr().out
    assert re.search(r"/events +3 rows", out) and "scene_hash" in out
    assert re.search(r"physics +chroma", out) and re.search(r"detect_reference +0 ", out)
    assert main(["replay", path, "--event", "2", "--photon", "7", "301", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "event 2, photon 7" in out and "event 2, photon 301" in out and "START" in out
    last = end[end.photon_id == 7]
    x, y, z = last.pos[0]
    assert f"{x:.3f}" in out and f"{y:.3f}" in out and f"{z:.3f}" in out
    assert last.flag_names()[0] in out


def test_replay_of_arrays(folder, capsys):
    """The file alone is enough, and the last state is that of the original run."""
    detector = config.load_detector("a_detector:build", folder)
    rng = np.random.default_rng(1)
    photons = chroma2.Photons(rng.uniform(-400, 400, (300, 3)), None, None, 400.0)
    e = chroma2.EventDescriptor(photons=photons, event_id=8, keep=("hits", "photons_end"))
    with chroma2.Session("cpu", detector, 11, threads=1, memory_bytes=64 << 20) as session:
        result = session.submit_event(e).result()
        with hdf5.Writer("arrays.h5", session) as writer:
            writer.write(e, result)
    hit = result.hits[-1]
    photon = str(int(hit.photon_id[0]))
    assert main(["replay", "arrays.h5", "--event", "8", "--photon", photon]) == 0
    out = capsys.readouterr().out
    assert " SD: SURFACE_DETECT" in out.strip().splitlines()[-1]
    line = out.strip().splitlines()[-2].split()
    assert line[0] == str(hit.n_steps[0])
    assert [float(v) for v in line[1:4]] == pytest.approx(hit.pos[0], abs=6e-4)
    assert float(line[4]) == pytest.approx(hit.t[0], abs=6e-5)
    missed = np.setdiff1d(np.arange(300), result.hits.photon_id)[0]
    assert main(["replay", "arrays.h5", "--event", "8", "--photon", str(missed)]) == 2
    assert "start of photon" in capsys.readouterr().err
    (folder / "a_detector.py").write_text(DETECTOR.replace("water_box()", "water_box(501.0)"))
    sys.modules.pop("a_detector")
    assert main(["replay", "arrays.h5", "--event", "8", "--photon", photon]) == 2
    assert "the detector has changed" in capsys.readouterr().err


def test_demo(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "a folder"
    assert main(["demo", "--photons", "2e4", "--output", str(out), "--threads", "2"]) == 0
    text = capsys.readouterr().out
    for word in (
        "backend", "physics preset", "timing  ", "transmit_then_fresnel", "build time",
        "photons/s", "steps/photon",
        "hits", "channels hit", "detected at a surface", "absorbed in a medium",
    ):  # fmt: skip
        assert word in text
    assert (out / "event.png").stat().st_size > 10_000
    with hdf5.open_results(out / "hits.h5") as file:
        assert file.event(0).ledger.in_ > 20_000 and len(file.hits()) > 100
    assert main(["replay", str(out / "hits.h5"), "--event", "0", "--photon", "1"]) == 0
    assert "CHERENKOV" in capsys.readouterr().out


def test_doctor_info_version(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"ok +a small simulation", out)
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert chroma2.__version__ in out
    assert re.search(r"transmit_then_fresnel +1 0 ", out) and "sipm_empirical" in out
    for arguments, status in (
        (["--version"], 0),
        ([], 2),
        (["fly"], 2),
        (["demo", "--photons", "x"], 2),
    ):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == status
    done = subprocess.run([sys.executable, "-m", "chroma2", "info"], capture_output=True, text=True)
    assert done.returncode == 0 and "C library" in done.stdout


def test_a_run_writes_its_trace_and_serves_its_metrics(folder, monkeypatch):
    ports = []
    describe = cli._describe
    monkeypatch.setattr(cli, "_describe", lambda s: (ports.append(s.metrics_port), describe(s)))
    text = CONFIG.replace("[session]", '[session]\ntrace = "configured.json"\nmetrics_port = 0')
    (folder / "config.toml").write_text(text)
    assert main(["run", "config.toml"]) == 0
    assert main(["run", "config.toml", "--overwrite", "--trace", "given.json"]) == 0
    assert all(port > 0 for port in ports) and len(ports) == 2
    for name in ("configured.json", "given.json"):
        entries = json.loads((folder / name).read_text())
        assert sum(e["ph"] == "b" and e["name"].startswith("event") for e in entries) == 3


def test_telemetry_lines(folder, capsys, monkeypatch):
    monkeypatch.setattr(
        chroma2.Session, "subscribe", lambda self, callback, period: callback(self.telemetry())
    )
    assert main(["run", "config.toml", "--log-telemetry"]) == 0
    assert "telemetry" in capsys.readouterr().err


@pytest.mark.parametrize(("n", "n_events"), [(20_000, 1_000_000), (1_000_000_000, 1)])
def test_a_terminated_run_keeps_what_it_had(folder, n, n_events):
    """Many small events, and one large one whose hits stream."""
    text = CONFIG.replace("n_events = 3", f"n_events = {n_events}").replace("n = 300", f"n = {n}")
    text = text.replace("[output]", "[output]\nflush_rows = 5000")
    (folder / "config.toml").write_text(text)
    program = [sys.executable, "-m", "chroma2", "run", "config.toml"]
    child = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    segments = folder / "out/results.h5.segments"
    end = time.monotonic() + 60
    while len(list(segments.glob("*.h5"))) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=100)
    assert child.returncode == 143 and "holds the events that had ended" in err
    with hdf5.open_results(folder / "out/results.h5") as file:
        ids = [row.event_id for row in file.events()]
        assert not file.is_complete and file.n_rows("hits") > 5000
    assert ids == list(range(len(ids))) and (n_events == 1) == (ids == [])


BAD = [
    ("[session]", "[sessions]", "unknown table 'sessions' .*did you mean 'session'"),
    ("threads = 1", "thread = 1", r"\[session\] has an unknown key 'thread' .*'threads'"),
    ("threads = 1", 'threads = "two"', "session.threads is 'two'"),
    ("seed = 5", "seed = true", "session.seed is True"),
    ("n_events = 3", "n_events = 0", "n_events is 0"),
    ("n_events = 3", "events = 3", r"\[event\] has an unknown key 'events'"),
    ("n = 300", "n = 0", r"sources\[0\] \(isotropic\): n is 0"),
    ("n = 300", "m = 300", r"sources\[0\] \(isotropic\) has an unknown key 'm'"),
    ("n = 300", "", r"sources\[0\] \(isotropic\): .*'n'"),
    ('kind = "isotropic"', 'kind = "lamp"', r"sources\[0\].kind is 'lamp'"),
    ("beta = 0.99", "beta = 2", r"sources\[1\] \(cherenkov\): beta is 2"),
    ('python = "a_detector:build"', "", r"\[detector\] needs python"),
    ("a_detector:build", "a_detector", "must read"),
    ("a_detector:build", "no_such_module:build", "no_such_module"),
    ("a_detector:build", "a_detector:bild", "no function 'bild'"),
    ("a_detector:build", "a_detector:not_a_detector", "returned a int"),
    ('keep = ["hits", "photons_end"]', 'keep = ["mits"]', "'mits'"),
    ("[event]", "[event", "not TOML"),
    ('path = "out/results.h5"', 'path = "out/results.h5"\nkeep_start = "x"', "keep_start is 'x'"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), BAD, ids=lambda v: v[:30])
def test_bad_configurations(folder, capsys, old, new, sentence):
    assert old in CONFIG
    (folder / "config.toml").write_text(CONFIG.replace(old, new))
    assert main(["run", "config.toml"]) == 2
    err = capsys.readouterr().err
    assert re.search(sentence, err), err


def test_missing_configuration(capsys):
    assert main(["run", "nothing.toml"]) == 2
    assert "nothing.toml cannot be read" in capsys.readouterr().err


def test_every_session_option_can_be_configured():
    import dataclasses
    import inspect

    known = {f.name for f in dataclasses.fields(config.SessionConfig)}
    assert known == set(inspect.signature(chroma2.Session).parameters) - {"detector"}
    with pytest.raises(errors.InvalidConfig, match="must be written as"):
        config.from_dict({"detector": {"python": "a:b"}, "sources": {"kind": "isotropic"}})
    muon = config.make_sources(
        [{"kind": "muon", "energy": 300.0, "pos": [0, 0, 0], "dir": [1, 0, 0], "medium": "water"}]
    )
    assert len(muon) > 50


def test_progress_is_silent_in_batch_logs(tmp_path):
    """Nothing but the lines themselves when nobody watches."""
    program = [sys.executable, "-m", "chroma2", "demo", "--photons", "1000", "--output"]
    done = subprocess.run([*program, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
