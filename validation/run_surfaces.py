#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares chroma2 with closed forms on S6: pencil beams on one cell for each surface model.

    python validation/run_surfaces.py [--photons 100000] [--physics chroma]

For every beam the shares of what the surface does to it, in either preset. Films are computed here,
by characteristic matrices in NumPy. Exit 1 if any probability is below 1e-6.
"""

import argparse
import math
import sys

import compare
import numpy as np
import scenes

ABSORBED, DETECTED, DIFFUSE, MIRRORED, REEMITTED, BEYOND, BOUNDARY = range(7)
NAMES = ["absorbed", "detected", "diffuse", "mirrored", "re-emitted", "beyond", "bare boundary"]
DETECT, ABSORB, LAMBERT, MIRROR, REEMIT, TRANSMIT = 0x4, 0x8, 0x20, 0x40, 0x80, 0x100


# ------------------------------------------------------------------ closed forms
def film(cos_i, n1, n3, index, thickness, wavelength):
    """(R, T) for s and p of one layer: Born & Wolf, Principles of Optics, 7th ed., sec. 1.6."""
    along = n1 * math.sqrt(1.0 - cos_i**2)
    out = []
    for is_p in (False, True):
        across = [
            complex(n1 * cos_i),
            np.sqrt(index**2 - along**2),
            np.sqrt(complex(n3**2 - along**2)),
        ]
        p1, p2, p3 = [q / n**2 if is_p else q for q, n in zip(across, (n1, index, n3), strict=True)]
        beta = 2.0 * math.pi * across[1] * thickness / wavelength
        matrix = np.array(
            [[np.cos(beta), -1j * np.sin(beta) / p2], [-1j * p2 * np.sin(beta), np.cos(beta)]]
        )
        electric, magnetic = matrix @ np.array([1.0, p3])
        r = (p1 * electric - magnetic) / (p1 * electric + magnetic)
        t = 2.0 * p1 / (p1 * electric + magnetic)
        out.append((abs(r) ** 2, p3.real / p1.real * abs(t) ** 2))
    return out


def at_angle(values, scene, bundle, beam):
    """A table against angle, and against wavelength if it has a second dimension."""
    values = np.asarray(values, np.float64)
    if values.ndim == 2:
        values = [np.interp(beam["wavelength"], scene["wavelengths"], row) for row in values]
    return float(np.interp(math.radians(beam["angle"]), bundle["angles"], values))


def shares(scene, beam, precise):
    """What the surface does to a beam: {outcome: share}."""
    surface = scene["surfaces"][beam["cell"]]
    names = ("detect", "absorb", "reemit", "reflect_diffuse", "reflect_specular", "eta", "k")
    s = {k: float(np.interp(beam["wavelength"], scene["wavelengths"], surface[k])) for k in names}
    cos_i = abs(float(np.float32(beam["dir"][2])))
    model = surface["model"]
    if model == "complex":
        index = complex(s["eta"], s["k"])
        both = [  # at the beam's angle and at none
            film(c, 1.48, 1.0, index, surface["thickness"], beam["wavelength"])[
                "sp".index(beam["pol"])
            ]
            for c in (cos_i, 1.0)
        ]
        (r, t), (r0, t0) = [(r, t * surface["transmissive"]) for r, t in both]
        detect = min(1.0, s["detect"] / (1.0 - r0 - t0)) if precise else s["detect"]
        return {
            ABSORBED: (1.0 - r - t) * (1.0 - detect),
            DETECTED: (1.0 - r - t) * detect,
            DIFFUSE: r * s["reflect_diffuse"],
            MIRRORED: r * (1.0 - s["reflect_diffuse"]),
            BEYOND: t,
        }
    bare = compare.fresnel_reflectance(cos_i, 1.33, 1.0, beam["pol"])
    is_total = bare >= 1.0
    if model == "default":
        return {
            ABSORBED: s["absorb"],
            DETECTED: s["detect"],
            DIFFUSE: s["reflect_diffuse"],
            MIRRORED: s["reflect_specular"],
        }
    if model == "wls":
        out = {
            ABSORBED: s["absorb"] * (1.0 - s["reemit"]),
            REEMITTED: s["absorb"] * s["reemit"],
            DIFFUSE: s["reflect_diffuse"],
            MIRRORED: s["reflect_specular"],
        }
        transmit = 1.0 - math.fsum(out.values())
    else:
        bundle = surface[model]
        table = {k: at_angle(v, scene, bundle, beam) for k, v in bundle.items() if k != "angles"}
        transmit = table["transmit"]
        out = {MIRRORED: table.get("reflect", table.get("reflect_specular"))}
        out[DIFFUSE] = table.get("reflect_diffuse", 0.0)
        out[ABSORBED] = 1.0 - transmit - math.fsum(out.values())
    lost = bare if not precise or is_total else 0.0
    return {**out, BEYOND: transmit * (1.0 - lost), BOUNDARY: transmit * lost}


# ------------------------------------------------------------------ runs
def outcomes(flags):
    """How many photons had each outcome in their first step."""
    out = np.full(len(flags), BEYOND)
    for bit, outcome in (
        (ABSORB, ABSORBED),
        (DETECT, DETECTED),
        (LAMBERT, DIFFUSE),
        (MIRROR, MIRRORED),
        (REEMIT, REEMITTED),
    ):
        out[(flags & bit) != 0] = outcome
    out[(flags & (MIRROR | TRANSMIT)) == MIRROR | TRANSMIT] = BOUNDARY
    return np.bincount(out, minlength=len(NAMES))


def run_beam(session, beam, n, event_id):
    import chroma2

    columns = [np.tile(np.asarray(beam[key], np.float32), (n, 1)) for key in ("pos", "dir", "polv")]
    columns += [np.full(n, beam["wavelength"], np.float32), np.zeros(n, np.float32)]
    event = chroma2.EventDescriptor(
        photons=chroma2.Photons(*columns).freeze(),
        event_id=event_id,
        max_steps=1,
        keep=("photons_end",),
    )
    return session.submit_event(event).result().photons_end


def beam_rows(beam, end, expected):
    n = len(end.flags)
    counts = outcomes(np.asarray(end.flags))
    rows = []
    for outcome, name in enumerate(NAMES):
        share, k = expected.get(outcome, 0.0), int(counts[outcome])
        detail = f"{k / n:.6f}, closed form {share:.6f}"
        rows.append(compare.line(name, "binomial", str(k), compare.binomial_p(k, n, share), detail))
    side = np.asarray(end.dir)[:, 2]
    flags = np.asarray(end.flags)
    back = (flags & (LAMBERT | MIRROR)) != 0
    ended = (flags & (DETECT | ABSORB)) != 0
    shifted = (flags & REEMIT) != 0
    wrong = np.where(back, side <= 0, side >= 0) & ~ended & ~shifted
    rows.append(
        compare.line("on the wrong side", "exact", str(int(wrong.sum())), float(not wrong.any()))
    )
    return rows


def validate(n, precise=False, **options):
    """Yields one section a beam of n photons."""
    import chroma2

    scene = scenes.build("S6")
    for surface in scene["surfaces"]:
        if surface["model"] == "complex":  # legacy read it; what is not diffuse is mirrored
            surface["reflect_specular"] = np.zeros_like(surface["reflect_specular"])
    detector = chroma2.Detector.from_arrays(**scene)
    physics = "precise" if precise else "chroma"
    with chroma2.Session(detector=detector, physics=physics, **options) as session:
        for k, beam in enumerate(scenes.s6_beams()):
            end = run_beam(session, beam, n, event_id=k)
            yield {
                "title": f"S6, {physics}, {beam['name']} {beam['wavelength']:g} nm "
                f"{beam['angle']:g} deg {beam['pol']}",
                "n": n,
                "rows": beam_rows(beam, end, shares(scene, beam, precise)),
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--photons", type=lambda t: math.floor(float(t)), default=100_000)
    parser.add_argument("--physics", choices=("chroma", "precise", "both"), default="both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default=None, help='"cpu" or a GPU number')
    parser.add_argument("--verbose", action="store_true", help="every share of every beam")
    arguments = parser.parse_args()
    device = arguments.device
    options = {
        "seed": arguments.seed,
        "device_id": int(device) if (device or "").isdigit() else device,
    }
    rows = []
    for precise in (False, True):
        if arguments.physics in ("both", "precise" if precise else "chroma"):
            for section in validate(arguments.photons, precise, **options):
                rows += section["rows"]
                worst = min(section["rows"], key=lambda row: row["p"])
                print(f"{section['title']:52} least p {worst['p']:.2g} ({worst['what']})")
                for row in section["rows"] if arguments.verbose else ():
                    print(f"    {row['what']:20} {row['detail']}")
    least = compare.worst(rows)
    passed = least > compare.P_MIN
    print(f"S6: {len(rows)} comparisons, least p {least:.2g}: {'ok' if passed else 'FAILED'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
