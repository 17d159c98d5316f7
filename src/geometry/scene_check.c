/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/scene_check.h"

#include <stdlib.h>
#include <string.h>

static const mesh *
mesh_of(const chroma2_scene *self, uint32_t placement)
{
    const placement_source *const sources = self->placements.data;
    return (const mesh *)self->meshes.data + sources[placement].mesh;
}

chroma2_status
scene_check_numbers(const chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    const placement_source *const sources = self->placements.data;
    uint64_t n_primitives = 0;
    REQUIRE(self->placements.n > 0, CHROMA2_INVALID_SCENE,
        "the scene is empty (%zu meshes, no instance, no solid). Add one?", self->meshes.n);
    REQUIRE(self->placements.n < UINT32_MAX, CHROMA2_INVALID_SCENE,
        "the scene has %zu instances (at most 2^32-2)", self->placements.n);
    for (uint32_t i = 0; i < self->placements.n; ++i) {
        const mesh *const of = mesh_of(self, i);
        const uint64_t highest = (uint64_t)sources[i].interface_offset + of->highest_interface;
        REQUIRE(highest < self->interfaces.n, CHROMA2_INVALID_SCENE,
            "instance %u uses interface %llu (offset %u + the mesh's %u; there are %zu)", i,
            (unsigned long long)highest, sources[i].interface_offset, of->highest_interface,
            self->interfaces.n);
        n_primitives += of->n_triangles;
    }
    REQUIRE(n_primitives < NO_PRIMITIVE, CHROMA2_INVALID_SCENE,
        "the scene has %llu placed triangles (at most 2^32-2, since a primitive id has 32 bits)",
        (unsigned long long)n_primitives);
out:
    return status;
}

static void
record_place(const chroma2_scene *self, chroma2_scene_warning_record *record, uint32_t placement,
    uint32_t triangle)
{
    const vec3 corner = scene_corner(self, placement, triangle, 0);
    record->position_mm[0] = corner.x;
    record->position_mm[1] = corner.y;
    record->position_mm[2] = corner.z;
    record->instance = placement;
    record->triangle = triangle;
}

static chroma2_status
check_degenerate(chroma2_scene *self)
{
    chroma2_scene_warning_record record =
        scene_warning_make(CHROMA2_WARNING_DEGENERATE_TRIANGLES, 0);
    for (uint32_t i = 0; i < self->placements.n; ++i) {
        const mesh_finding *const found = &mesh_of(self, i)->facts->degenerate;
        if (found->count > 0 && record.count == 0) {
            record_place(self, &record, i, found->triangle[0]);
        }
        record.count += found->count;
    }
    return record.count == 0
               ? CHROMA2_OK
               : scene_warn(self, &record,
                     "%llu triangles have no area (they are never met; their ids are kept); the "
                     "first is "
                     "triangle %u of instance %u",
                     (unsigned long long)record.count, record.triangle, record.instance);
}

static chroma2_status
warn_coincident(chroma2_scene *self, const chroma2_scene_warning_record *record)
{
    if (record->count == 0) {
        return CHROMA2_OK;
    }
    return scene_warn(self, record,
        "%llu faces lie on another face%s; first: triangle %u of instance %u and triangle %u of "
        "instance %u",
        (unsigned long long)record->count,
        record->kind == CHROMA2_WARNING_IDENTICAL_FACES
            ? " with the same corners in the same order (the lowest id counts)"
            : " turned round (two solids touch; the lowest id is met first, where both media "
              "should "
              "agree)",
        record->triangle, record->instance, record->other_triangle, record->other_instance);
}

/** Faces of one mesh that coincide; what the edges told. */
static void
add_coincident(const chroma2_scene *self, uint32_t placement, const mesh_finding *found,
    chroma2_scene_warning_record *record)
{
    if (found->count > 0 && record->count == 0) {
        record_place(self, record, placement, found->triangle[0]);
        record->other_instance = placement;
        record->other_triangle = found->triangle[1];
    }
    record->count += found->count;
}

static bool
media_agree(const interface_record *a, const interface_record *b, bool turned)
{
    return turned ? a->inside == b->outside && a->outside == b->inside
                  : a->inside == b->inside && a->outside == b->outside;
}

/** A pair of neighbours that disagree, and its edge's place among the edges that are counted. */
typedef struct quarrel {
    uint32_t placement;
    const mesh_neighbours *pair;
    size_t edge;
} quarrel;

static chroma2_status
collect_edge(chroma2_scene *self, uint32_t placement, const uint32_t vertex[2], uint32_t triangle,
    growable *edges)
{
    void *place = NULL;
    const chroma2_status status = growable_extend(edges, 1, &place);
    if (status == CHROMA2_OK) {
        const scene_edge edge = scene_edge_make(self, placement, vertex[0], vertex[1], triangle);
        memcpy(place, &edge, sizeof edge);
    }
    return status;
}

static chroma2_status
collect_quarrels(chroma2_scene *self, growable *quarrels, growable *edges)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < self->placements.n; ++i) {
        const mesh_facts *const facts = mesh_of(self, i)->facts;
        const interface_record *const media =
            self->view.interfaces + self->view.placements[i].interface_offset;
        for (size_t k = 0; k < facts->neighbours.n; ++k) {
            const mesh_neighbours *const pair = (const mesh_neighbours *)facts->neighbours.data + k;
            void *place = NULL;
            if (media_agree(media + pair->interface_index[0], media + pair->interface_index[1],
                    pair->turned)) {
                continue;
            }
            TRY(growable_extend(quarrels, 1, &place));
            const quarrel found = {i, pair, edges->n};
            memcpy(place, &found, sizeof found);
            TRY(collect_edge(self, i, pair->vertex, pair->triangle[0], edges));
        }
    }
out:
    return status;
}

static chroma2_status
collect_open(chroma2_scene *self, growable *edges)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < self->placements.n; ++i) {
        const growable *const open = &mesh_of(self, i)->facts->open;
        for (size_t k = 0; k < open->n; ++k) {
            const mesh_edge *const edge = (const mesh_edge *)open->data + k;
            TRY(collect_edge(self, i, edge->vertex, edge->triangle, edges));
        }
    }
out:
    return status;
}

/** Where a third face of another solid meets the edge, the media may well change there. */
static chroma2_status
warn_quarrels(chroma2_scene *self, const growable *quarrels, const growable *edges)
{
    const quarrel *const found = quarrels->data;
    chroma2_scene_warning_record record =
        scene_warning_make(CHROMA2_WARNING_CONTRADICTING_MEDIA, 0);
    for (size_t i = 0; i < quarrels->n; ++i) {
        if (((const scene_edge *)edges->data)[found[i].edge].n_uses > 2) {
            continue;
        }
        if (record.count == 0) {
            record_place(self, &record, found[i].placement, found[i].pair->triangle[0]);
            record.other_instance = found[i].placement;
            record.other_triangle = found[i].pair->triangle[1];
        }
        record.count += found[i].pair->count;
    }
    return record.count == 0 ? CHROMA2_OK
                             : scene_warn(self, &record,
                                   "%llu pairs of neighbouring faces disagree about the medium "
                                   "between them; first: "
                                   "triangles %u and %u of instance %u",
                                   (unsigned long long)record.count, record.triangle,
                                   record.other_triangle, record.instance);
}

/** Contradicting media, and the edges that no other placement closes. */
static chroma2_status
check_edges(chroma2_scene *self, growable *out_open)
{
    chroma2_status status = CHROMA2_OK;
    growable quarrels = {.item_bytes = sizeof(quarrel)};
    growable edges = {.item_bytes = sizeof(scene_edge)};
    TRY(collect_quarrels(self, &quarrels, &edges));
    const size_t first_open = edges.n;
    TRY(collect_open(self, &edges));
    TRY(scene_count_uses(self, &edges));
    TRY(warn_quarrels(self, &quarrels, &edges));
    for (size_t i = first_open; i < edges.n; ++i) {
        const scene_edge *const edge = (const scene_edge *)edges.data + i;
        void *place = NULL;
        if (edge->n_uses <= 1) {
            TRY(growable_extend(out_open, 1, &place));
            memcpy(place, edge, sizeof *edge);
        }
    }
out:
    growable_reset(&quarrels);
    growable_reset(&edges);
    return status;
}

static chroma2_status
warn_note(
    chroma2_scene *self, const scene_note *note, uint32_t material_index, uint32_t surface_index)
{
    chroma2_scene_warning_record record = scene_warning_make(note->kind, 1);
    record.material = material_index;
    record.surface = surface_index;
    return scene_warn(self, &record, "%s", note->sentence);
}

static chroma2_status
check_notes(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < self->materials.n; ++i) {
        const note_list *const notes = &((material **)self->materials.data)[i]->notes;
        for (uint32_t k = 0; k < notes->n; ++k) {
            TRY(warn_note(self, notes->items + k, i, UINT32_MAX));
        }
    }
    for (uint32_t i = 0; i < self->coatings.n; ++i) {
        const note_list *const notes = &((coating **)self->coatings.data)[i]->notes;
        for (uint32_t k = 0; k < notes->n; ++k) {
            TRY(warn_note(self, notes->items + k, UINT32_MAX, i));
        }
    }
out:
    return status;
}

chroma2_status
scene_check_surfaces(chroma2_scene *self, growable *out_open)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_scene_warning_record identical = scene_warning_make(CHROMA2_WARNING_IDENTICAL_FACES, 0);
    chroma2_scene_warning_record turned = scene_warning_make(CHROMA2_WARNING_TOUCHING_FACES, 0);
    TRY(check_notes(self));
    TRY(check_degenerate(self));
    TRY(check_edges(self, out_open));
    for (uint32_t i = 0; i < self->placements.n; ++i) {
        add_coincident(self, i, &mesh_of(self, i)->facts->identical, &identical);
        add_coincident(self, i, &mesh_of(self, i)->facts->turned, &turned);
    }
    TRY(scene_find_coincident(self, &identical, &turned));
    TRY(warn_coincident(self, &identical));
    TRY(warn_coincident(self, &turned));
out:
    return status;
}
