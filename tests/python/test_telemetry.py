# SPDX-License-Identifier: BSD-3-Clause
"""Telemetry: the endpoint for Prometheus, the trace for Perfetto."""

import json
import re
import urllib.error
import urllib.request
from collections import defaultdict

import numpy as np
import pytest
from conftest import event, water_box

import chroma2
from chroma2 import errors, telemetry

SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)'
)


def parse(text):
    """{name: value}, strictly by the text format: HELP, TYPE, then the samples of one metric."""
    values = {}
    assert text.endswith("\n")
    lines = iter(text.splitlines())
    for line in lines:
        _, word, name, meaning = line.split(" ", 3)
        assert word == "HELP" and meaning and name not in values
        kind = next(lines).removeprefix(f"# TYPE {name} ")
        assert kind in ("counter", "gauge") and name.endswith("_total") == (kind == "counter")
        found = SAMPLE.fullmatch(next(lines))
        assert found and found[1] == name
        values[name] = float(found[3])
    return values


def fetch(port, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_the_endpoint_serves_the_metrics(box):
    with chroma2.Session("cpu", box, threads=1, memory_bytes=64 << 20, metrics_port=0) as session:
        result = session.submit_event(event(3000)).result()
        kind, text = fetch(session.metrics_port)
        assert kind.startswith("text/plain; version=0.0.4")
        values = parse(text)
        metrics = session.metrics()
        assert len(values) == len(metrics) + 1
        assert values["chroma2_hits_total"] == result.ledger.hits
        assert values["chroma2_photons_started_total"] == 3000
        assert values["chroma2_info"] == 1
        numbers = {m.name: m for m in metrics}
        assert values["chroma2_initialize_seconds_total"] == pytest.approx(
            numbers["initialize_ns"].value / 1e9
        )
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(session.metrics_port, "/")
        port = session.metrics_port
        with pytest.raises(errors.InvalidArgument, match=f"metrics_port is {port}"):
            chroma2.Session("cpu", box, threads=1, memory_bytes=64 << 20, metrics_port=port)
    with pytest.raises(urllib.error.URLError):
        fetch(port)
    with pytest.raises(errors.InvalidArgument, match="metrics_port is 65536"):
        chroma2.Session("cpu", box, metrics_port=65536)


def test_a_dropped_session_frees_its_port(box):
    session = chroma2.Session("cpu", box, threads=1, memory_bytes=64 << 20, metrics_port=0)
    port = session.metrics_port
    del session
    with pytest.raises(urllib.error.URLError):
        fetch(port)


def test_prometheus_own_parser_agrees(session):
    parser = pytest.importorskip("prometheus_client.parser")
    about = {"device": 'a "quoted" back\\slash\nline'}
    text = telemetry.prometheus_text(session.metrics(), about)
    families = list(parser.text_string_to_metric_families(text))
    assert families[0].samples[0].labels == about
    found = {s.name: s.value for f in families for s in f.samples}
    assert found == parse(text)


# ------------------------------------------------------------------ traces


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """A session's trace, its metrics, and the events it ran: sources, arrays, callbacks."""
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    with chroma2.Session("cpu", water_box().build(), 1, threads=2, trace=path) as session:
        futures = session.submit_events([event(n, event_id=n) for n in (100, 9000, 500)])
        photons = chroma2.Photons(np.zeros((10_000, 3)), wavelengths=400.0)
        futures.append(session.submit_event(chroma2.EventDescriptor(photons=photons, event_id=7)))
        futures.append(session.submit_event(event(5000, event_id=8, on_hits=lambda hits: None)))
        for future in futures:
            future.result()
        handle = session._handle
        while session.telemetry()["photons_ended"] != 100 + 9000 + 500 + 10_000 + 5000:
            pass  # workers tell a moment after the rows
        metrics = {m.name: m.value for m in handle.metrics()}
    return json.loads(path.read_text()), metrics


def test_spans_of_one_lane_follow_each_other(traced):
    entries, _ = traced
    names = {e["tid"]: e["args"]["name"] for e in entries if e["name"] == "thread_name"}
    assert {"admission", "dispatch", "ingestion 0", "cpu 0", "cpu 1"} <= set(names.values())
    lanes = defaultdict(list)
    for e in entries:
        if e["ph"] == "X":
            assert e["ts"] >= 0 and e["dur"] >= 0 and e["args"]["n"] > 0
            lanes[e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
    assert set(lanes) <= set(names)
    for spans in lanes.values():
        spans.sort()
        ends = [end for _, end in spans[:-1]]
        assert all(a <= b + 1e-6 for a, (b, _) in zip(ends, spans[1:], strict=True))


def test_spans_add_up_to_the_metrics(traced):
    entries, metrics = traced
    spent, moved = defaultdict(float), defaultdict(int)
    for e in entries:
        if e["ph"] == "X":
            spent[e["name"]] += e["dur"]
            moved[e["name"]] += e["args"]["n"]
    assert moved["initialize"] >= metrics["photons_started"]  # orders count too
    assert moved["pack"] == 10_000
    assert moved["rows out"] == metrics["rows_written"]
    assert spent["callback"] * 1e3 == pytest.approx(metrics["callback_ns"])
    for stage in ("initialize", "propagate"):
        assert spent[stage] * 1e3 == pytest.approx(metrics[f"{stage}_ns"], rel=1e-9)
    assert metrics["trace_entries_lost"] == 0


def test_every_event_has_its_track(traced):
    entries, _ = traced
    tracks = defaultdict(list)
    for e in entries:
        if e.get("cat") == "event":
            tracks[e["id"]].append(e)
    named = sorted(next(e["name"] for e in t if e["ph"] == "b") for t in tracks.values())
    assert named == sorted(f"event {n}" for n in (100, 9000, 500, 7, 8))
    for t in tracks.values():
        assert [e["ph"] for e in t] == ["b", "b", "e", "n", "e"]
        times = [e["ts"] for e in t]
        assert times == sorted(times)
    assert {e["name"] for e in entries if e["ph"] == "C"} >= {"active_depth", "free_depth"}


def test_a_trace_that_cannot_be_written(box, tmp_path):
    with pytest.raises(errors.InvalidArgument, match=r"trace_path is .*No such file"):
        chroma2.Session("cpu", box, threads=1, trace=tmp_path / "no" / "trace.json")
