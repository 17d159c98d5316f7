# SPDX-License-Identifier: BSD-3-Clause
"""chroma2: optical photons through particle detectors, fast, and the same bits everywhere.

    detector = chroma2.demo.detector()
    with chroma2.Session(detector=detector, seed=1) as session:
        future = session.submit_event(chroma2.EventDescriptor(
            sources=[chroma2.sources.isotropic(n=1_000_000, wavelength=400.0)]))
        result = future.result()
    result.hits.channel, result.hits.t, result.ledger

Lengths in mm, times in ns, wavelengths in nm, energies in MeV; c = 299.792458 mm/ns.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chroma2.errors import Error
from chroma2.history import (
    BULK_ABSORB,
    BULK_REEMIT,
    CANCELLED_PHOTON,
    CHERENKOV,
    ENDED,
    LINEAGE_FULL,
    MEDIUM_MISMATCH,
    MIE_SCATTER,
    NAN_ABORT,
    NO_HIT,
    RAYLEIGH_SCATTER,
    REFLECT_DIFFUSE,
    REFLECT_SPECULAR,
    SCINTILLATION,
    STUCK,
    SURFACE_ABSORB,
    SURFACE_DETECT,
    SURFACE_REEMIT,
    SURFACE_TRANSMIT,
    History,
)

__version__ = "0.1.0"

if TYPE_CHECKING:
    from chroma2 import (
        demo,
        elementary,
        errors,
        history,
        io,
        make,
        optics,
        plot,
        sources,
        transform,
        units,
    )
    from chroma2.checkpoint import Checkpoint
    from chroma2.detector import Channels, Detector, Material, Scene, Solid, Surface
    from chroma2.device_column import DeviceColumn
    from chroma2.event import EventDescriptor
    from chroma2.future import Future
    from chroma2.material import surface_models
    from chroma2.mesh import Mesh
    from chroma2.photons import Photons
    from chroma2.result import Hits, Ledger, Part, PhotonsEnd, Result, Table, Tracks
    from chroma2.session import Session, physics_switches

_LAZY = {
    "Channels": "detector",
    "Checkpoint": "checkpoint",
    "Detector": "detector",
    "Material": "detector",
    "Scene": "detector",
    "Solid": "detector",
    "Surface": "detector",
    "surface_models": "material",
    "DeviceColumn": "device_column",
    "EventDescriptor": "event",
    "Future": "future",
    "Mesh": "mesh",
    "Photons": "photons",
    "Hits": "result",
    "Ledger": "result",
    "Part": "result",
    "PhotonsEnd": "result",
    "Result": "result",
    "Table": "result",
    "Tracks": "result",
    "Session": "session",
    "physics_switches": "session",
}
_MODULES = (
    "demo",
    "elementary",
    "errors",
    "history",
    "io",
    "make",
    "optics",
    "plot",
    "sources",
    "transform",
    "units",
)

__all__ = [
    "BULK_ABSORB",
    "BULK_REEMIT",
    "CANCELLED_PHOTON",
    "CHERENKOV",
    "ENDED",
    "LINEAGE_FULL",
    "MEDIUM_MISMATCH",
    "MIE_SCATTER",
    "NAN_ABORT",
    "NO_HIT",
    "RAYLEIGH_SCATTER",
    "REFLECT_DIFFUSE",
    "REFLECT_SPECULAR",
    "SCINTILLATION",
    "STUCK",
    "SURFACE_ABSORB",
    "SURFACE_DETECT",
    "SURFACE_REEMIT",
    "SURFACE_TRANSMIT",
    "Channels",
    "Checkpoint",
    "Detector",
    "DeviceColumn",
    "Error",
    "EventDescriptor",
    "Future",
    "History",
    "Hits",
    "Ledger",
    "Material",
    "Mesh",
    "Part",
    "Photons",
    "PhotonsEnd",
    "Result",
    "Scene",
    "Session",
    "Solid",
    "Surface",
    "Table",
    "Tracks",
    "__version__",
    "demo",
    "elementary",
    "errors",
    "history",
    "io",
    "make",
    "optics",
    "physics_switches",
    "plot",
    "sources",
    "surface_models",
    "transform",
    "units",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(f"chroma2.{_LAZY[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"chroma2.{name}")
    else:
        raise AttributeError(f"module 'chroma2' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
