# SPDX-License-Identifier: BSD-3-Clause
"""Nearest hits by Mitsuba 3, ray by ray.

    python validation/peers/mitsuba_hits.py IN.npz OUT.npz

IN   vertices [n, 3], triangles [m, 3], origins [k, 3], directions [k, 3]
OUT  triangle int64 [k], -1 for none; distance float64 [k] in lengths of the direction
"""

import sys

import mitsuba as mi
import numpy as np

mi.set_variant("scalar_spectral_polarized")
with np.load(sys.argv[1]) as given:
    vertices, triangles = given["vertices"], given["triangles"]
    mesh = mi.Mesh("mesh", vertex_count=len(vertices), face_count=len(triangles))
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = vertices.astype(np.float32).ravel()
    parameters["faces"] = triangles.astype(np.uint32).ravel()
    parameters.update()
    scene = mi.load_dict({"type": "scene", "mesh": mesh})
    origins, directions = given["origins"].tolist(), given["directions"].tolist()
triangle = np.full(len(origins), -1, np.int64)
distance = np.full(len(origins), np.inf)
for i, (origin, direction) in enumerate(zip(origins, directions)):
    found = scene.ray_intersect_preliminary(mi.Ray3f(origin, direction))
    if found.is_valid():
        triangle[i], distance[i] = found.prim_index, found.t
np.savez(sys.argv[2], triangle=triangle, distance=distance)
