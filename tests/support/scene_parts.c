/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/scene_parts.h"

#include <string.h>

chroma2_table
part_constant(const double *value)
{
    chroma2_table table;
    memset(&table, 0, sizeof table);
    table.y = value;
    table.n = 1;
    return table;
}

uint32_t
part_medium(chroma2_scene *scene, const char *name, double index, double absorption_mm,
    double scattering_mm)
{
    chroma2_material m = chroma2_material_default();
    uint32_t number = 0;
    m.name = name;
    m.refractive_index = part_constant(&index);
    m.absorption_length_mm = part_constant(&absorption_mm);
    m.scattering_length_mm = part_constant(&scattering_mm);
    PART_MUST(chroma2_scene_add_material(scene, &m, &number));
    return number;
}

int32_t
part_surface(chroma2_scene *scene, const char *name, double absorb, double detect, double diffuse,
    double specular)
{
    const chroma2_named_table tables[4] = {{"absorb", part_constant(&absorb)},
        {"detect", part_constant(&detect)}, {"reflect_diffuse", part_constant(&diffuse)},
        {"reflect_specular", part_constant(&specular)}};
    chroma2_surface s = chroma2_surface_default();
    uint32_t number = 0;
    s.name = name;
    s.model = "default";
    s.tables = tables;
    s.n_tables = 4;
    PART_MUST(chroma2_scene_add_surface(scene, &s, &number));
    return (int32_t)number;
}

uint32_t
part_interface(chroma2_scene *scene, uint32_t inside, uint32_t outside, int32_t surface)
{
    uint32_t number = 0;
    PART_MUST(chroma2_scene_add_interface(scene, inside, outside, surface, &number));
    return number;
}

void
part_world(chroma2_scene *scene, toy_mesh mesh, uint32_t interface, int32_t channel)
{
    chroma2_world_solid solid = chroma2_world_solid_default();
    solid.vertices = mesh.vertices;
    solid.n_vertices = mesh.n_vertices;
    solid.triangles = mesh.triangles;
    solid.n_triangles = mesh.n_triangles;
    solid.interface_offset = interface;
    solid.solid.channel_index = channel;
    solid.solid.channel_id = channel;
    PART_MUST(chroma2_scene_add_solid(scene, &solid, NULL));
    toy_mesh_reset(&mesh);
}
