/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/scene_query.h"

#include "geometry/scene_state.h"

uint32_t
scene_n_warnings(const chroma2_scene *self)
{
    return (uint32_t)self->warnings.n;
}

const chroma2_scene_warning_record *
scene_warning_at(const chroma2_scene *self, uint32_t index)
{
    return (const chroma2_scene_warning_record *)self->warnings.data + index;
}

chroma2_scene_info
scene_info_make(const chroma2_scene *self)
{
    chroma2_scene_info info;
    memset(&info, 0, sizeof info);
    info.size_bytes = sizeof info;
    info.n_materials = self->view.n_materials;
    info.n_surfaces = self->view.n_surfaces;
    info.n_interfaces = (uint32_t)self->interfaces.n;
    for (size_t i = 0; i < self->meshes.n; ++i) {
        info.n_meshes += ((const mesh *)self->meshes.data)[i].is_world == 0 ? 1u : 0u;
    }
    info.n_instances = self->view.n_placements;
    info.n_solids = self->view.n_solids;
    info.n_channels = self->n_channels;
    info.n_primitives = self->view.n_primitives;
    info.n_warnings = self->n_warnings;
    info.n_vertices = self->vertices.n;
    info.n_triangles = self->triangles.n;
    for (int i = 0; i < N_SCENE_BLOCKS; ++i) {
        info.memory_bytes += self->blocks[i]->n_bytes;
    }
    memcpy(info.world_low_mm, self->view.world_low, sizeof info.world_low_mm);
    memcpy(info.world_high_mm, self->view.world_high, sizeof info.world_high_mm);
    info.wavelength_low_nm = self->grid.low_nm;
    info.wavelength_step_nm = self->grid.step_nm;
    info.n_wavelengths = self->grid.n;
    info.commit_s = self->commit_s;
    info.check_s = self->check_s;
    info.tree_s = self->tree_s;
    return info;
}

chroma2_primitive
scene_primitive_make(const chroma2_scene *self, uint32_t primitive)
{
    const scene_view *const view = &self->view;
    chroma2_primitive out;
    memset(&out, 0, sizeof out);
    out.size_bytes = sizeof out;
    out.instance = scene_placement_of(view, primitive);
    const placement_record *const placed = view->placements + out.instance;
    out.triangle = primitive - placed->first_primitive;
    const interface_record media = scene_interface(view, placed, out.triangle);
    out.inside_material = media.inside;
    out.outside_material = media.outside;
    out.surface = media.surface;
    out.solid_index = scene_solid_of(view, placed, out.triangle);
    out.solid = scene_solid_at(self, out.solid_index);
    for (uint32_t k = 0; k < 3; ++k) {
        const vec3 corner = scene_corner(self, out.instance, out.triangle, k);
        out.corner_mm[3 * k] = corner.x;
        out.corner_mm[3 * k + 1] = corner.y;
        out.corner_mm[3 * k + 2] = corner.z;
    }
    return out;
}

chroma2_solid
scene_solid_at(const chroma2_scene *self, uint32_t solid)
{
    const solid_record *const record = self->view.solids + solid;
    const chroma2_solid out = {
        record->solid_id, record->channel_index, record->channel_id, record->efficiency_index};
    return out;
}

const double *
scene_solid_position(const chroma2_scene *self, uint32_t solid)
{
    return self->solid_positions + 3 * (size_t)solid;
}

uint32_t
scene_n_channels(const chroma2_scene *self)
{
    return self->n_channels;
}

void
scene_find_channels(const chroma2_scene *self, uint32_t *out_solids)
{
    for (uint32_t i = 0; i < self->n_channels; ++i) {
        out_solids[i] = UINT32_MAX;
    }
    for (uint32_t i = self->view.n_solids; i-- > 0;) {
        const int32_t channel = self->view.solids[i].channel_index;
        if (channel >= 0) {
            out_solids[channel] = i;
        }
    }
}

const char *
scene_material_name(const chroma2_scene *self, uint32_t index)
{
    return index < self->materials.n ? ((material *const *)self->materials.data)[index]->name
                                     : NULL;
}

const char *
scene_surface_name(const chroma2_scene *self, uint32_t index)
{
    return index < self->coatings.n ? ((coating *const *)self->coatings.data)[index]->name : NULL;
}

float
scene_material_value(
    const chroma2_scene *self, uint32_t index, chroma2_material_table which, float wavelength_nm)
{
    const material_record *const record = self->view.materials + index;
    const uint32_t tables[] = {record->refractive_index, record->group_index, record->absorption_mm,
        record->scattering_mm};
    return table_lookup(&self->view, tables[which], wavelength_nm);
}
