/* SPDX-License-Identifier: BSD-3-Clause */
/** Small detectors for tests of whole events, built through the public interface. */
#pragma once
#include "chroma2/chroma2.h"

/** name, what it is. Flat and instanced forms of a name hold the same triangles in the same order. */
#define TEST_SCENE_LIST(X)                                                                         \
    X(larbox, "768 triangles: liquid argon in a box whose 96 cells detect, absorb, reflect")       \
    X(tank, "a box of water lined with domes of glass and vacuum, as instances")                   \
    X(tank_flat, "the same as world triangles")                                                    \
    X(spheres, "scintillator with re-emission in acrylic in water")                                \
    X(cascade, "a box of a medium where every absorption makes three photons on average")          \
    X(inconsistent, "a box with an inner box whose outside medium is wrong")                       \
    X(open, "a box without a lid")                                                                 \
    X(wide, "an absorbing box far away: one step and the photon ends")                             \
    X(models, "a white box of cloudy water with a ball of air or glass for every surface model")

/** Builds and commits a scene by name. Fails the running test if it cannot. */
chroma2_scene *test_scene(const char *name);

/** A long tank with so many domes as instances of one mesh. */
chroma2_scene *test_scene_tank(uint32_t n_instances);

/** The same tank with clearer or murkier water, and its dome 0 moved along z; the caller's. */
chroma2_scene *test_scene_tank_water(const chroma2_scene *tank, double absorption_mm);
chroma2_scene *test_scene_tank_moved(const chroma2_scene *tank, double by_mm);

/** Where a point source of the scene sits, and its wavelength. */
chroma2_source test_scene_source(const char *name, uint64_t n_photons);
