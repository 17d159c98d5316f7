# SPDX-License-Identifier: BSD-3-Clause
"""Nearest hits by Intel's Embree.

    python validation/peers/embree_hits.py IN.npz OUT.npz

IN   vertices [n, 3], triangles [m, 3], origins [k, 3], directions [k, 3]
OUT  triangle int64 [k], -1 for none; distance float64 [k] in lengths of the direction
"""

import sys

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

with np.load(sys.argv[1]) as given:
    scene = EmbreeScene()
    mesh = TriangleMesh(
        scene, given["vertices"].astype(np.float32), given["triangles"].astype(np.int32)
    )
    found = scene.run(
        np.ascontiguousarray(given["origins"], np.float32),
        np.ascontiguousarray(given["directions"], np.float32),
        query="INTERSECT",
        output=True,
    )
triangle = found["primID"].astype(np.int64)
distance = np.where(triangle >= 0, found["tfar"], np.inf).astype(np.float64)
np.savez(sys.argv[2], triangle=triangle, distance=distance)
