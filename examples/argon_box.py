# SPDX-License-Identifier: BSD-3-Clause
"""A box of liquid argon, lined with a wavelength shifter, read out by silicon photomultipliers.

    python examples/argon_box.py [--prescale 0.05] [--picture argon_box.png]

A muon crosses the box. Its light of 128 nm is absorbed by tetraphenyl butadiene (TPB) on the foils
and on the windows of the tiles and comes out again at 420 nm, into both half spaces; the foils
reflect that light, and the box is an integrating sphere whose light lives for tens of nanoseconds.
An event makes 16 million photons; `prescale` makes a share of them. Expectations: the decay law of
argon, delayed by the flight to the shifter (from step histories), the shifter and the box (Eyring's
law of reverberation); and the shifter's spectrum times the detection efficiency.
"""

import argparse

import draw
import numpy as np
from matplotlib.colors import Normalize

import chroma2
from chroma2 import make, optics, sources

SIZE = np.array([3000.0, 1500.0, 1500.0])  # mm
TILE, PITCH, COLUMNS, ROWS = 100.0, 123.0, 24, 12
FILL = 0.9  # share of a tile's area that is sensitive
FOIL = 0.96  # diffuse reflectivity of the foils
LATE = 500.0  # ns: only the slow light of argon is left
ABSORPTION = 20_000.0  # of the argon, mm
DECAY, SHARE = np.array([6.0, 1500.0]), np.array([0.3, 0.7])  # ns; of a minimum ionizing particle
SHIFTER_NS = 2.0
TRACK = np.array([[-1500.0, -250.0, -500.0], [1500.0, 250.0, 500.0]])
TPB = optics.emission_spectrum(425.0, 22.0)
ANGLES = np.linspace(0.0, 0.5 * np.pi, 19)
GRID = np.arange(60.0, 1000.0, 5.0)


def efficiency(w):
    """Of the silicon: detected photons per photon that enters it."""
    return 0.5 * np.exp(-0.5 * ((w - 450.0) / 90.0) ** 2) * (w > 300.0)


def argon():
    """Liquid argon: index by the resonance at 106.6 nm (after Grace et al., Nucl. Instrum. Meth. A
    867, 204 (2017)), scattering of 0.95 m at 128 nm (after Babicz et al., JINST 15, P09009 (2020))
    that follows the index, absorption of 20 m: approximate."""
    w = np.maximum(GRID, 115.0)
    square = 1.24262 + 0.268257 * w**2 / (w**2 - 106.6**2)
    strength = (square - 1.0) * (square + 2.0) / w**2
    medium = chroma2.Material("argon")
    medium.set("refractive_index", np.sqrt(square), GRID)
    medium.set(
        "scattering_length", 950.0 * (np.interp(128.0, GRID, strength) / strength) ** 2, GRID
    )
    medium.set("absorption_length", ABSORPTION)
    return medium


def shifter(name):
    """TPB: absorbs all light below 300 nm and emits one photon for each, lets the rest through."""
    film = chroma2.Surface(name, "wls")
    film.set("absorb", np.where(GRID < 300.0, 1.0, 0.0), GRID)
    film.set("reemit", np.where(GRID < 300.0, 1.0, 0.0), GRID)
    shape = np.interp(GRID, *TPB)
    total = np.concatenate([[0.0], np.cumsum(0.5 * (shape[1:] + shape[:-1]))])
    film.set("reemission_cdf", total / total[-1], GRID)
    times = np.linspace(0.0, 30.0, 301)
    film.set_delay(times, (1.0 - np.exp(-times / SHIFTER_NS)) / (1.0 - np.exp(-30.0 / SHIFTER_NS)))
    return film


def mirrored(angle):
    """Share that the silicon mirrors, by the angle in the window."""
    return 0.2 + 0.8 * (angle / ANGLES[-1]) ** 6


def silicon():
    """Tables against the angle in the window: what is not mirrored enters the silicon."""
    surface = chroma2.Surface("silicon", "sipm_empirical")
    surface.set_by_angle(
        ANGLES,
        GRID,
        reflect=mirrored(ANGLES),
        transmit=1.0 - mirrored(ANGLES),
        relative_pde=np.tile(efficiency(GRID), (len(ANGLES), 1)),
    )
    surface.set_value("fill_factor", FILL)
    return surface


def tile(liquid):
    """A window of acrylic, TPB on its front and white elsewhere, with the silicon behind it."""
    acrylic, vacuum = optics.acrylic(), optics.vacuum()
    window = make.box(TILE, TILE, 6.0)
    chip = make.box(TILE - 2.0, TILE - 2.0, 1.0, center=(0.0, 0.0, -2.0))
    is_front = window.assemble()[:, :, 2].min(axis=1) > 2.9
    film, paint = shifter("TPB on windows"), optics.white(FOIL)
    covers = [film if front else paint for front in is_front]
    return chroma2.Solid(window, acrylic, liquid, covers) + chroma2.Solid(
        chip, vacuum, acrylic, silicon()
    )


def build():
    """The box, its foils, and a wall of tiles below and above."""
    liquid = argon()
    detector = chroma2.Detector(liquid)
    detector.add_solid(chroma2.Solid(make.box(*SIZE), liquid, liquid, shifter("TPB on foils")))
    foil = make.box(*(SIZE + 4.0))
    detector.add_solid(chroma2.Solid(foil, liquid, optics.vacuum(), optics.white(FOIL)))
    sensor = tile(liquid)
    for sign in (-1.0, 1.0):
        facing = np.diag([1.0, -sign, -sign])  # the window's front, +z, looks inwards
        for y in (np.arange(ROWS) - 0.5 * (ROWS - 1)) * PITCH:
            for x in (np.arange(COLUMNS) - 0.5 * (COLUMNS - 1)) * PITCH:
                detector.add_pmt(sensor, facing, (x, y, sign * (0.5 * SIZE[2] - 3.5)))
    return detector


def muon():
    """2.1 MeV/cm of light along the track."""
    length = np.linalg.norm(TRACK[1] - TRACK[0])
    return sources.scintillation(
        TRACK[0],
        TRACK[1],
        energy=0.21 * length,
        yield_per_mev=24_000.0,
        wavelength=128.0,
        decay=DECAY,
        weights=SHARE,
        t=(0.0, length / chroma2.units.SPEED_OF_LIGHT_MM_NS),
    )


def lifetime(scene):
    """Of shifted light in the box, ns: Eyring's law. Walls are 4 V / S apart on average; the foils
    take one share of what meets them, the tiles another."""
    volume, area = SIZE.prod(), 2.0 * (SIZE * np.roll(SIZE, 1)).sum()
    tiles = 2 * COLUMNS * ROWS * TILE**2 / area
    n1, n2 = (scene.material_value(m, "refractive_index", 425.0) for m in ("argon", "acrylic"))
    sine2 = np.linspace(0.0, 1.0, 2001)  # diffuse light is even in sin^2
    c1, c2 = np.sqrt(1.0 - sine2), np.sqrt(1.0 - sine2 * (n1 / n2) ** 2)
    r_s = (n1 * c1 - n2 * c2) / (n1 * c1 + n2 * c2)
    r_p = (n2 * c1 - n1 * c2) / (n2 * c1 + n1 * c2)
    enters = 1.0 - 0.5 * (r_s**2 + r_p**2)
    stays = FILL * mirrored(np.arccos(c2))  # in the window, after the silicon
    taken = np.mean(enters * (1.0 - stays) / (1.0 - stays * (1.0 - enters)))
    lost = tiles * taken + (1.0 - tiles) * (1.0 - FOIL)
    speed = chroma2.units.SPEED_OF_LIGHT_MM_NS / scene.material_value("argon", "group_index", 425.0)
    return 1.0 / (speed * (-np.log(1.0 - lost) * area / (4.0 * volume) + 1.0 / ABSORPTION))


def time_law(t, box_ns):
    """Density of sums of exponential times: argon's decay, the shifter, the box."""
    out = np.zeros_like(t)
    for share, tau in zip(SHARE, DECAY, strict=True):
        taus = np.array([tau, SHIFTER_NS, box_ns])
        for i, a in enumerate(taus):
            others = np.delete(taus, i)
            out += share * np.exp(-np.maximum(t, 0.0) / a) * a / np.prod(a - others) * (t > 0)
    return out


def flights(session, n=3000):
    """Times from the muon's entry to the shifter, less the argon's decay [n], ns: the ways of some
    photons, from their step histories, at the speed of light of 128 nm."""
    event = chroma2.EventDescriptor(
        sources=muon(), event_id=1, prescale=n / 16e6, keep=("tracks",), max_steps=100
    )
    tracks = session.submit_event(event).result().photon_tracks
    slow = session.scene.material_value("argon", "group_index", 128.0)
    times = []
    for track in tracks.by_photon().values():
        names = track.process_names()
        if "SURFACE_REEMIT" in names:
            at = track.pos[: names.index("SURFACE_REEMIT") + 1].astype(float)
            way = np.linalg.norm(np.diff(at, axis=0), axis=1).sum() * slow
            way += np.linalg.norm(at[0] - TRACK[0])  # the muon's
            times.append(way / chroma2.units.SPEED_OF_LIGHT_MM_NS)
    return np.array(times)


def draw_plane(page, place, counts, sign, norm):
    x, y = 0.5 * COLUMNS * PITCH, 0.5 * ROWS * PITCH
    of = draw.axes(
        page, place, f"tiles at z = {sign * 0.5 * SIZE[2] / 1000:+.2f} m", "x (m)", "y (m)"
    )
    drawn = of.pcolormesh(
        np.linspace(-x, x, COLUMNS + 1) / 1000,
        np.linspace(-y, y, ROWS + 1) / 1000,
        counts.reshape(ROWS, COLUMNS),
        cmap="inferno",
        norm=norm,
        edgecolors=draw.PAPER,
        linewidth=2.0,
    )
    of.set_aspect("equal")
    along, across = TRACK[:, 0] / 1000, TRACK[:, 1] / 1000
    of.plot(along, across, "--", color=draw.BLUE, lw=1.4)
    near = TRACK[0 if sign < 0 else 1]
    of.plot(near[0] / 1000, near[1] / 1000, "o", color=draw.BLUE, ms=5, clip_on=False)
    of.set_xlim(-1.5, 1.5)
    of.set_ylim(-0.75, 0.75)
    return drawn


def draw_times(page, times, arrival, box_ns):
    of = draw.axes(page, (0.055, 0.085, 0.42, 0.29), "time of detection", "t (ns)")
    edges = np.concatenate([np.arange(0.0, 100.0, 4.0), np.geomspace(100.0, 8000.0, 70)])
    widths = np.diff(edges)
    counts, errors = draw.points(times, edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    of.errorbar(
        middle, counts / widths, errors / widths, fmt=".", ms=4, color=draw.AMBER, label="detected"
    )
    fine = np.concatenate([np.linspace(0.0, 200.0, 400), np.geomspace(200.0, 8000.0, 400)])
    bare = np.sum(SHARE / DECAY * np.exp(-fine[:, None] / DECAY), axis=1)
    of.plot(fine, bare * len(times), "--", color=draw.GREEN, lw=1.0, label="argon: 6 ns and 1.5 µs")
    law = np.mean([time_law(fine - flight, box_ns) for flight in arrival], axis=0)
    of.plot(
        fine,
        law * len(times),
        color=draw.WHITE,
        lw=1.1,
        label=f"and flight, TPB 2 ns, box {box_ns:.1f} ns",
    )
    of.set_xscale("symlog", linthresh=100.0, linscale=1.2)
    of.set_yscale("log")
    of.set_xlim(0.0, 8000.0)
    of.set_ylim(max(0.02, 0.3 * law[-1] * len(times)), None)
    of.set_xticks([0, 50, 100, 300, 1000, 3000], ["0", "50", "100", "300", "1000", "3000"])
    of.set_ylabel("per ns", color=draw.INK)
    draw.legend(of, "lower left")


def report(hits, arrival, box_ns):
    """Mean wavelength, and the share of late light, against the laws."""
    w = np.arange(340.0, 530.0) + 0.5
    law = np.interp(w, *TPB) * efficiency(w)
    expected = np.sum(w * law) / np.sum(law)
    mean = hits.wavelengths.mean(dtype=float)
    print(f"{len(hits)} hits of {mean:.2f} nm, expected {expected:.2f}")
    t = np.arange(LATE, 20_000.0) + 0.5
    late = np.mean([time_law(t - flight, box_ns).sum() for flight in arrival])
    print(f"{np.mean(hits.t > LATE):.4f} of them after {LATE:.0f} ns, expected {late:.4f}")


def draw_spectrum(page, wavelengths):
    edges = np.arange(340.0, 531.0, 5.0)
    of = draw.axes(
        page, (0.545, 0.085, 0.425, 0.29), "wavelength of detected light", "wavelength (nm)"
    )
    counts, errors = draw.points(wavelengths, edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    of.errorbar(middle, counts, errors, fmt=".", ms=4, color=draw.AMBER, label="detected")
    w = np.arange(edges[0], edges[-1]) + 0.5
    shape = np.interp(w, *TPB)
    law = shape * efficiency(w)
    scale = 5.0 * counts.sum()
    of.plot(w, shape / shape.sum() * scale, "--", color=draw.GREEN, lw=1.0, label="TPB")
    of.plot(
        w,
        law / law.sum() * scale,
        color=draw.WHITE,
        lw=1.1,
        label="TPB x efficiency of the silicon",
    )
    of.set_xlim(edges[0], edges[-1])
    draw.legend(of)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prescale", type=float, default=0.05)
    parser.add_argument("--picture", default="argon_box.png")
    options = parser.parse_args()
    with chroma2.Session(detector=build(), seed=1, physics="precise") as session:
        event = chroma2.EventDescriptor(sources=muon(), event_id=0, prescale=options.prescale)
        result = session.submit_event(event).result()
        box_ns, arrival = lifetime(session.scene), flights(session)
    print(result.ledger)
    hits = result.hits
    report(hits, arrival, box_ns)
    counts = np.bincount(hits.channel, minlength=2 * ROWS * COLUMNS) / result.prescale / 1000.0
    page = draw.figure(
        "A muon in a box of liquid argon, lined with TPB",
        f"{result.n_photons / result.prescale / 1e6:.1f} million photons of 128 nm, "
        f"{result.prescale:g} of them made; {2 * ROWS * COLUMNS} tiles of silicon photomultipliers",
    )
    norm = Normalize(0.7 * counts.min(), counts.max())
    draw_plane(page, (0.06, 0.475, 0.40, 0.36), counts[: ROWS * COLUMNS], -1.0, norm)
    drawn = draw_plane(page, (0.545, 0.475, 0.40, 0.36), counts[ROWS * COLUMNS :], 1.0, norm)
    draw.colour_bar(
        drawn.axes, drawn, (0.785, 0.925, 0.16, 0.015), "1000 photons detected per tile"
    )
    draw_times(page, hits.t, arrival, box_ns)
    draw_spectrum(page, hits.wavelengths)
    draw.save(page, options.picture)


if __name__ == "__main__":
    main()
