/* SPDX-License-Identifier: BSD-3-Clause */
/** Reads the scenes of validation/scenes.py, as validation/dump_scene.py writes them.
 *
 *  All numbers are little-endian, nothing is aligned, in this order (W = n_wavelengths):
 *    char[8] "C2SCENE1"
 *    u32 W; f64 wavelength_nm[W]
 *    u32 n_materials; each: char name[64]; f64 index[W], absorption_mm[W], scattering_mm[W];
 *        u32 n_components; each: f64 absorption_mm[W], yield[W], wavelength_cdf[W];
 *            u32 n_delays; f64 delay_ns[n_delays], delay_cdf[n_delays]
 *    u32 n_surfaces; each: char name[64]; char model[64]; f64 detect[W], absorb[W], reemit[W],
 *        reflect_diffuse[W], reflect_specular[W], eta[W], k[W], reemission_cdf[W]
 *    triangles (the world's)
 *        u32 n_vertices; f32 vertices[n_vertices, 3]
 *        u32 n_triangles; u32 triangles[n, 3], inside[n], outside[n]; i32 surface[n]; u32 solid[n]
 *    u32 n_solids; i32 channel[n_solids]
 *    u32 n_meshes; each: triangles as above (solid is not used)
 *    u32 n_instances; each: u32 mesh; f64 rotation[9], displacement_mm[3]; i32 channel
 *    u32 n_photons; f32 position[n, 3], direction[n, 3], polarization[n, 3], wavelength[n], time[n]
 */
#pragma once
#include "chroma2/scene.h"

/** Photons of a dump; NULL pointers if there are none. */
typedef struct scene_file_photons {
    uint32_t n;
    float *position, *direction, *polarization; // [n, 3]
    float *wavelength_nm, *time_ns;             // [n]
} scene_file_photons;

/** Adds everything to a new scene, which is not committed yet.
 *  options      NULL: the default
 *  out_photons  may be NULL; give it back with scene_file_photons_reset
 *  errors       NOT_READY: no such file; INVALID_ARGUMENT: not such a file, or what the scene says */
CHROMA2_MUST_CHECK chroma2_status scene_file_load(const char *path,
    const chroma2_scene_options *options, chroma2_scene **out_scene,
    scene_file_photons *out_photons);

void scene_file_photons_reset(scene_file_photons *photons);

/** For programs: the committed scene of a word, "file:PATH" or a name of TEST_SCENE_LIST. What cannot
 *  be had ends the program with a sentence. */
chroma2_scene *scene_file_or_named(const char *word);
