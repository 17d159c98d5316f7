# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the package share: small detectors, an open session, the neutral scenes."""

import os
import pathlib
import signal
import sys
import threading

import hypothesis
import pytest

import chroma2

ROOT = pathlib.Path(__file__).resolve().parents[2]

hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


# ------------------------------------------------------------------ a watchdog


def say_where_photons_are(capture, name, patience_s):
    """Ends the program: a test hangs. Metrics tell what lies in which ring of which session."""
    from chroma2 import _capi

    capture.suspend_global_capture(in_=True)
    print(f"\n{name}: no end after {patience_s:g} s", file=sys.stderr)
    signal.alarm(20)  # a device that hangs may not answer either
    for i, handle in enumerate(list(_capi._sessions)):
        print(f"session {i}:", file=sys.stderr)
        for metric in handle.metrics():
            if metric.value:
                print(f"{metric.name}={metric.value}", file=sys.stderr)
    sys.stderr.flush()
    os._exit(3)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """CHROMA2_TEST_WATCHDOG: seconds that a test may take."""
    patience_s = float(os.environ.get("CHROMA2_TEST_WATCHDOG", "0"))
    timer = None
    if patience_s > 0:
        capture = item.config.pluginmanager.getplugin("capturemanager")
        timer = threading.Timer(patience_s, say_where_photons_are, (capture, item.name, patience_s))
        timer.daemon = True
        timer.start()
    yield
    if timer is not None:
        timer.cancel()


@pytest.fixture(scope="session")
def scenes():
    """validation/scenes.py as a module."""
    sys.path.insert(0, str(ROOT / "validation"))
    try:
        import scenes
    finally:
        sys.path.pop(0)
    return scenes


def chosen_device():
    """The device_id that CHROMA2_TEST_DEVICE asks for: "cpu" (the default) or a GPU's number."""
    device = os.environ.get("CHROMA2_TEST_DEVICE", "cpu")
    return int(device) if device.isdigit() else device


IS_EMULATED = chosen_device() != "cpu" and "emulated" in os.environ.get("CHROMA2_PLUGIN", "")
"""The chosen device is the emulated one, which is some thousand times slower than a GPU."""

SMALL = {
    "device_id": chosen_device(),
    "threads": 2,
    "memory_bytes": (64 if chosen_device() == "cpu" else 512) << 20,  # a GPU's rings are larger
}
"""Options of a small session on the chosen device."""


def water_box(half_mm=500.0, detect=0.4, reflect=0.3):
    """A water box whose wall is one channel; light bounces and scatters in it."""
    wall = chroma2.Surface("wall")
    wall.set("detect", detect)
    wall.set("reflect_diffuse", reflect)
    wall.set("absorb", 1.0 - detect - reflect)
    water = chroma2.Material("water")
    water.set("refractive_index", [1.36, 1.33], [200.0, 800.0])
    water.set("absorption_length", 5000.0)
    water.set("scattering_length", 2000.0)
    detector = chroma2.Detector(water)
    cube = chroma2.make.cube(2.0 * half_mm)
    detector.add_pmt(chroma2.Solid(cube, water, chroma2.optics.vacuum(), wall))
    return detector


@pytest.fixture(scope="session")
def box():
    return water_box().build()


@pytest.fixture(scope="module")
def session(box):
    with chroma2.Session(detector=box, seed=1, **SMALL) as open_session:
        yield open_session


def light(n=2000, **options):
    return chroma2.sources.isotropic(n, **options)


def event(n=2000, **options):
    return chroma2.EventDescriptor(sources=[light(n)], **options)
