# SPDX-License-Identifier: BSD-3-Clause
"""Writes a scene of scenes.py as tests/support/scene_file.h describes, for the C tests.

dump_scene.py KEY OUT.c2s [--instanced] [--photons N] [--source NAME] [--seed SEED]
"""

import argparse
import struct

import numpy as np
import scenes


def u32(out, value):
    out.write(struct.pack("<I", value))


def array(out, values, dtype):
    out.write(np.ascontiguousarray(values, dtype).tobytes())


def text(out, value):
    out.write(value.encode()[:63].ljust(64, b"\0"))


def write_material(out, m):
    text(out, m["name"])
    for key in ("refractive_index", "absorption_length", "scattering_length"):
        array(out, m[key], "<f8")
    u32(out, len(m["components"]))
    for c in m["components"]:
        for key in ("absorption_length", "reemission_prob", "reemission_wvl_cdf"):
            array(out, c[key], "<f8")
        u32(out, len(c["reemission_time"]))
        array(out, c["reemission_time"], "<f8")
        array(out, c["reemission_time_cdf"], "<f8")


def write_surface(out, s):
    text(out, s["name"])
    text(out, s["model"])
    keys = ("detect", "absorb", "reemit", "reflect_diffuse", "reflect_specular", "eta", "k")
    for key in keys + ("reemission_cdf",):
        array(out, s[key], "<f8")


def write_triangles(out, vertices, triangles, mat_in, mat_out, surface, solid):
    u32(out, len(vertices))
    array(out, vertices, "<f4")
    u32(out, len(triangles))
    array(out, triangles, "<u4")
    array(out, mat_in, "<u4")
    array(out, mat_out, "<u4")
    array(out, surface, "<i4")
    array(out, solid, "<u4")


def sensor_mesh():
    """The one sensor of the tanks in its own coordinates, as scenes.build_tank makes it."""
    outer, outer_triangles, _ = scenes.dome(127.0, 20, 5, 0.0)
    inner, inner_triangles, n_cathode = scenes.dome(117.0, 20, 5, 5.0)
    n_out, n_in = len(outer_triangles), len(inner_triangles)
    water, glass, vacuum = 0, 1, 2
    return (
        np.concatenate([outer, inner]),
        np.concatenate([outer_triangles, inner_triangles + len(outer)]),
        np.repeat([glass, vacuum], [n_out, n_in]),
        np.repeat([water, glass], [n_out, n_in]),
        np.concatenate([np.full(n_out, -1), np.where(np.arange(n_in) < n_cathode, 1, 0)]),
        np.zeros(n_out + n_in),
    )


def sensor_rotations(axis):
    ref = np.where(np.abs(axis[:, 2:3]) > 0.5, [[1.0, 0, 0]], [[0, 0, 1.0]])
    ex = np.cross(ref, axis)
    ex /= np.linalg.norm(ex, axis=1)[:, None]
    return np.stack([ex, np.cross(axis, ex), axis], 2)


def write_placed(out, scene, instanced):
    keep = scene["solid_id"] == 0 if instanced else np.ones(len(scene["triangles"]), bool)
    channel = scene["solid_to_channel"]
    n_vertices = scene["triangles"][keep].max() + 1
    keys = ("triangles", "mat_in", "mat_out", "surface", "solid_id")
    write_triangles(out, scene["vertices"][:n_vertices], *(scene[key][keep] for key in keys))
    u32(out, 1 if instanced else len(channel))
    array(out, channel[:1] if instanced else channel, "<i4")
    if not instanced:
        u32(out, 0)
        u32(out, 0)
        return
    u32(out, 1)
    write_triangles(out, *sensor_mesh())
    rotations = sensor_rotations(scene["pmt_axis"])
    u32(out, len(rotations))
    for rotation, position, number in zip(rotations, scene["pmt_pos"], channel[1:]):
        u32(out, 0)
        array(out, rotation, "<f8")
        array(out, position, "<f8")
        array(out, number, "<i4")


def write_photons(out, photons):
    u32(out, 0 if photons is None else len(photons["t"]))
    for key in ("pos", "dir", "pol", "wavelength", "t") if photons is not None else ():
        array(out, photons[key], "<f4")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("key", choices=sorted(scenes.BUILDERS))
    parser.add_argument("out")
    parser.add_argument("--instanced", action="store_true", help="tanks: one mesh, many sensors")
    parser.add_argument("--photons", type=int, default=0)
    parser.add_argument("--source", default=None)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    scene = scenes.build(args.key)
    if args.instanced and "pmt_pos" not in scene:
        parser.error(f"{args.key} has no repeated sensor")
    source = args.source or scene["sources"][0]
    photons = scenes.photons(scene, source, args.photons, args.seed) if args.photons else None
    with open(args.out, "wb") as out:
        out.write(b"C2SCENE1")
        u32(out, len(scene["wavelengths"]))
        array(out, scene["wavelengths"], "<f8")
        u32(out, len(scene["materials"]))
        for m in scene["materials"]:
            write_material(out, m)
        u32(out, len(scene["surfaces"]))
        for s in scene["surfaces"]:
            write_surface(out, s)
        write_placed(out, scene, args.instanced)
        write_photons(out, photons)


if __name__ == "__main__":
    main()
