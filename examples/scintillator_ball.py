# SPDX-License-Identifier: BSD-3-Clause
"""A ball of liquid scintillator in an acrylic vessel in water, seen by 600 photomultipliers.

    python examples/scintillator_ball.py [--photons 2e6] [--picture scintillator_ball.png]

Two events. Light from near the vessel's wall: what leaves the ball steeply is totally reflected, so
the photomultipliers to the side stay dark. Light from the middle: what arrives without a scatter or
a re-emission follows closed forms in time and wavelength, without a free parameter. The
scintillator's tables are illustrative (an alkylbenzene with one fluor); the other media are those
of chroma2.optics.
"""

import argparse

import draw
import numpy as np
from matplotlib.collections import EllipseCollection
from matplotlib.patches import Ellipse

import chroma2
from chroma2 import demo, make, optics, plot, sources

BALL, SHELL, TANK = 1000.0, 50.0, 3300.0  # radius, thickness, radius [mm]
PMT_RADIUS, N_PMTS = 2900.0, 600
SOURCE = 0.97 * BALL  # on the x axis
DECAY, SHARE, RISE = np.array([4.0, 20.0]), np.array([0.75, 0.25]), 0.8  # ns
SPECTRUM = optics.emission_spectrum(383.0, 17.0)
GRID = np.arange(300.0, 561.0, 5.0)  # nm


def scintillator():
    """Its fluor absorbs what it emits at short wavelengths and emits it again."""
    liquid = chroma2.Material("scintillator")
    w = np.arange(200.0, 1000.0, 5.0)
    index = 1.468 + 5.2e3 / w**2
    liquid.set("refractive_index", index, w)
    liquid.set("scattering_length", optics.rayleigh_length(w, index, 7.5e-10, 20.0, 0.3), w)
    fluor = 700.0 * np.exp((w - 375.0) / 9.0).clip(1e-4, 1e4)  # mm
    solvent = 12_000.0 * np.exp((w - 400.0) / 40.0).clip(1e-3, 10.0)
    liquid.set("absorption_length", 1.0 / (1.0 / fluor + 1.0 / solvent), w)
    spectrum = np.interp(w, *SPECTRUM)
    total = np.concatenate([[0.0], np.cumsum(0.5 * (spectrum[1:] + spectrum[:-1]))])
    times = np.linspace(0.0, 20.0, 201)
    liquid.add_component(
        fluor,
        np.where(w < 430.0, 0.8, 0.0),
        total / total[-1],
        times,
        (1.0 - np.exp(-times / 1.6)) / (1.0 - np.exp(-20.0 / 1.6)),
        wavelengths=w,
    )
    liquid.add_component(solvent, 0.0, wavelengths=w)
    return liquid


def build():
    """The detector: ball, vessel, and photomultipliers on a sphere that look at its middle."""
    water, acrylic, liquid = optics.water(), optics.acrylic(), scintillator()
    detector = chroma2.Detector(water)
    tank = make.sphere(TANK, nsteps=48)
    detector.add_solid(chroma2.Solid(tank, water, optics.vacuum(), optics.black(0.02)))
    vessel = make.sphere(BALL + SHELL, nsteps=192)
    detector.add_solid(chroma2.Solid(vessel, acrylic, water))
    detector.add_solid(chroma2.Solid(make.sphere(BALL, nsteps=192), liquid, acrylic))
    pmt = demo.pmt(water, nsteps=20)
    i = np.arange(N_PMTS) + 0.5
    z = 1.0 - 2.0 * i / N_PMTS  # even over the sphere, by the golden angle
    phi = np.pi * (1.0 + np.sqrt(5.0)) * i
    across = np.sqrt(1.0 - z * z)
    for outward in np.stack([across * np.cos(phi), across * np.sin(phi), z], axis=1):
        side = np.cross(outward, [0.0, 0.0, 1.0] if abs(outward[2]) < 0.9 else [1.0, 0.0, 0.0])
        side /= np.linalg.norm(side)
        axes = np.stack([side, np.cross(-outward, side), -outward], axis=1)
        detector.add_pmt(pmt, axes, PMT_RADIUS * outward)
    return detector


def light(n, pos):
    """n photons of scintillation at a point."""
    return sources.scintillation(
        pos, n=n, wavelength=SPECTRUM, decay=DECAY, weights=SHARE, rise=[RISE, RISE]
    )


def fresnel(sine, n1, n2):
    """Share of unpolarized light that passes a boundary, by the sine of incidence; 0: total."""
    cos1 = np.sqrt(1.0 - sine**2)
    cos2 = np.sqrt(np.clip(1.0 - (n1 / n2 * sine) ** 2, 0.0, None))
    r_s = (n1 * cos1 - n2 * cos2) / (n1 * cos1 + n2 * cos2)
    r_p = (n2 * cos1 - n1 * cos2) / (n2 * cos1 + n1 * cos2)
    return 1.0 - 0.5 * (r_s**2 + r_p**2)


def media(scene, which, w):
    """A property of scintillator, acrylic, water, glass at wavelengths w."""
    names = ("scintillator", "acrylic", "water", "borosilicate glass")
    return [np.array([scene.material_value(m, which, x) for x in w]) for m in names]


def seen(session, n=200_000):
    """The share of light from the middle that gets into a photomultiplier's glass, had it no losses
    before: by rays to the bulbs, which are half-ellipsoids in front."""
    rng = np.random.default_rng(1)
    way = rng.normal(size=(n, 3))
    way /= np.linalg.norm(way, axis=1)[:, None]
    hit = session.intersect((BALL + SHELL + 1.0) * way, way)
    is_pmt = hit.instance >= 3  # after tank, vessel and ball
    place = session.scene.channels.position[hit.instance[is_pmt] - 3]
    axis = -place / PMT_RADIUS
    way = way[is_pmt]
    at = (BALL + SHELL + 1.0 + hit.distance[is_pmt])[:, None] * way - place
    height = np.sum(at * axis, axis=1)[:, None]
    normal = (at - height * axis) / 126.5**2 + height * axis / 94.0**2
    cosine = -np.sum(way * normal, axis=1) / np.linalg.norm(normal, axis=1)
    sine = np.sqrt(1.0 - np.clip(cosine, 0.0, 1.0) ** 2)
    _, _, water, glass = media(session.scene, "refractive_index", [390.0])
    return fresnel(sine, water, glass).sum() / n


def direct_spectrum(session, n, edges):
    """Direct photons detected per bin, of n from the middle: emission, losses on the straight way,
    boundaries, quantum efficiency."""
    w = np.arange(edges[0], edges[-1]) + 0.5
    scene = session.scene
    n1, n2, n3, _ = media(scene, "refractive_index", w)
    way = np.array([BALL, SHELL, PMT_RADIUS - 94.0 - BALL - SHELL, 3.0])
    passed = fresnel(0.0, n1, n2) * fresnel(0.0, n2, n3)
    for which in ("absorption_length", "scattering_length"):
        for length, mean in zip(way, media(scene, which, w), strict=True):
            passed = passed * np.exp(-length / mean)
    efficiency = np.interp(w, *optics.bialkali_quantum_efficiency())
    born = np.interp(w, *SPECTRUM) / np.interp(np.arange(250.0, 600.0), *SPECTRUM).sum()
    return np.histogram(w, edges, weights=n * seen(session) * born * passed * efficiency)[0]


def direct_profile(scene, edges):
    """Direct light from SOURCE per solid angle, against the angle at the middle (degrees): straight
    lines with r n sin(i) constant from shell to shell, losses in the ball. Any scale."""
    cosine = np.linspace(-1.0, 1.0, 400_002)[1:-1]
    sine = np.sqrt(1.0 - cosine**2)
    n1, n2, n3, _ = media(scene, "refractive_index", [390.0])
    b1, b2, b3 = (SOURCE * sine * n1 / n for n in (n1, n2, n3))
    inner, outer = BALL, BALL + SHELL
    goes = (b2 < inner) & (b3 < outer)  # else totally reflected
    cosine, sine, b1, b2, b3 = (x[goes] for x in (cosine, sine, b1, b2, b3))
    angle = np.arctan2(sine, cosine) - np.arcsin(b1 / inner)
    angle += np.arccos(b2 / outer) - np.arccos(b2 / inner)
    angle += np.arccos(b3 / PMT_RADIUS) - np.arccos(b3 / outer)
    w = GRID
    absorb, scatter = (media(scene, k + "_length", w)[0] for k in ("absorption", "scattering"))
    weight = np.interp(w, *SPECTRUM) * np.interp(w, *optics.bialkali_quantum_efficiency())
    way = np.linspace(0.0, 2.0 * BALL, 300)
    left = np.exp(-way[:, None] * (1.0 / absorb + 1.0 / scatter)) @ weight
    passed = np.interp(np.sqrt(inner**2 - b1**2) - SOURCE * cosine, way, left)
    passed *= fresnel(b1 / inner, n1, n2) * fresnel(b2 / outer, n2, n3)
    share = np.histogram(np.degrees(angle), edges, weights=passed)[0]
    return share / -np.diff(np.cos(np.radians(edges)))


def decay_law(t):
    """Density of the time of emission."""
    s = np.maximum(t, 0.0)[:, None]
    return np.sum(SHARE * (np.exp(-s / DECAY) - np.exp(-s / RISE)) / (DECAY - RISE), axis=1)


def flight(scene, hits):
    """Time of flight from the middle along a straight line, ns."""
    speed = [np.interp(hits.wavelengths, GRID, g) for g in media(scene, "group_index", GRID)]
    way = np.linalg.norm(hits.pos.astype(float), axis=1) - BALL - SHELL
    return (
        BALL * speed[0] + SHELL * speed[1] + way * speed[2]
    ) / chroma2.units.SPEED_OF_LIGHT_MM_NS


def draw_map(page, scene, hits):
    """Photons per photomultiplier, the source's direction in the middle."""
    flat = plot.unroll(scene.channels.position)
    count = np.bincount(hits.channel, minlength=scene.num_channels).astype(float)
    of = page.add_axes((0.015, 0.455, 0.62, 0.44))
    of.axis("off")
    of.set_aspect("equal")
    of.add_patch(Ellipse((0, 0), *flat.outlines[0][3:], facecolor=draw.PANEL, edgecolor=draw.FAINT))
    size = np.full(len(count), 2.1 * flat.radius)
    drawn = EllipseCollection(
        size,
        size,
        np.zeros_like(size),
        units="xy",
        offsets=np.column_stack([flat.x, flat.y]),
        offset_transform=of.transData,
        cmap="inferno",
        linewidths=0.0,
    )
    drawn.set_array(count)
    drawn.set_clim(0.0, np.percentile(count, 96.0))
    of.add_collection(drawn)
    of.autoscale_view()
    draw.colour_bar(of, drawn, (0.035, 0.462, 0.15, 0.014), "photons per photomultiplier")


def draw_profile(page, scene, hits, is_direct):
    """Photons per photomultiplier against the angle from the source."""
    edges = np.arange(0.0, 181.0, 4.0)
    place = scene.channels.position
    angle = np.degrees(np.arccos(place[:, 0] / np.linalg.norm(place, axis=1)))
    of = draw.axes(
        page,
        (0.685, 0.52, 0.285, 0.345),
        "photons per photomultiplier",
        "angle from the source, seen from the middle (°)",
    )
    n_pmts = np.maximum(np.histogram(angle, edges)[0], 1)
    every, _ = draw.points(angle[hits.channel], edges)
    counts, errors = draw.points(angle[hits.channel[is_direct]], edges)
    of.stairs(every / n_pmts, edges, fill=True, color=draw.BLUE, alpha=0.45, label="all")
    middle = 0.5 * (edges[1:] + edges[:-1])
    some = np.histogram(angle, edges)[0] > 0
    of.errorbar(
        middle[some],
        (counts / n_pmts)[some],
        (errors / n_pmts)[some],
        fmt=".",
        ms=4,
        color=draw.AMBER,
        label="direct",
    )
    fine = np.arange(0.0, 180.5, 0.5)
    law = direct_profile(scene, fine)
    per_bin = np.repeat(n_pmts, 8) * law
    law *= counts.sum() / (per_bin.sum() / 8.0)
    of.stairs(law, fine, color=draw.WHITE, lw=1.0, label="Snell, Fresnel, Beer (any scale)")
    of.set_xlim(0.0, 180.0)
    of.set_ylim(0.0, 1.15 * (every / n_pmts).max())
    draw.legend(of)


def draw_times(page, residual, is_direct):
    edges = np.linspace(-5.0, 90.0, 96)
    of = draw.axes(
        page, (0.055, 0.085, 0.42, 0.29), "from the middle: time", "t - straight flight (ns)"
    )
    of.hist(residual, edges, color=draw.BLUE, alpha=0.45, label="all")
    counts, errors = draw.points(residual[is_direct], edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    of.errorbar(middle, counts, errors, fmt=".", ms=4, color=draw.AMBER, label="direct")
    fine = np.linspace(edges[0], edges[-1], 3000)
    law = decay_law(fine) * np.count_nonzero(is_direct) * (edges[1] - edges[0])
    of.plot(fine, law, color=draw.WHITE, lw=1.1, label="the scintillator's decay law")
    of.set_yscale("log")
    of.set_ylim(0.5 * max(1.0, law[-1]), None)
    of.set_xlim(edges[0], edges[-1])
    draw.legend(of)


def draw_spectrum(page, session, hits, is_direct, n):
    """Returns the numbers of direct photons: seen and expected."""
    edges = np.arange(340.0, 476.0, 5.0)
    of = draw.axes(
        page, (0.545, 0.085, 0.425, 0.29), "from the middle: wavelength", "wavelength (nm)"
    )
    expected = direct_spectrum(session, n, edges)
    every = np.histogram(hits.wavelengths, edges)[0]
    counts, errors = draw.points(hits.wavelengths[is_direct], edges)
    of.stairs(every, edges, fill=True, color=draw.BLUE, alpha=0.45, label="all")
    middle = 0.5 * (edges[1:] + edges[:-1])
    of.errorbar(middle, counts, errors, fmt=".", ms=4, color=draw.AMBER, label="direct")
    of.stairs(expected, edges, color=draw.WHITE, lw=1.1, label="direct, computed: no parameter")
    w = np.arange(edges[0], edges[-1])
    emitted = np.interp(w, *SPECTRUM) * every.max()
    of.plot(w, emitted, "--", color=draw.GREEN, lw=1.0, label="emitted (any scale)")
    of.set_xlim(edges[0], edges[-1])
    draw.legend(of)
    return counts.sum(), expected.sum()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--photons", type=float, default=2e6)
    parser.add_argument("--picture", default="scintillator_ball.png")
    options = parser.parse_args()
    n = int(options.photons)
    with chroma2.Session(detector=build(), seed=1, physics="precise") as session:
        events = [
            chroma2.EventDescriptor(sources=light(n, (x, 0.0, 0.0)), event_id=i)
            for i, x in enumerate((SOURCE, 0.0))
        ]
        results = [future.result() for future in session.submit_events(events)]
        for result in results:
            print(result.ledger)
        straight = chroma2.SCINTILLATION | chroma2.SURFACE_DETECT  # and nothing else happened
        at_wall, at_middle = (result.hits for result in results)
        page = draw.figure(
            "A scintillator ball in acrylic in water",
            f"Above: {n:,} photons from {SOURCE / BALL:.2f} of the ball's radius; total reflection "
            "leaves a dark band that ends in a caustic. Below: as many from its middle.",
        )
        scene = session.scene
        draw_map(page, scene, at_wall)
        draw_profile(page, scene, at_wall, at_wall.flags == straight)
        is_direct = at_middle.flags == straight
        draw_times(page, at_middle.t - flight(scene, at_middle), is_direct)
        counted, expected = draw_spectrum(page, session, at_middle, is_direct, n)
    print(f"direct photons detected: {counted:.0f}, expected {expected:.0f}")
    draw.save(page, options.picture)


if __name__ == "__main__":
    main()
