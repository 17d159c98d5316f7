#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws what a run of chroma2 gives against the closed form, for the pages of docs/physics.

    python validation/figures.py [name ...]     all, or by name, into docs/physics/figures/

Every point comes from a session: photons sent into a scene made here, and what became of them in
their first step. Lines are closed forms, computed here in double precision. Below each figure are
the residuals, in standard deviations of the count that is expected.
"""

import argparse
import itertools
import math

import numpy as np
import run_surfaces
from panel import COLOURS, MARKS, Panel

import chroma2

SEED = 20260101
DRAWN = {}  # name: function
EVENT_IDS = itertools.count()  # an event of its own for every run: independent random numbers


def figure(draw):
    """Registers a function that draws the figure of its name."""
    DRAWN[draw.__name__] = draw
    return draw


# ------------------------------------------------------------------ runs
def medium(name, index=1.0, **tables):
    material = chroma2.Material(name)
    for key, value in {"refractive_index": index, **tables}.items():
        material.set(key, *value) if isinstance(value, tuple) else material.set(key, value)
    return material


def black():
    surface = chroma2.Surface("black")
    surface.set("absorb", 1.0)
    return surface


def plane(surface, above, below, **options):
    """A session whose world is two media with a plane between them at z = 0."""
    detector = chroma2.Detector(above)
    solid = chroma2.Solid(chroma2.make.box(2e4, 2e4, 1e4), below, above, surface)
    detector.add_solid(solid, displacement=(0.0, 0.0, -5e3))
    return chroma2.Session("cpu", detector, seed=SEED, memory_bytes=64 << 20, **options)


def block(material, half_mm=1e6, **options):
    """A session whose world is one medium, up to black walls far away."""
    detector = chroma2.Detector(medium("outside"))
    cube = chroma2.Solid(chroma2.make.cube(2.0 * half_mm), material, medium("outside"), black())
    detector.add_solid(cube)
    return chroma2.Session("cpu", detector, seed=SEED, memory_bytes=64 << 20, **options)


def rows(vector, n):
    return np.tile(np.asarray(vector, np.float32), (n, 1))


def run(session, photons=None, sources=None, max_steps=1):
    """Final states of the photons of a new event."""
    event = chroma2.EventDescriptor(
        photons=None if photons is None else photons.freeze(),
        sources=sources,
        event_id=next(EVENT_IDS),
        max_steps=max_steps,
        keep=("photons_end",),
    )
    return session.submit_event(event).result().photons_end


def beam(n, position, direction, polarization=None, wavelength=400.0):
    pol = None if polarization is None else rows(polarization, n)
    return chroma2.Photons(
        rows(position, n), rows(direction, n), pol, np.full(n, wavelength, np.float32)
    )


def inclined(angle_deg, is_s=True, up=False):
    """Start, direction and polarization of a beam that meets z = 0 at the origin."""
    angle = math.radians(angle_deg)
    d = np.array([math.sin(angle), 0.0, math.cos(angle) * (1.0 if up else -1.0)])
    s = np.array([0.0, 1.0, 0.0])
    return -10.0 * d, d, s if is_s else np.cross(s, d)


def outcomes_by_angle(session, angles, n, is_s, wavelength=400.0):
    """[angle, outcome]: counts of run_surfaces' outcomes of the first step."""
    out = []
    for angle in angles:
        light = beam(n, *inclined(angle, is_s), wavelength)
        end = run(session, light)
        out.append(run_surfaces.outcomes(np.asarray(end.flags)))
    return np.array(out)


def fresnel(cos_i, n1, n2):
    """Shares reflected of s and p, in arrays: Born & Wolf, 7th ed., sec. 1.5.2."""
    cos_i = np.asarray(cos_i, complex)
    a, k = n1 * cos_i, np.sqrt(n2**2 - n1**2 * (1.0 - cos_i**2) + 0j)
    r_s = (a - k) / (a + k)
    r_p = (n2**2 * a - n1**2 * k) / (n2**2 * a + n1**2 * k)
    return np.abs(r_s) ** 2, np.abs(r_p) ** 2


ANGLES = np.array([1, 10, 20, 30, 40, 50, 60, 70, 80, 87], np.float64)
FINE = np.linspace(0.0, 89.99, 600)


# ------------------------------------------------------------------ media
@figure
def absorption():
    panel = Panel(
        "absorption",
        "path to the first interaction [mm]",
        "photons / mm / all photons",
        "Free path with absorption length A and scattering length S; 200,000 photons each",
    )
    n = 200_000
    for a, s in ((30.0, math.inf), (100.0, 50.0), (200.0, 300.0)):
        tables = {"absorption_length": a}
        if math.isfinite(s):
            tables["scattering_length"] = s
        with block(medium("block", 1.5, **tables)) as session:
            end = run(session, beam(n, (0, 0, 0), (0, 0, 1)))
        depth = np.asarray(end.pos)[:, 2]
        mean = 1.0 / (1.0 / a + 1.0 / s)
        text = f"A {a:g} mm, S {'none' if math.isinf(s) else f'{s:g} mm'}: exp(-x / {mean:g} mm)"
        panel.add_counts(text, depth, 0.0, 400.0, lambda x, m=mean: -np.expm1(-x / m))
    panel.save(log=True, bottom=1e-7)


@figure
def reemission():
    """Delay of re-emission in a medium: from a table of its distribution function."""
    panel = Panel(
        "reemission",
        "delay [ns]",
        "photons / ns / re-emitted",
        "Delay of re-emission: tables of 1 - exp(-t/τ) up to 60 ns; 200,000 photons absorbed each",
    )
    n = 200_000
    times = np.arange(0.0, 60.01, 0.05)
    for tau, share in ((3.0, 0.9), (12.0, 0.6)):
        cdf = -np.expm1(-times / tau)
        cdf /= cdf[-1]
        block_of = medium("shifter", 1.5, absorption_length=1e-3)
        line = np.array([[400.0, 0.0], [450.0, 1.0]])
        block_of.add_component(1e-3, share, line, times, cdf)
        with block(block_of) as session:
            end = run(session, beam(n, (0, 0, 0), (0, 0, 1)))
        seen = (np.asarray(end.flags) & int(chroma2.history.BULK_REEMIT)) != 0
        found = seen.mean()
        off = (found - share) / math.sqrt(share * (1 - share) / n)
        label = f"τ {tau:g} ns; yield {share:g}: re-emitted {found:.4f} ({off:+.1f} σ)"

        def law(t, tau=tau):
            return np.expm1(-t / tau) / np.expm1(-60.0 / tau)

        panel.add_counts(label, np.asarray(end.t)[seen], 0.0, 60.0, law)
    panel.save(log=True, bottom=1e-7)


@figure
def rayleigh():
    panel = Panel(
        "rayleigh",
        "cosine x of the angle to the old polarization or direction",
        "photons / unit of x / all photons",
        "Rayleigh scattering: one scattering each of 200,000 photons",
    )
    n = 200_000
    with block(medium("block", 1.33, scattering_length=10.0)) as session:
        end = run(session, beam(n, (0, 0, 0), (0, 0, 1), (1, 0, 0)))
        d = np.asarray(end.dir)
        panel.add_counts(
            "to the polarization: 3/4 (1 - x²)",
            d[:, 0],
            -1.0,
            1.0,
            lambda x: (2.0 + 3.0 * x - x**3) / 4.0,
        )
        end = run(session, beam(n, (0, 0, 0), (0, 0, 1)))
        panel.add_counts(
            "to the direction, unpolarized: 3/8 (1 + x²)",
            np.asarray(end.dir)[:, 2],
            -1.0,
            1.0,
            lambda x: 0.5 + 3.0 / 8.0 * (x + x**3 / 3.0),
        )
    panel.save(bottom=0.0, legend="lower center")


@figure
def mie():
    panel = Panel(
        "mie",
        "cosine x of the scattering angle",
        "photons / unit of x / all photons",
        "Henyey and Greenstein's law: one scattering each of 200,000 photons",
    )
    n = 200_000

    def cdf(x, g):
        if g == 0.0:
            return 0.5 * (1.0 + x)
        root = np.sqrt(1.0 + g * g - 2.0 * g * x)
        return (1.0 - g * g) / (2.0 * g) * (1.0 / root - 1.0 / (1.0 + g))

    for g in (-0.3, 0.0, 0.6, 0.9):
        with block(medium("block", 1.33, mie_length=10.0, mie_g=g)) as session:
            end = run(session, beam(n, (0, 0, 0), (0, 0, 1)))
        x = np.asarray(end.dir)[:, 2]
        label = f"g = {g:g}: mean {x.mean():+.4f} ± {x.std() / math.sqrt(n):.4f}"
        panel.add_counts(label, x, -1.0, 1.0, lambda x, g=g: cdf(x, g))
    panel.save(log=True)


@figure
def group_velocity():
    """Flight times through a dispersive medium, in both presets."""
    panel = Panel(
        "group_velocity",
        "wavelength [nm]",
        "c × time / path",
        "Flight time over 10 m where n = 1.32 + 3100 nm²/w²; one photon a point",
        residual="(run - law) × 10⁶",
    )
    w = np.arange(300.0, 701.0, 25.0)
    fine = np.linspace(295.0, 705.0, 400)

    def index(x):
        return 1.32 + 3100.0 / x**2

    def group(x):
        return 1.32 + 3.0 * 3100.0 / x**2

    grid = np.arange(200.0, 805.0, 5.0)
    water = medium("water", (index(grid), grid))
    for physics, law, text in (
        ("chroma", index, 'preset "chroma": n'),
        ("precise", group, 'preset "precise": n - w dn/dw'),
    ):
        with plane(black(), water, medium("below"), physics=physics) as session:
            light = chroma2.Photons(
                rows((0, 0, 1e4), len(w)), rows((0, 0, -1), len(w)), None, w.astype(np.float32)
            )
            end = run(session, light)
        y = np.asarray(end.t, np.float64) * 299.792458 / 1e4
        panel.top.plot(fine, law(fine), color=COLOURS[panel.k], lw=1.0)
        panel.top.plot(w, y, MARKS[panel.k], color=COLOURS[panel.k], ms=3.5, label=text)
        panel.low.plot(w, (y - law(w)) * 1e6, MARKS[panel.k], color=COLOURS[panel.k], ms=3)
        panel.k += 1
        panel.chi2.append((0.0, 0))
    panel.save(pulls=None)


# ------------------------------------------------------------------ boundaries
@figure
def fresnel_boundary():
    panel = Panel(
        "fresnel_boundary",
        "angle of incidence [degree]",
        "share reflected",
        "Bare boundary of index 1 and 1.5; 20,000 photons a point",
    )
    n = 20_000
    for n1, n2 in ((1.0, 1.5), (1.5, 1.0)):
        critical = math.degrees(math.asin(min(1.0, n2 / n1)))
        angles = ANGLES if n2 > n1 else np.array([1, 10, 20, 30, 36, 40, 41.5, 43, 60, 80.0])
        fine = np.union1d(FINE, critical + np.linspace(-2.0, 0.5, 200)) if n2 < n1 else FINE
        fine = fine[fine < 90.0]
        with plane(None, medium("above", n1), medium("below", n2)) as session:
            for is_s in (True, False):
                counts = outcomes_by_angle(session, angles, n, is_s)
                law = fresnel(np.cos(np.radians(angles)), n1, n2)[0 if is_s else 1]
                line = fresnel(np.cos(np.radians(fine)), n1, n2)[0 if is_s else 1]
                panel.add_shares(
                    f"{'s' if is_s else 'p'}, {n1:g} to {n2:g}",
                    (fine, line),
                    angles,
                    counts[:, run_surfaces.MIRRORED],
                    n,
                    law,
                )
    panel.save(legend="upper left")


@figure
def lambert():
    panel = Panel(
        "lambert",
        "cosine c of the angle to the normal",
        "photons / unit of c / all photons",
        "Diffuse reflection: 200,000 photons for each angle of incidence",
    )
    n = 200_000
    surface = chroma2.Surface("white")
    surface.set("reflect_diffuse", 1.0)
    with plane(surface, medium("above"), medium("below")) as session:
        for angle in (0.0, 60.0, 85.0):
            end = run(session, beam(n, *inclined(angle)))
            c = np.asarray(end.dir)[:, 2]
            label = f"from {angle:g}°: 2c, mean {c.mean():.4f} (2/3)"
            panel.add_counts(label, c, 0.0, 1.0, lambda c: c**2)
    panel.save(legend="upper left")


@figure
def surface_default():
    panel = Panel(
        "surface_default",
        "wavelength [nm]",
        "share of photons",
        "Default surface, tables linear between 300, 450, 600 nm; 20,000 photons a point",
    )
    n = 20_000
    nodes = [300.0, 450.0, 600.0]
    tables = {
        "absorb": [0.5, 0.2, 0.05],
        "detect": [0.0, 0.3, 0.1],
        "reflect_diffuse": [0.2, 0.1, 0.45],
        "reflect_specular": [0.1, 0.3, 0.2],
    }
    surface = chroma2.Surface("painted")
    for name, values in tables.items():
        surface.set(name, values, nodes)
    w = np.arange(280.0, 621.0, 20.0)
    fine = np.linspace(270.0, 630.0, 500)
    picks = (
        run_surfaces.ABSORBED,
        run_surfaces.DETECTED,
        run_surfaces.DIFFUSE,
        run_surfaces.MIRRORED,
    )
    with plane(surface, medium("above"), medium("below")) as session:
        counts = []
        for wavelength in w:
            end = run(session, beam(n, *inclined(30.0), wavelength))
            counts.append(run_surfaces.outcomes(np.asarray(end.flags)))
    counts = np.array(counts)
    for pick, (name, values) in zip(picks, tables.items()):
        line = (fine, np.interp(fine, nodes, values))
        panel.add_shares(name, line, w, counts[:, pick], n, np.interp(w, nodes, values))
    beyond = 1.0 - sum(np.interp(w, nodes, v) for v in tables.values())
    line = 1.0 - sum(np.interp(fine, nodes, v) for v in tables.values())
    panel.add_shares("falls through", (fine, line), w, counts[:, run_surfaces.BEYOND], n, beyond)
    panel.top.set_ylim(-0.03, 0.78)
    panel.save(legend="upper center", columns=3)


@figure
def surface_complex():
    panel = Panel(
        "surface_complex",
        "angle of incidence [degree]",
        "share of photons",
        "Photocathode: film of 2.7 + 1.5i, 20 nm, from glass (1.48) to vacuum,\n"
        "detects 40 % of what it absorbs; 400 nm; 20,000 photons a point",
    )
    n, index, thickness = 20_000, 2.7 + 1.5j, 20.0
    surface = chroma2.Surface("photocathode", "complex")
    for name, value in (("eta", index.real), ("k", index.imag), ("detect", 0.4)):
        surface.set(name, value)
    surface.set_value("thickness_nm", thickness)
    surface.set_value("transmissive", 1)
    angles = np.array([1, 12, 24, 34, 39, 41, 43.5, 47, 55, 65, 75, 85.0])
    fine = np.linspace(0.0, 89.9, 900)

    def law(at, is_s):
        pairs = [
            run_surfaces.film(math.cos(math.radians(x)), 1.48, 1.0, index, thickness, 400.0)[
                0 if is_s else 1
            ]
            for x in at
        ]
        r, t = np.array(pairs).T
        return {
            run_surfaces.MIRRORED: r,
            run_surfaces.BEYOND: t,
            run_surfaces.DETECTED: 0.4 * (1.0 - r - t),
        }

    with plane(surface, medium("glass", 1.48), medium("vacuum", 1.0)) as session:
        for is_s in (True, False):
            counts = outcomes_by_angle(session, angles, n, is_s)
            points, lines = law(angles, is_s), law(fine, is_s)
            for pick, text in (
                (run_surfaces.MIRRORED, "mirrored"),
                (run_surfaces.BEYOND, "transmitted"),
                (run_surfaces.DETECTED, "detected"),
            ):
                panel.add_shares(
                    f"{text}, {'s' if is_s else 'p'}",
                    (fine, lines[pick]),
                    angles,
                    counts[:, pick],
                    n,
                    points[pick],
                )
    panel.top.set_ylim(-0.03, 1.05)
    panel.save(legend="upper left", columns=2)


@figure
def surface_wls():
    panel = Panel(
        "surface_wls",
        "wavelength re-emitted [nm]",
        "photons / nm / re-emitted",
        "Shifting coating lit at 360 nm: spectrum as its table says; 200,000 photons",
    )
    n = 200_000
    w = np.arange(380.0, 561.0, 5.0)
    density = np.exp(-0.5 * ((w - 440.0) / 22.0) ** 2) + 0.3 * np.exp(
        -0.5 * ((w - 500.0) / 18.0) ** 2
    )
    cdf = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    cdf /= cdf[-1]
    surface = chroma2.Surface("shifter", "wls")
    surface.set("absorb", 0.9)
    surface.set("reemit", 0.7)
    surface.set("reflect_diffuse", 0.1)
    surface.set("reemission_cdf", cdf, w)
    with plane(surface, medium("above"), medium("below")) as session:
        end = run(session, beam(n, *inclined(30.0), 360.0))
    seen = (np.asarray(end.flags) & int(chroma2.history.SURFACE_REEMIT)) != 0
    off = (seen.mean() - 0.63) / math.sqrt(0.63 * 0.37 / n)
    label = f"re-emitted {seen.mean():.4f}, law 0.9 × 0.7 ({off:+.1f} σ)"
    panel.add_counts(
        label,
        np.asarray(end.wavelengths)[seen],
        380.0,
        560.0,
        lambda x: np.interp(x, w, cdf),
        n_bins=36,
    )
    panel.save(bottom=0.0)


def by_angle(name, title, model, tables, picks, law, angles_deg, values=(), n=20_000, **options):
    """A surface that is tabulated against the angle: shares at angles between its rows."""
    panel = Panel(name, "angle of incidence [degree]", "share of photons", title)
    surface = chroma2.Surface(name, model)
    surface.set_by_angle(np.radians(angles_deg), **tables)
    for key, value in values:
        surface.set_value(key, value)
    at = np.array([1, 8, 15, 22, 30, 38, 45, 52, 60, 68, 75, 82, 87.0])
    fine = np.linspace(0.0, 89.9, 500)
    here = {k: np.interp(at, angles_deg, v) for k, v in tables.items()}
    there = {k: np.interp(fine, angles_deg, v) for k, v in tables.items()}
    with plane(surface, medium("above", 1.33), medium("below", 1.48), **options) as session:
        counts = outcomes_by_angle(session, at, n, True)
    for pick, text in picks:
        panel.add_shares(text, (fine, law(there)[pick]), at, counts[:, pick], n, law(here)[pick])
    return panel


@figure
def surface_dichroic():
    tables = {"reflect": [0.05, 0.1, 0.5, 0.95], "transmit": [0.9, 0.8, 0.45, 0.0]}
    picks = (
        (run_surfaces.MIRRORED, "mirrored"),
        (run_surfaces.BEYOND, "transmitted"),
        (run_surfaces.ABSORBED, "absorbed"),
    )
    panel = by_angle(
        "surface_dichroic",
        'Dichroic filter, rows at 0, 30, 50, 90 degrees, preset "precise"; 20,000 photons a point',
        "dichroic",
        tables,
        picks,
        lambda t: {
            run_surfaces.MIRRORED: t["reflect"],
            run_surfaces.BEYOND: t["transmit"],
            run_surfaces.ABSORBED: 1.0 - t["reflect"] - t["transmit"],
        },
        [0.0, 30.0, 50.0, 90.0],
        physics="precise",
    )
    panel.save(legend="center left")


@figure
def surface_angular():
    tables = {
        "transmit": [0.6, 0.5, 0.3, 0.0],
        "reflect_specular": [0.1, 0.2, 0.4, 0.9],
        "reflect_diffuse": [0.1, 0.15, 0.1, 0.05],
    }
    picks = (
        (run_surfaces.BEYOND, "transmitted"),
        (run_surfaces.MIRRORED, "mirrored"),
        (run_surfaces.DIFFUSE, "diffuse"),
        (run_surfaces.ABSORBED, "absorbed"),
    )
    panel = by_angle(
        "surface_angular",
        'Angular surface, rows at 0, 30, 60, 90 degrees, preset "precise"; 20,000 photons a point',
        "angular",
        tables,
        picks,
        lambda t: {
            run_surfaces.BEYOND: t["transmit"],
            run_surfaces.MIRRORED: t["reflect_specular"],
            run_surfaces.DIFFUSE: t["reflect_diffuse"],
            run_surfaces.ABSORBED: 1.0 - sum(t.values()),
        },
        [0.0, 30.0, 60.0, 90.0],
        physics="precise",
    )
    panel.save(legend="upper center", columns=2)


@figure
def surface_sipm_empirical():
    tables = {
        "reflect": [0.2, 0.22, 0.35, 0.9],
        "transmit": [0.75, 0.7, 0.55, 0.05],
        "relative_pde": [0.6, 0.58, 0.5, 0.2],
    }
    fill, dead = 0.8, 0.3
    picks = (
        (run_surfaces.DETECTED, "detected: F T Q"),
        (run_surfaces.MIRRORED, "mirrored: F R"),
        (run_surfaces.DIFFUSE, "diffuse: (1 - F) Rd"),
        (run_surfaces.ABSORBED, "absorbed: the rest"),
    )

    def law(t):
        detected = fill * t["transmit"] * t["relative_pde"]
        mirrored = fill * t["reflect"]
        diffuse = np.full_like(mirrored, (1.0 - fill) * dead)
        return {
            run_surfaces.DETECTED: detected,
            run_surfaces.MIRRORED: mirrored,
            run_surfaces.DIFFUSE: diffuse,
            run_surfaces.ABSORBED: 1.0 - detected - mirrored - diffuse,
        }

    panel = by_angle(
        "surface_sipm_empirical",
        "Silicon photomultiplier, F = 0.8, Rd = 0.3, rows at 0, 30, 60, 90 degrees;\n"
        "20,000 photons a point",
        "sipm_empirical",
        tables,
        picks,
        law,
        [0.0, 30.0, 60.0, 90.0],
        values=(("fill_factor", fill), ("dead_reflect_diffuse", dead)),
    )
    panel.save(legend="upper center", columns=2)


@figure
def surface_dielectric_metal():
    panel = Panel(
        "surface_dielectric_metal",
        "angle of incidence [degree]",
        "share mirrored",
        "Metals in a medium of index 1.33; 20,000 photons a point",
    )
    n = 20_000
    angles = np.array([1, 15, 30, 45, 55, 65, 72, 78, 83, 87.0])
    for index, text in ((1.4 + 7.6j, "1.4 + 7.6i"), (2.9 + 3.1j, "2.9 + 3.1i")):
        surface = chroma2.Surface("metal", "dielectric_metal")
        surface.set("eta", index.real)
        surface.set("k", index.imag)
        with plane(surface, medium("above", 1.33), medium("below", 1.0)) as session:
            for is_s in (True, False):
                counts = outcomes_by_angle(session, angles, n, is_s)
                law = fresnel(np.cos(np.radians(angles)), 1.33, index)[0 if is_s else 1]
                line = fresnel(np.cos(np.radians(FINE)), 1.33, index)[0 if is_s else 1]
                panel.add_shares(
                    f"{'s' if is_s else 'p'}, {text}",
                    (FINE, line),
                    angles,
                    counts[:, run_surfaces.MIRRORED],
                    n,
                    law,
                )
    panel.save(legend="lower left", columns=2)


# ------------------------------------------------------------------ sources
@figure
def cherenkov():
    """Number of photons against wavelength, absolutely, for three speeds."""
    panel = Panel(
        "cherenkov",
        "wavelength [nm]",
        "photons / nm / mm of track",
        "Cherenkov light of 1 m tracks, 50 each, where n = 1.32 + 3100 nm²/w²",
    )
    grid = np.arange(200.0, 805.0, 5.0)
    n_tracks, length = 50, 1000.0
    alpha = 1.0 / 137.035999

    def index(x):
        return 1.32 + 3100.0 / x**2

    water = medium("water", (index(grid), grid))
    edges = np.linspace(250.0, 700.0, 31)
    fine = np.linspace(250.0, 700.0, 4501)

    def yield_per_nm(x, beta):
        return np.maximum(0.0, 2e6 * math.pi * alpha * (1 - 1 / (beta * index(x)) ** 2) / x**2)

    with block(water, 1e5) as session:
        for beta in (1.0, 0.85, 0.76):
            source = chroma2.sources.cherenkov(
                (0, 0, 0), (0, 0, length), beta, water, wavelength=(250.0, 700.0)
            )
            w = np.concatenate(
                [np.asarray(run(session, sources=[source]).wavelengths) for i in range(n_tracks)]
            )
            law = np.array(
                [
                    np.trapezoid(yield_per_nm(x := np.linspace(a, b, 101), beta), x)
                    for a, b in itertools.pairwise(edges)
                ]
            )
            counts = np.histogram(w, edges)[0]
            scale = n_tracks * length
            width = edges[1] - edges[0]
            error = np.sqrt(law * scale) / (scale * width)
            error[law * scale < 5.0] = 0.0
            panel.add(
                f"β = {beta:g}: {len(w) / scale:.2f} / mm",
                (fine, yield_per_nm(fine, beta)),
                0.5 * (edges[1:] + edges[:-1]),
                counts / (scale * width),
                error,
                law / width,
            )
    panel.save(bottom=0.0)


@figure
def scintillation():
    panel = Panel(
        "scintillation",
        "time [ns]",
        "photons / ns / all photons",
        "Scintillation: decays of 4 ns (70 %) and 25 ns (30 %),\n"
        "with and without a rise of 1 ns; 200,000 photons each",
    )
    n, shares, taus = 200_000, (0.7, 0.3), (4.0, 25.0)

    def law(t, rise):
        """Distribution function: of (exp(-t / tau) - exp(-t / rise)) / (tau - rise)."""
        fast = rise * np.exp(-t / rise) if rise else 0.0
        return sum(
            w * (1.0 - (tau * np.exp(-t / tau) - fast) / (tau - rise))
            for w, tau in zip(shares, taus)
        )

    with block(medium("block", absorption_length=1e-6)) as session:  # ends where it starts
        for rise in (0.0, 1.0):
            source = chroma2.sources.scintillation(
                (0, 0, 0), n=n, wavelength=400.0, decay=taus, weights=shares, rise=(rise, rise)
            )
            end = run(session, sources=[source])
            t = np.asarray(end.t, np.float64)
            panel.add_counts(f"rise {rise:g} ns", t, 0.0, 60.0, lambda t, r=rise: law(t, r), 60)
    panel.save(log=True)


@figure
def sources():
    """Places and directions of sources, as shares of their range."""
    panel = Panel(
        "sources",
        "share x of the range",
        "photons / unit of x / all photons",
        "Sources: where light starts and goes; 100,000 photons each",
    )
    n, make = 100_000, chroma2.sources
    height = 1.0 - math.cos(math.radians(40.0))
    z = (0, 0, 1)
    with block(medium("block", absorption_length=1e-6)) as session:  # ends where it starts
        end = run(session, sources=[make.volume(n, radius=50.0)])
        r = np.linalg.norm(np.asarray(end.pos), axis=1) / 50.0
        panel.add_counts("sphere, x = r / R: 3x²", r, 0.0, 1.0, lambda x: x**3)
        end = run(session, sources=[make.beam(n, (0, 0, 0), z, radius=20.0)])
        r = np.hypot(*np.asarray(end.pos)[:, :2].T) / 20.0
        panel.add_counts("disc, x = r / R: 2x", r, 0.0, 1.0, lambda x: x**2)
        end = run(session, sources=[make.cone(n, (0, 0, 0), z, math.radians(40.0))])
        x = (1.0 - np.asarray(end.dir, np.float64)[:, 2]) / height
        panel.add_counts("cone, x = (1 - cos θ) / (1 - cos 40°): 1", x, 0.0, 1.0, lambda x: x)
    panel.save(legend="upper left")


# ------------------------------------------------------------------ transport
@figure
def transport():
    """Light between two mirrors: the weakening by path and by reflections, pass by pass."""
    _mirrors("transport", "Light between two mirrors 100 mm apart", weighted=False)


@figure
def weights():
    _mirrors(
        "weights", "Light between two mirrors 100 mm apart, with weights and without", weighted=True
    )


def _mirrors(name, title, weighted):
    n, gap, length, reflect, detect = 100_000, 100.0, 400.0, 0.6, 0.3
    panel = Panel(
        name,
        "arrival at a mirror, number k",
        "photons detected / all photons",
        f"{title};\nthey reflect 60 %, detect 30 %; absorption length 400 mm: "
        "0.3 × 0.6^(k-1) exp(-k / 4)",
    )
    surface = chroma2.Surface("mirror")
    for key, value in (
        ("reflect_specular", reflect),
        ("detect", detect),
        ("absorb", 1.0 - reflect - detect),
    ):
        surface.set(key, value)
    inside = medium("inside", 1.0, absorption_length=length)
    detector = chroma2.Detector(medium("outside"))
    mesh = chroma2.make.box(1000.0, 1000.0, gap)
    detector.add_pmt(chroma2.Solid(mesh, inside, medium("outside"), surface))
    k = np.arange(1, 13)
    law = detect * reflect ** (k - 1) * np.exp(-k * gap / length)
    fine = np.linspace(1.0, 12.0, 200)
    line = detect * reflect ** (fine - 1) * np.exp(-fine * gap / length)
    with chroma2.Session(
        "cpu", detector, seed=SEED, weights=weighted, memory_bytes=64 << 20
    ) as session:
        for use, count in ((False, n),) + (((True, 1000),) if weighted else ()):
            light = chroma2.Photons(
                rows((0, 0, -0.5 * gap + 1e-3), count),
                rows((0, 0, 1), count),
                None,
                np.full(count, 400.0, np.float32),
            )
            event = chroma2.EventDescriptor(
                photons=light.freeze(),
                event_id=next(EVENT_IDS),
                use_weights=use,
                keep=("hits",),
            )
            hits = session.submit_event(event).result().hits
            passes = np.rint(np.asarray(hits.t) * 299.792458 / gap).astype(int)
            w = np.asarray(hits.weights, np.float64) if use else np.ones(len(passes))
            sums = np.bincount(passes, w, minlength=13)[1:13]
            if use:
                squares = np.bincount(passes, w**2, minlength=13)[1:13]
                spread = np.sqrt(np.maximum(squares / count - (sums / count) ** 2, 0.0) / count)
                error = np.where(spread > 1e-4 * law, spread, 0.0)
                exact = np.abs(sums / count / law - 1.0)[error == 0.0]
                text = f"1,000 with weights: {len(exact)} points without spread, "
                text += f"within {exact.max(initial=0.0):.0e} of the law"
            else:
                error = np.sqrt(law * (1.0 - law) / count)
                text = "100,000 by chance"
            panel.add(text, (fine, line), k, sums / count, error, law)
    panel.save(log=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("name", nargs="*", help=", ".join(DRAWN))
    for name in parser.parse_args().name or DRAWN:
        DRAWN[name]()


if __name__ == "__main__":
    main()
