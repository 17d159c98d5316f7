# SPDX-License-Identifier: BSD-3-Clause
"""First light from Python: a water box with one detecting wall, and how many photons reach it."""

import chroma2

water = chroma2.optics.water()
wall = chroma2.Surface("wall")
wall.set("detect", 0.3)
wall.set("absorb", 0.7)

detector = chroma2.Detector(water)
box = chroma2.Solid(chroma2.make.cube(2000.0), water, chroma2.optics.vacuum(), wall)
detector.add_pmt(box)

with chroma2.Session(device_id=None, detector=detector, seed=1) as session:
    light = chroma2.sources.isotropic(n=100_000, pos=(0, 0, 0), wavelength=400.0)
    future = session.submit_event(chroma2.EventDescriptor(sources=[light], event_id=0))
    result = future.result()

print(result.ledger)
print(f"{len(result.hits):,} hits, mean time {result.hits.t.mean():.2f} ns")
