#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares chroma2 with programs of other people, each in a process of its own.

    python validation/run_peers.py [--rays 1e6] [--photons 1e5] [--only embree ...] [--page FILE]

embree   nearest hits; mitsuba: nearest hits (fewer rays: it traces one at a time) and Fresnel's
equations; geant4: optical photons at a boundary and in a block. What is not installed is skipped
with a reason (pip install "chroma2[peers]"). The programs are validation/peers/*.py. Exit 1 if
anything differs that rounding or chance do not explain.
"""

import argparse
import importlib.util
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import compare
import numpy as np
import scenes

HERE = pathlib.Path(__file__).resolve().parent
OPTICS = HERE.parent / "build/release/tests/optics_table"
NEEDS = {"embree": "embreex", "mitsuba": "mitsuba", "geant4": "geant4_pybind"}


def ask(program, given, seconds=3000):
    """Runs a program of validation/peers on arrays (a .npz) or a plain dictionary (.json)."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "in"), pathlib.Path(folder, "out.npz")
        if all(isinstance(value, np.ndarray) for value in given.values()):
            with source.open("wb") as file:
                np.savez(file, **given)
        else:
            source.write_text(json.dumps(given))
        done = subprocess.run(
            [sys.executable, HERE / "peers" / program, source, target],
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        with np.load(target) as found:
            return {key: found[key] for key in found.files}


# ------------------------------------------------------------------ nearest hits
def tank(key, inner_mm, half_mm):
    """A tank of scenes.py, and which points are certainly inside it."""
    scene = scenes.build(key)

    def is_inside(points):
        across = np.hypot(points[:, 0], points[:, 1])
        return (across < 0.999 * inner_mm) & (np.abs(points[:, 2]) < 0.999 * half_mm)

    return scene["vertices"], scene["triangles"], is_inside


def sphere():
    vertices, triangles = scenes.icosphere(1000.0, 5)
    return vertices, triangles, lambda points: np.linalg.norm(points, axis=1) < 990.0


# name: what makes vertices, triangles and is_inside(points), of closed meshes
MESHES = {
    "sphere": sphere,
    "small tank": lambda: tank("S1mini", 1500.0, 1500.0),
    "tank": lambda: tank("S1", 10_000.0, 10_000.0),
}


def rays(vertices, triangles, n, seed):
    """Half isotropic from anywhere in the bounding box, a quarter aimed at vertices, a quarter at
    points of edges: where programs may differ."""
    rng = np.random.default_rng(seed)
    low, high = vertices.min(0), vertices.max(0)
    origins = (low + (high - low) * rng.random((n, 3))).astype(np.float32)
    directions = rng.normal(size=(n, 3))
    half, quarter = n // 2, n // 4
    corner = triangles[rng.integers(len(triangles), size=n - half)]
    here, there = vertices[corner[:, 0]], vertices[corner[:, 1]]
    share = np.where(np.arange(n - half) < quarter, 0.0, rng.random(n - half))[:, None]
    directions[half:] = here + (there - here) * share - origins[half:]
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    return origins, directions.astype(np.float32)


def ray_facts(vertices, triangles, origins, directions, chosen):
    """In double precision, of rays and the planes of triangles: distance along the ray, |cosine|
    to the normal, and the least distance of the ray's line from the triangle's three edges."""
    a, b, c = (vertices[triangles[chosen, i]].astype(np.float64) for i in range(3))
    o, d = origins.astype(np.float64), directions.astype(np.float64)
    d = d / np.linalg.norm(d, axis=1)[:, None]
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-300)[:, None]
    cosine = (d * normal).sum(1)
    distance = ((a - o) * normal).sum(1) / np.where(cosine == 0.0, 1e-300, cosine)
    edge = np.full(len(o), np.inf)
    for p, q in ((a, b), (b, c), (c, a)):
        edge = np.minimum(edge, line_to_segment(o, d, p, q))
    return distance, np.abs(cosine), edge


def line_to_segment(o, d, p, q):
    """Least distance of the line o + t d (d unit) from the segment p q."""
    flat_p = p - o - ((p - o) * d).sum(1)[:, None] * d  # seen along d: a point and a segment
    flat_q = q - o - ((q - o) * d).sum(1)[:, None] * d
    along = flat_q - flat_p
    length2 = np.maximum((along**2).sum(1), 1e-300)
    share = np.clip(-(flat_p * along).sum(1) / length2, 0.0, 1.0)
    return np.linalg.norm(flat_p + share[:, None] * along, axis=1)


def compare_hits(vertices, triangles, origins, directions, ours, theirs):
    """Counts of what two programs say of the same rays; "unexplained" must be 0.

    Positions are floats: on a scale of L mm they and all that is computed from them round at
    2^-24 L. A line that passes an edge nearer than a few roundings may be said to meet either
    triangle of that edge, or none by a test that is not watertight.
    """
    scale = float(np.abs(vertices).max())
    rounding = 2.0**-24 * scale
    near_edge = 16.0 * rounding
    known = {}
    for name, found in (("ours", ours), ("theirs", theirs)):
        facts = ray_facts(vertices, triangles, origins, directions, found["triangle"])
        known[name] = [np.where(found["triangle"] < 0, np.inf, fact) for fact in facts]
        known[name][1] = np.where(found["triangle"] < 0, 1.0, known[name][1])
    (t1, cos1, edge1), (t2, cos2, edge2) = known["ours"], known["theirs"]
    hit1, hit2 = ours["triangle"] >= 0, theirs["triangle"] >= 0
    same = ours["triangle"] == theirs["triangle"]
    other = hit1 & hit2 & ~same
    close = np.zeros(len(t1), bool)
    apart = np.abs(t1[other] - t2[other]) * np.minimum(cos1, cos2)[other]
    close[other] = apart <= near_edge
    # The nearer of two is right, unless it was met at its rim only; a miss is one infinitely far.
    nearer_edge = np.where(t1 < t2, edge1, edge2)
    at_rim = nearer_edge <= near_edge
    counts = {
        "rays": len(t1),
        "same triangle, or both none": int(same.sum()),
        "two triangles at one distance": int((other & close).sum()),
        "a nearer one met at its rim": int((other & ~close & at_rim).sum()),
        "we hit at a rim, they miss": int((hit1 & ~hit2 & (edge1 <= near_edge)).sum()),
        "they hit at a rim, we miss": int((hit2 & ~hit1 & (edge2 <= near_edge)).sum()),
    }
    explained = sum(list(counts.values())[1:])
    counts["unexplained"] = len(t1) - explained
    errors = {}
    for name, found, t, cosine in (("ours", ours, t1, cos1), ("theirs", theirs, t2, cos2)):
        good = same & hit1
        # What counts is how far from the plane the point lies: the error times the cosine.
        error = np.abs(found["distance"][good] - t[good]) * cosine[good] / rounding
        errors[name] = (float(np.median(error)), float(error.max(initial=0.0)))
    return counts, errors


def our_hits(vertices, triangles, origins, directions):
    import chroma2

    n = len(triangles)
    zero = np.zeros(n, np.int32)
    wavelengths = np.array([200.0, 800.0])
    flat = {key: np.full(2, 1e12) for key in ("absorption_length", "scattering_length")}
    medium = {"name": "medium", "refractive_index": np.ones(2), "components": [], **flat}
    detector = chroma2.Detector.from_arrays(
        vertices=vertices.astype(np.float32),
        triangles=triangles,
        mat_in=zero,
        mat_out=zero,
        surface=np.full(n, -1),
        solid_id=zero,
        solid_to_channel=[-1],
        wavelengths=wavelengths,
        materials=[medium],
        surfaces=[],
    )
    with chroma2.Session("cpu", detector, threads=1, memory_bytes=64 << 20) as session:
        begin = time.perf_counter()
        found = session.intersect(origins, directions)
        seconds = time.perf_counter() - begin
    triangle = np.asarray(found.triangle, np.int64)
    distance = np.where(triangle >= 0, found.distance, np.inf).astype(np.float64)
    return {"triangle": triangle, "distance": distance}, seconds


def hits_section(peer, n, names=None, seed=1):
    for name in names or MESHES:
        vertices, triangles, is_inside = MESHES[name]()
        vertices = np.asarray(vertices, np.float32)
        triangles = np.asarray(triangles, np.int64)
        origins, directions = rays(vertices, triangles, n, seed)
        ours, _ = our_hits(vertices, triangles, origins, directions)
        given = {
            "vertices": vertices,
            "triangles": triangles,
            "origins": origins,
            "directions": directions,
        }
        theirs = ask(f"{peer}_hits.py", given)
        counts, errors = compare_hits(vertices, triangles, origins, directions, ours, theirs)
        lost = {
            f"{who} leave the closed mesh": int(
                (is_inside(origins) & (found["triangle"] < 0)).sum()
            )
            for who, found in (("we", ours), ("they", theirs))
        }
        must = {"unexplained": counts["unexplained"], **lost}
        must.pop("they leave the closed mesh")
        yield {
            "title": f"nearest hits, {peer}: {name}, {len(triangles):,} triangles",
            "n": n,
            "counts": counts | lost,
            "errors": errors,
            "rows": [compare.line(k, "exact", str(v), float(v == 0)) for k, v in must.items()],
        }


# ------------------------------------------------------------------ Fresnel's equations
PAIRS = ((1.0, 1.5), (1.5, 1.0), (1.33, 1.48), (1.48, 1.33), (1.34, 1.3401), (1.0, 2.5))
METALS = ((0.14, 4.0), (1.4, 7.6), (2.7, 1.5), (2.9, 1.7), (0.05, 2.1))
ROUNDINGS = 16.0  # by how many roundings of the inputs and of the result two floats may differ


def amplitudes(cos_i, eta):
    """r_s, r_p in double precision: Born & Wolf, Principles of Optics, 7th ed., sec. 1.5.2 and
    14.2."""
    cos_i = cos_i.astype(complex)
    k = np.sqrt(eta**2 - 1.0 + cos_i**2)
    k = np.where(k.imag < 0.0, -k, k)
    return (cos_i - k) / (cos_i + k), (eta**2 * cos_i - k) / (eta**2 * cos_i + k)


def allowance(quantity, cos_i, eta):
    """What roundings of cosine, indices and result can make of `quantity`: large next to a critical
    angle alone, where it has an infinite slope."""
    rounding = 2.0**-24
    here = quantity(cos_i, eta)
    out = np.full(np.shape(here), rounding)
    for sign in (-1.0, 1.0):
        for where in ((cos_i * (1.0 + sign * rounding), eta), (cos_i, eta * (1 + sign * rounding))):
            out = np.maximum(out, np.abs(quantity(*where) - here))
    return ROUNDINGS * out


def moduli(cos_i, eta):
    return np.abs(np.array(amplitudes(cos_i, eta)))


def shares(cos_i, eta):
    return moduli(cos_i, eta) ** 2


def fresnel_rows(n=2001):
    """Amplitudes of six pairs of media, and shares of five metals, at n angles each."""
    cos_i = np.cos(np.linspace(0.0, 0.5 * math.pi, n, endpoint=False)).astype(np.float32)
    lines = "".join(
        f"{c:.9g} {n1} {n2} {eta} {k}\n"
        for (n1, n2), (eta, k) in zip(PAIRS, (*METALS, METALS[0]))
        for c in cos_i
    )
    text = subprocess.run([OPTICS], input=lines, capture_output=True, text=True, check=True).stdout
    ours = np.array([line.split() for line in text.splitlines()], np.float64).reshape(-1, n, 7)
    cos_i = cos_i.astype(np.float64)
    for i, (n1, n2) in enumerate(PAIRS):
        eta = np.full(n, n2 / n1 + 0j)
        found = ask("mitsuba_fresnel.py", {"cos_i": cos_i, "eta": eta})
        mine, theirs = ours[i, :, :2].T, np.array([found["r_s"], found["r_p"]])
        part = ours[i, :, 4] == 0  # beyond the critical angle Mitsuba keeps phases, which we do not
        # Signs: s and p of one program may point the other way, at all angles alike.
        product = mine[:, part] * theirs[:, part].real
        product[np.abs(product) < 1e-12] = 0.0
        same = all(len(set(np.sign(row[row != 0.0]))) == 1 for row in product)
        yield fresnel_row(f"{n1} to {n2}", np.abs(mine), np.abs(theirs), moduli, cos_i, eta, same)
    for i, (eta, k) in enumerate(METALS):
        n1 = PAIRS[i][0]
        index = np.full(n, complex(eta, k) / n1)
        found = ask("mitsuba_fresnel.py", {"cos_i": cos_i, "eta": index})
        theirs = np.abs(np.array([found["r_s"], found["r_p"]])) ** 2
        yield fresnel_row(f"{n1} to {eta} + {k}i", ours[i, :, 5:].T, theirs, shares, cos_i, index)


def fresnel_row(what, mine, theirs, quantity, cos_i, eta, same_signs=True):
    allowed = allowance(quantity, cos_i, eta)
    law = quantity(cos_i, eta)
    apart = np.abs(mine - theirs)
    p = float(bool((apart <= 2.0 * allowed).all()) and same_signs)
    detail = (
        f"from double: ours {np.abs(mine - law).max():.1e}, theirs {np.abs(theirs - law).max():.1e}"
    )
    ratio = (
        (np.abs(mine - law) / allowed).max() * ROUNDINGS,
        (np.abs(theirs - law) / allowed).max() * ROUNDINGS,
    )
    detail += f"; in roundings {ratio[0]:.1f}, {ratio[1]:.1f}"
    return compare.line(what, quantity.__name__, f"{apart.max():.1e}", p, detail)


# ------------------------------------------------------------------ optical photons
INDEX, ABSORPTION_MM, SCATTERING_MM = 1.5, 300.0, 700.0
ROOT_HALF = math.sqrt(0.5)
BEAMS = [
    {"from": start, "angle": angle, "pol": pol}
    for start, angles in (("air", (5.0, 45.0, 56.31, 75.0)), ("glass", (20.0, 40.0, 60.0)))
    for angle in angles
    for pol in ([1.0, 0.0], [0.0, 1.0], [ROOT_HALF, ROOT_HALF], [ROOT_HALF, -ROOT_HALF])
]


def our_slab(seed):
    """Air above glass at z = 0, in a black box; the coherent boundary, as Geant4 has it."""
    import chroma2

    air, glass, outside = (chroma2.Material(name) for name in ("air", "glass", "outside"))
    air.set("refractive_index", 1.0)
    outside.set("refractive_index", 1.0)
    glass.set("refractive_index", INDEX)
    black = chroma2.Surface("black")
    black.set("absorb", 1.0)
    detector = chroma2.Detector(air)
    half = chroma2.make.box(10_000.0, 10_000.0, 5_000.0)
    detector.add_solid(chroma2.Solid(half, glass, air, None), displacement=(0, 0, -2_500.0))
    return chroma2.Session("cpu", detector, seed=seed, physics="precise", memory_bytes=64 << 20)


def our_block(seed):
    import chroma2

    block, outside = chroma2.Material("block"), chroma2.Material("outside")
    outside.set("refractive_index", 1.0)
    block.set("refractive_index", INDEX)
    block.set("absorption_length", ABSORPTION_MM)
    block.set("scattering_length", SCATTERING_MM)
    detector = chroma2.Detector(outside)
    detector.add_solid(chroma2.Solid(chroma2.make.cube(20_000.0), block, outside, None))
    return chroma2.Session("cpu", detector, seed=seed, physics="precise", memory_bytes=64 << 20)


def first_step(session, position, direction, polarization, n, event_id):
    import chroma2

    rows = [np.tile(np.asarray(v, np.float32), (n, 1)) for v in (position, direction, polarization)]
    photons = chroma2.Photons(*rows, np.full(n, 400.0, np.float32)).freeze()
    event = chroma2.EventDescriptor(
        photons=photons, event_id=event_id, max_steps=1, keep=("photons_end",)
    )
    return session.submit_event(event).result().photons_end


def beam_start(beam):
    angle = math.radians(beam["angle"])
    down = -1.0 if beam["from"] == "air" else 1.0
    d = np.array([math.sin(angle), 0.0, down * math.cos(angle)])
    s, p = np.array([0.0, 1.0, 0.0]), np.cross([0.0, 1.0, 0.0], d)
    return -100.0 * d, d, beam["pol"][0] * s + beam["pol"][1] * p


def boundary_law(beam):
    """{way: (direction, polarization)}, by Snell and Fresnel. Total reflection of mixed light is
    elliptic and has no entry."""
    n1, n2 = (1.0, INDEX) if beam["from"] == "air" else (INDEX, 1.0)
    _, d, _ = beam_start(beam)
    s = np.array([0.0, 1.0, 0.0])
    cos_i = abs(d[2])
    mirrored = d * [1.0, 1.0, -1.0]
    sin2_t = (n1 / n2) ** 2 * (1.0 - cos_i**2)
    if sin2_t >= 1.0:
        is_mixed = min(map(abs, beam["pol"])) > 0.0
        p = np.cross(s, mirrored)
        return (
            {} if is_mixed else {"reflected": (mirrored, beam["pol"][0] * s + beam["pol"][1] * p)}
        )
    cos_t = math.sqrt(1.0 - sin2_t)
    refracted = np.array([d[0] * n1 / n2, 0.0, math.copysign(cos_t, d[2])])
    r = (
        (n1 * cos_i - n2 * cos_t) / (n1 * cos_i + n2 * cos_t),
        (n2 * cos_i - n1 * cos_t) / (n2 * cos_i + n1 * cos_t),
    )
    t = 2 * n1 * cos_i / (n1 * cos_i + n2 * cos_t), 2 * n1 * cos_i / (n2 * cos_i + n1 * cos_t)
    out = {}
    for way, w, (a_s, a_p) in (("reflected", mirrored, r), ("refracted", refracted, t)):
        e = a_s * beam["pol"][0] * s + a_p * beam["pol"][1] * np.cross(s, w)
        out[way] = (w, e / max(np.linalg.norm(e), 1e-300))
    return out


def beam_section(session, beam, i, n, theirs):
    """One beam: the share reflected, and the one direction and polarization of each way out. Of the
    polarization, Geant4 knows s with its sign and p without: moduli are compared with it, and ours
    with the law."""
    end = first_step(session, *beam_start(beam), n, i)
    up = 1.0 if beam["from"] == "glass" else -1.0
    both = (
        (np.asarray(end.dir, np.float64), np.asarray(end.pol, np.float64)),
        (theirs[f"dir_{i}"], theirs[f"pol_{i}"]),
    )
    back = [dir[:, 2] * up < 0 for dir, _ in both]
    counts = [[int(b.sum()), int((~b).sum())] for b in back]
    rows = [compare.chi2_line("reflected and refracted", *counts)]
    signs_differ = False
    for way, (direction, polarization) in boundary_law(beam).items():
        chosen = [b if way == "reflected" else ~b for b in back]
        if not all(c.sum() > 20 for c in chosen):  # near Brewster's angle the law has no direction
            continue
        (d1, e1), (d2, e2) = ([v[c] for v in vectors] for vectors, c in zip(both, chosen))
        s = np.array([0.0, 1.0, 0.0])
        p = np.cross(s, direction)
        gaps = {
            "our direction and the law's": np.abs(d1 - direction).max(),
            "our polarization and the law's": 1.0 - np.abs(e1 @ polarization).min(),
            "their direction and ours": np.abs(d2 - d1[0]).max(),
            "moduli of s and p": max(
                np.abs(np.abs(e2 @ axis) - np.abs(e1[0] @ axis)).max() for axis in (s, p)
            ),
        }
        signs_differ |= bool(1.0 - np.abs(e2 @ polarization).min() > 1e-3)
        for what, gap in gaps.items():
            rows.append(
                compare.line(f"{way}, {what}", "difference", f"{gap:.0e}", float(gap < 1e-5))
            )
    title = f"{beam['from']} {beam['angle']:g} deg, s:p {beam['pol'][0]:.2g}:{beam['pol'][1]:.2g}"
    detail = [f"{c[0] / sum(c):.5f}" for c in counts]
    return {
        "title": f"boundary, geant4: {title}",
        "n": n,
        "shares": detail,
        "their_sign_differs": signs_differ,
        "rows": rows,
    }


def block_section(n, theirs, seed):
    with our_block(seed) as session:
        end = first_step(session, (0, 0, 0), (0, 0, 1), (1, 0, 0), n, 0)
    flags = np.asarray(end.flags)
    scattered = (flags & 0x10) != 0
    length = np.asarray(end.pos)[:, 2].astype(np.float64)
    mine = (length, scattered, np.asarray(end.dir), np.asarray(end.pol))
    peer = [theirs[f"bulk_{key}"] for key in ("length", "scattered", "dir", "pol")]
    rows = [
        compare.chi2_line(
            "scattered and absorbed",
            *[[int(s.sum()), int((~s).sum())] for s in (scattered, peer[1])],
        )
    ]
    mean = 1.0 / (1.0 / ABSORPTION_MM + 1.0 / SCATTERING_MM)
    for what, pick, low, high in (
        ("path", lambda v: v[0], 0.0, 8.0 * mean),
        ("path of scattered light", lambda v: v[0][v[1]], 0.0, 8.0 * mean),
        ("direction, along the polarization", lambda v: v[2][v[1], 0], -1.0, 1.0),
        ("direction, across", lambda v: v[2][v[1], 1], -1.0, 1.0),
        ("direction, along the beam", lambda v: v[2][v[1], 2], -1.0, 1.0),
        ("polarization, along the old one", lambda v: np.abs(v[3][v[1], 0]), 0.0, 1.0),
        ("polarization, along the beam", lambda v: np.abs(v[3][v[1], 2]), 0.0, 1.0),
    ):
        histograms = [compare.histogram(pick(v), low, high) for v in (mine, peer)]
        rows.append(compare.chi2_line(what, *histograms))
    return {"title": "block, geant4: absorption and Rayleigh scattering", "n": n, "rows": rows}


def geant4_sections(n, seed=1):
    given = {
        "photons": n,
        "seed": seed,
        "index": INDEX,
        "absorption_mm": ABSORPTION_MM,
        "scattering_mm": SCATTERING_MM,
        "beams": BEAMS,
    }
    theirs = ask("geant4_slabs.py", given)
    with our_slab(seed) as session:
        for i, beam in enumerate(BEAMS):
            yield beam_section(session, beam, i, n, theirs)
    yield block_section(n, theirs, seed)


# ------------------------------------------------------------------ all of it
def missing(peer):
    """Why a peer cannot be asked, or None."""
    if importlib.util.find_spec(NEEDS[peer]) is None:
        return f'no {NEEDS[peer]} here (pip install "chroma2[peers]")'
    if peer == "mitsuba" and not OPTICS.exists():
        return f"no {OPTICS.relative_to(HERE.parent)} (build the release preset)"
    return None


def sections_of(peer, n_rays, n_photons):
    if peer == "embree":
        yield from hits_section("embree", n_rays)
    elif peer == "mitsuba":
        yield from hits_section("mitsuba", max(1, n_rays // 10))
        yield {"title": "Fresnel's equations, mitsuba", "n": 2001, "rows": list(fresnel_rows())}
    else:
        yield from geant4_sections(n_photons)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    number = lambda text: math.floor(float(text))  # noqa: E731
    parser.add_argument("--rays", type=number, default=1_000_000)
    parser.add_argument("--photons", type=number, default=100_000)
    parser.add_argument("--only", nargs="+", choices=tuple(NEEDS), default=tuple(NEEDS))
    parser.add_argument("--json", type=pathlib.Path, help="all numbers, for write_peers.py")
    arguments = parser.parse_args()
    report, failed = [], 0
    for peer in arguments.only:
        reason = missing(peer)
        if reason:
            print(f"skipped {peer}: {reason}")
            continue
        for section in sections_of(peer, arguments.rays, arguments.photons):
            report.append(section)
            worst = min(section["rows"], key=lambda row: row["p"])
            is_bad = worst["p"] < compare.P_MIN
            failed += is_bad
            verdict = "FAILED" if is_bad else "ok"
            print(f"{verdict:7}{section['title']}: {worst['what']} {worst['size']}")
            for what, count in section.get("counts", {}).items():
                print(f"       {count:>10,}  {what}")
            for who, (median, most) in section.get("errors", {}).items():
                print(f"       distance, {who}: median {median:.2f}, most {most:.2f} roundings")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
