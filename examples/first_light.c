/* SPDX-License-Identifier: BSD-3-Clause */
/** First light from C: a water box with one detecting wall, and how many photons reach it.
 *
 *      cc first_light.c $(pkg-config --cflags --libs chroma2) -o first_light && ./first_light */
#include <chroma2/chroma2.h>
#include <inttypes.h>
#include <stdio.h>

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fprintf(stderr, "first_light: %s\n", chroma2_error_detail());                          \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

/** A number that does not depend on wavelength. */
static chroma2_table
constant(const double *value)
{
    const chroma2_table table = {NULL, value, 1, CHROMA2_TABLE_NM};
    return table;
}

int
main(void)
{
    static const double water_index = 1.33, water_absorption_mm = 50e3, water_scattering_mm = 90e3;
    static const double air_index = 1.0, detected = 0.3, absorbed = 0.7;
    static const float corners[8][3] = {{-1e3f, -1e3f, -1e3f}, {1e3f, -1e3f, -1e3f},
        {-1e3f, 1e3f, -1e3f}, {1e3f, 1e3f, -1e3f}, {-1e3f, -1e3f, 1e3f}, {1e3f, -1e3f, 1e3f},
        {-1e3f, 1e3f, 1e3f}, {1e3f, 1e3f, 1e3f}};
    static const uint32_t triangles[12][3] = {{0, 2, 3}, {0, 3, 1}, {4, 5, 7}, {4, 7, 6}, {0, 1, 5},
        {0, 5, 4}, {2, 6, 7}, {2, 7, 3}, {0, 4, 6}, {0, 6, 2}, {1, 3, 7}, {1, 7, 5}};

    chroma2_scene *scene = NULL;
    MUST(chroma2_scene_create(NULL, &scene));

    uint32_t water, air, wall, boundary;
    chroma2_material material = chroma2_material_default();
    material.name = "water";
    material.refractive_index = constant(&water_index);
    material.absorption_length_mm = constant(&water_absorption_mm);
    material.scattering_length_mm = constant(&water_scattering_mm);
    MUST(chroma2_scene_add_material(scene, &material, &water));
    material = chroma2_material_default();
    material.name = "air";
    material.refractive_index = constant(&air_index);
    MUST(chroma2_scene_add_material(scene, &material, &air));

    const chroma2_named_table tables[2] = {
        {"detect", constant(&detected)}, {"absorb", constant(&absorbed)}};
    chroma2_surface surface = chroma2_surface_default();
    surface.name = "wall";
    surface.model = "default";
    surface.tables = tables;
    surface.n_tables = 2;
    MUST(chroma2_scene_add_surface(scene, &surface, &wall));
    MUST(chroma2_scene_add_interface(scene, water, air, (int32_t)wall, &boundary));

    chroma2_world_solid box = chroma2_world_solid_default();
    box.vertices = corners[0];
    box.n_vertices = 8;
    box.triangles = triangles[0];
    box.n_triangles = 12;
    box.interface_offset = boundary;
    box.solid.channel_index = 0;
    MUST(chroma2_scene_add_solid(scene, &box, NULL));
    MUST(chroma2_scene_commit(scene));

    chroma2_session *session = NULL;
    chroma2_session_options options = chroma2_session_options_default();
    options.seed = 1;
    MUST(chroma2_session_open(&options, scene, &session));

    chroma2_source bulb = chroma2_source_default();
    bulb.n_photons = 100000;
    bulb.wavelength_nm[0] = 400.0;
    chroma2_event event = chroma2_event_default();
    event.sources = &bulb;
    event.n_sources = 1;

    chroma2_future *future = NULL;
    chroma2_result *result = NULL;
    MUST(chroma2_session_submit(session, &event, &future));
    MUST(chroma2_future_take(future, &result));

    const chroma2_ledger ledger = chroma2_result_ledger(result);
    chroma2_result_column times;
    MUST(chroma2_result_column_named(result, CHROMA2_HITS, "t", &times));
    const float *const t_ns = times.data;
    double sum_ns = 0.0;
    for (uint64_t i = 0; i < times.n_rows; ++i) {
        sum_ns += (double)t_ns[i];
    }
    printf("%" PRIu64 " photons, %" PRIu64 " steps, %" PRIu64 " hits, mean time %.2f ns\n",
        ledger.in, ledger.steps, ledger.hits,
        sum_ns / (double)(times.n_rows + (times.n_rows == 0)));

    chroma2_result_destroy(result);
    chroma2_future_destroy(future);
    chroma2_session_destroy(session);
    chroma2_scene_destroy(scene);
    return ledger.hits > 0 ? 0 : 1;
}
