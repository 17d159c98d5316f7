/* SPDX-License-Identifier: BSD-3-Clause */
/** From what was added to what photons see: buffers, view, checks, trees, hash. */
#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "geometry/scene_check.h"

double
scene_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

chroma2_scene_warning_record
scene_warning_make(chroma2_scene_warning_kind kind, uint64_t count)
{
    chroma2_scene_warning_record record;
    memset(&record, 0, sizeof record);
    record.size_bytes = sizeof record;
    record.kind = kind;
    record.count = count;
    record.instance = record.triangle = UINT32_MAX;
    record.other_instance = record.other_triangle = UINT32_MAX;
    record.material = record.surface = UINT32_MAX;
    return record;
}

chroma2_status
scene_warn(chroma2_scene *self, const chroma2_scene_warning_record *record, const char *format, ...)
{
    chroma2_status status = CHROMA2_OK;
    char sentence[400];
    void *place = NULL;
    char *copy = NULL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (self->n_warnings++ == 0 && self->options.strict != 0) {
        error_detail_set(sentence);
    }
    if (self->warnings.n >= self->options.max_warnings) {
        return CHROMA2_OK;
    }
    copy = strdup(sentence);
    REQUIRE(copy != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a warning");
    TRY(growable_extend(&self->warnings, 1, &place));
    chroma2_scene_warning_record *const kept = place;
    *kept = *record;
    kept->sentence = copy;
    copy = NULL;
out:
    free(copy);
    return status;
}

static void
scene_forget_warnings(chroma2_scene *self)
{
    for (size_t i = 0; i < self->warnings.n; ++i) {
        const char *const sentence =
            ((chroma2_scene_warning_record *)self->warnings.data)[i].sentence;
        char *owned = NULL;
        memcpy(&owned, &sentence, sizeof owned);
        free(owned);
    }
    growable_reset(&self->warnings);
    self->n_warnings = 0;
}

/** Gives back what a commit made, except its warnings. */
static void
scene_forget_buffers(chroma2_scene *self)
{
    for (int i = 0; i < N_SCENE_BLOCKS; ++i) {
        block_destroy(self->blocks[i]);
        self->blocks[i] = NULL;
    }
    if (self->trees != NULL && atomic_fetch_sub_acq_rel_u32(&self->trees->references, 1) == 1) {
        scene_trees_destroy(self->trees->trees);
        free(self->trees);
    }
    self->trees = NULL;
    free(self->solid_positions);
    self->solid_positions = NULL;
    memset(&self->view, 0, sizeof self->view);
}

void
scene_forget_commit(chroma2_scene *self)
{
    scene_forget_buffers(self);
    scene_forget_warnings(self);
}

vec3
scene_corner(const chroma2_scene *self, uint32_t placement, uint32_t triangle, uint32_t k)
{
    vec3 corner[3];
    scene_corners(&self->view, self->view.placements + placement, triangle, corner);
    return corner[k];
}

static chroma2_status
scene_look_at_meshes(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    for (size_t i = 0; i < self->placements.n; ++i) {
        const uint32_t number = ((const placement_source *)self->placements.data)[i].mesh;
        mesh *const used = (mesh *)self->meshes.data + number;
        if (used->facts == NULL) {
            TRY(mesh_facts_create(used, self->vertices.data, self->triangles.data, &used->facts));
        }
    }
out:
    return status;
}

/** Keeps the earlier scene's block instead if the content is the same. */
static void
scene_set_block(chroma2_scene *self, enum scene_block which, block *made)
{
    block *const before = self->earlier == NULL ? NULL : self->earlier->blocks[which];
    if (before != NULL && before != made && before->n_bytes == made->n_bytes &&
        memcmp(before->sha256, made->sha256, sizeof made->sha256) == 0) {
        block_destroy(made);
        made = block_retain(before);
    }
    self->blocks[which] = made;
}

static chroma2_status
scene_freeze(chroma2_scene *self, growable *array, enum scene_block which, const uint8_t *digest)
{
    chroma2_status status = CHROMA2_OK;
    block *made = NULL;
    TRY(growable_freeze(array, digest, &made));
    scene_set_block(self, which, made);
out:
    return status;
}

/** A name of all vertices or triangles, from the digests of the meshes they came with. */
static void
scene_digest_meshes(const chroma2_scene *self, const char *what, uint8_t out[SHA256_BYTES])
{
    const mesh *const meshes = self->meshes.data;
    sha256 digest;
    sha256_init(&digest);
    sha256_update(&digest, what, strlen(what));
    for (size_t i = 0; i < self->meshes.n; ++i) {
        sha256_update_u32(&digest, meshes[i].n_vertices);
        sha256_update_u32(&digest, meshes[i].n_triangles);
        sha256_update(&digest, meshes[i].sha256, sizeof meshes[i].sha256);
    }
    sha256_final(&digest, out);
}

static chroma2_status
scene_make_placements(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    const placement_source *const sources = self->placements.data;
    const mesh *const meshes = self->meshes.data;
    growable records = {.item_bytes = sizeof(placement_record)};
    void *first = NULL;
    uint32_t first_primitive = 0;
    TRY(growable_extend(&records, self->placements.n, &first));
    placement_record *const to = first;
    for (size_t i = 0; i < self->placements.n; ++i) {
        const mesh *const of = meshes + sources[i].mesh;
        to[i] = placement_record_make(sources + i, of);
        to[i].root = of->is_world != 0 ? 0 : 1 + sources[i].mesh;
        to[i].first_primitive = first_primitive;
        to[i].pad_mm = placement_pad(to + i, of->facts->low, of->facts->high);
        first_primitive += of->n_triangles;
    }
    TRY(scene_freeze(self, &records, BLOCK_placements, NULL));
    self->view.n_primitives = first_primitive;
out:
    growable_reset(&records);
    return status;
}

static chroma2_status
tables_append(growable *tables, const float *from, uint32_t n, uint32_t *out_first)
{
    chroma2_status status = CHROMA2_OK;
    void *first = NULL;
    REQUIRE(tables->n + n < UINT32_MAX, CHROMA2_INVALID_SCENE,
        "the tables of the scene have more than 2^32-2 points");
    *out_first = (uint32_t)tables->n;
    TRY(growable_extend(tables, n, &first));
    memcpy(first, from, n * sizeof *from);
out:
    return status;
}

static chroma2_status
tables_append_cdf(growable *tables, const cdf_data *from, cdf_record *out)
{
    memset(out, 0, sizeof *out);
    out->n = from->n;
    out->x0 = from->x0;
    out->dx = from->dx;
    return from->n == 0 ? CHROMA2_OK : tables_append(tables, from->y, from->n, &out->first);
}

static chroma2_status
scene_fill_material(chroma2_scene *self, const material *from, growable *tables,
    growable *components, material_record *out)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t *const places[N_MATERIAL_TABLES] = {&out->refractive_index, &out->group_index,
        &out->absorption_mm, &out->scattering_mm, &out->mie_mm, &out->mie_g};
    void *first = NULL;
    for (int i = 0; i < (from->has_mie != 0 ? N_MATERIAL_TABLES : N_COMMON_TABLES); ++i) {
        TRY(tables_append(tables, from->tables[i], self->grid.n, places[i]));
    }
    out->max_yield = from->max_yield;
    out->first_component = (uint32_t)components->n;
    out->n_components = from->n_components;
    self->makes_secondaries |= from->max_yield > 1.0f ? 1u : 0u;
    TRY(growable_extend(components, from->n_components, &first));
    component_record *const to = first;
    for (uint32_t i = 0; i < from->n_components; ++i) {
        const material_component *const component = from->components + i;
        TRY(tables_append(tables, component->absorption_mm, self->grid.n, &to[i].absorption_mm));
        TRY(tables_append(tables, component->yield, self->grid.n, &to[i].yield));
        TRY(tables_append_cdf(tables, &component->wavelength_nm, &to[i].wavelength_nm));
        TRY(tables_append_cdf(tables, &component->delay_ns, &to[i].delay_ns));
    }
out:
    return status;
}

static chroma2_status
scene_fill_surface(chroma2_scene *self, const coating *from, growable *tables, surface_record *out)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t *const places[N_SURFACE_TABLES] = {
#define X(name, meaning) &out->name,
        SURFACE_TABLE_LIST(X)
#undef X
    };
    uint32_t *const angle_places[N_SURFACE_ANGLE_TABLES] = {
#define X(name, meaning) &out->angle_##name,
        SURFACE_ANGLE_TABLE_LIST(X)
#undef X
    };
    out->model = (uint32_t)from->model;
    out->faces = (uint32_t)from->faces;
#define X(name, usual, lowest, highest, is_whole, meaning)                                         \
    out->name = from->values[SURFACE_VALUE_##name];
    SURFACE_VALUE_LIST(X)
#undef X
    for (int i = 0; i < N_SURFACE_TABLES; ++i) {
        if (from->tables[i] != NULL) { // else the table of zeros, which is the first
            TRY(tables_append(tables, from->tables[i], self->grid.n, places[i]));
        }
    }
    out->n_angles = from->n_angles;
    if (from->n_angles > 0) {
        TRY(tables_append(tables, from->angles, from->n_angles, &out->angles));
    }
    for (int i = 0; i < N_SURFACE_ANGLE_TABLES; ++i) {
        if (from->angle_tables[i] != NULL) {
            TRY(tables_append(
                tables, from->angle_tables[i], from->n_angles * self->grid.n, angle_places[i]));
        }
    }
    TRY(tables_append_cdf(tables, &from->reemission_nm, &out->reemission_nm));
    TRY(tables_append_cdf(tables, &from->reemission_ns, &out->reemission_ns));
out:
    return status;
}

static chroma2_status
scene_make_tables(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    growable tables = {.item_bytes = sizeof(float)};
    growable components = {.item_bytes = sizeof(component_record)};
    growable materials = {.item_bytes = sizeof(material_record)};
    growable surfaces = {.item_bytes = sizeof(surface_record)};
    void *first = NULL;
    TRY(growable_extend(&tables, self->grid.n, &first));
    memset(first, 0, self->grid.n * sizeof(float));
    TRY(growable_extend(&materials, self->materials.n, &first));
    for (size_t i = 0; i < self->materials.n; ++i) {
        material_record *const to = (material_record *)first + i;
        memset(to, 0, sizeof *to);
        TRY(scene_fill_material(
            self, ((material **)self->materials.data)[i], &tables, &components, to));
    }
    TRY(growable_extend(&surfaces, self->coatings.n, &first));
    for (size_t i = 0; i < self->coatings.n; ++i) {
        surface_record *const to = (surface_record *)first + i;
        memset(to, 0, sizeof *to);
        TRY(scene_fill_surface(self, ((coating **)self->coatings.data)[i], &tables, to));
    }
    TRY(scene_freeze(self, &tables, BLOCK_tables, NULL));
    TRY(scene_freeze(self, &components, BLOCK_components, NULL));
    TRY(scene_freeze(self, &materials, BLOCK_materials, NULL));
    TRY(scene_freeze(self, &surfaces, BLOCK_surfaces, NULL));
out:
    growable_reset(&tables);
    growable_reset(&components);
    growable_reset(&materials);
    growable_reset(&surfaces);
    return status;
}

static chroma2_status
scene_make_bounds(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    scene_view *const view = &self->view;
    const placement_source *const sources = self->placements.data;
    float largest = 0.0f;
    for (int axis = 0; axis < 3; ++axis) {
        view->world_low[axis] = FLT_MAX;
        view->world_high[axis] = -FLT_MAX;
    }
    for (uint32_t i = 0; i < view->n_placements; ++i) {
        placement_widen(view->placements + i, (const mesh *)self->meshes.data + sources[i].mesh,
            view->vertices, view->triangles, view->world_low, view->world_high);
        for (int axis = 0; axis < 3; ++axis) {
            largest = max_float(
                largest, max_float(fabsf(view->world_low[axis]), fabsf(view->world_high[axis])));
        }
        REQUIRE(largest <= WORLD_LIMIT_MM, CHROMA2_INVALID_SCENE,
            "instance %u reaches a coordinate of %g mm (at most 1e12 mm)", i, (double)largest);
    }
    view->zone_mm = 0x1p-20f * largest;
out:
    return status;
}

static chroma2_status
scene_make_view(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    scene_view *const view = &self->view;
    uint8_t digest[SHA256_BYTES];
    self->makes_secondaries = 0;
    scene_digest_meshes(self, "vertices", digest);
    TRY(scene_freeze(self, &self->vertices, BLOCK_vertices, digest));
    scene_digest_meshes(self, "triangles", digest);
    TRY(scene_freeze(self, &self->triangles, BLOCK_triangles, digest));
    TRY(scene_freeze(self, &self->interfaces, BLOCK_interfaces, NULL));
    TRY(scene_freeze(self, &self->solids, BLOCK_solids, NULL));
    TRY(scene_freeze(self, &self->triangle_solids, BLOCK_triangle_solids, NULL));
    TRY(scene_make_placements(self));
    TRY(scene_make_tables(self));
#define X(name, type) view->name = self->blocks[BLOCK_##name]->data;
    SCENE_BLOCK_LIST(X)
#undef X
    view->grid.low_nm = (float)self->grid.low_nm;
    view->grid.step_nm = (float)self->grid.step_nm;
    view->grid.inverse_step = (float)(1.0 / self->grid.step_nm);
    view->grid.n = self->grid.n;
    view->tree = TREE_BRUTE;
    view->n_placements = (uint32_t)self->placements.n;
    view->n_materials = (uint32_t)self->materials.n;
    view->n_surfaces = (uint32_t)self->coatings.n;
    view->n_solids = (uint32_t)self->solids.n;
    TRY(scene_make_bounds(self));
out:
    return status;
}

/** Adds a triangle's doubled area and area-weighted corner sum to a solid's four numbers. */
static void
centroid_add(double *sum, const vec3 corner[3])
{
    const vec3 u = vec3_sub(corner[1], corner[0]);
    const vec3 v = vec3_sub(corner[2], corner[0]);
    const double x = (double)u.y * (double)v.z - (double)u.z * (double)v.y;
    const double y = (double)u.z * (double)v.x - (double)u.x * (double)v.z;
    const double z = (double)u.x * (double)v.y - (double)u.y * (double)v.x;
    const double area = sqrt(x * x + y * y + z * z);
    sum[0] += area * ((double)corner[0].x + (double)corner[1].x + (double)corner[2].x);
    sum[1] += area * ((double)corner[0].y + (double)corner[1].y + (double)corner[2].y);
    sum[2] += area * ((double)corner[0].z + (double)corner[1].z + (double)corner[2].z);
    sum[3] += area;
}

/** Where solids are, and how many channels there are. */
static chroma2_status
scene_place_solids(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    const scene_view *const view = &self->view;
    const placement_source *const sources = self->placements.data;
    double *const sums = calloc((size_t)view->n_solids + 1, 4 * sizeof *sums);
    REQUIRE(sums != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %u solids", view->n_solids);
    self->solid_positions = calloc((size_t)view->n_solids + 1, 3 * sizeof(double));
    REQUIRE(self->solid_positions != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %u solids",
        view->n_solids);
    for (uint32_t p = 0; p < view->n_placements; ++p) {
        const placement_record *const placed = view->placements + p;
        if ((placed->flags & PLACEMENT_WORLD) == 0) {
            memcpy(self->solid_positions + 3 * (size_t)placed->solid_index, sources[p].position_mm,
                3 * sizeof(double));
            continue;
        }
        for (uint32_t i = 0; i < placed->n_triangles; ++i) {
            vec3 corner[3];
            scene_corners(view, placed, i, corner);
            centroid_add(sums + 4 * (size_t)scene_solid_of(view, placed, i), corner);
        }
    }
    self->n_channels = 0;
    for (size_t i = 0; i < view->n_solids; ++i) {
        const uint32_t after = (uint32_t)(view->solids[i].channel_index + 1);
        self->n_channels = after > self->n_channels ? after : self->n_channels;
        for (size_t axis = 0; axis < 3 && sums[4 * i + 3] > 0.0; ++axis) {
            self->solid_positions[3 * i + axis] = sums[4 * i + axis] / (3.0 * sums[4 * i + 3]);
        }
    }
out:
    free(sums);
    return status;
}

/** Whether trees would see the same as in the earlier scene: which is, of the same buffers. */
static bool
scene_keeps_trees(const chroma2_scene *self)
{
    const chroma2_scene *const earlier = self->earlier;
    return earlier != NULL && earlier->blocks[BLOCK_vertices] == self->blocks[BLOCK_vertices] &&
           earlier->blocks[BLOCK_triangles] == self->blocks[BLOCK_triangles] &&
           earlier->blocks[BLOCK_placements] == self->blocks[BLOCK_placements];
}

/** Trees. A mesh of the earlier scene keeps its tree, since an edit only adds meshes. */
static chroma2_status
scene_build_trees(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    const mesh *const meshes = self->meshes.data;
    chroma2_scene *const earlier = self->earlier;
    const uint32_t n = (uint32_t)self->meshes.n;
    if (scene_keeps_trees(self)) {
        atomic_fetch_add_relaxed_u32(&earlier->trees->references, 1);
        self->trees = earlier->trees;
        return CHROMA2_OK;
    }
    mesh_range *const ranges = malloc(n * sizeof *ranges);
    uint32_t *const from = malloc(n * sizeof *from);
    self->trees = calloc(1, sizeof *self->trees);
    REQUIRE(ranges != NULL && from != NULL && self->trees != NULL, CHROMA2_OUT_OF_MEMORY,
        "no memory for trees");
    self->trees->references = 1;
    for (uint32_t i = 0; i < n; ++i) {
        ranges[i].first_triangle = meshes[i].first_triangle;
        ranges[i].n_triangles = meshes[i].n_triangles;
        from[i] = earlier != NULL && i < earlier->meshes.n ? i : NO_PRIMITIVE;
    }
    const scene_trees_reuse reuse = {earlier == NULL ? NULL : earlier->trees->trees, from};
    const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    const uint32_t n_threads = self->options.n_threads != 0 ? self->options.n_threads
                               : n_cores > 0                ? (uint32_t)n_cores
                                                            : 1u;
    TRY(scene_trees_build(
        &self->view, ranges, n, n_threads, earlier == NULL ? NULL : &reuse, &self->trees->trees));
out:
    free(ranges);
    free(from);
    return status;
}

/** Media by first appearance: which media are the same one matters, their numbers do not. */
typedef struct medium_order {
    uint32_t *place; // [n_materials], 0: not met yet
    uint32_t n;
} medium_order;

static void
medium_digest(const chroma2_scene *self, uint32_t medium, medium_order *order, sha256 *digest)
{
    material *const *const materials = self->materials.data;
    if (order->place[medium] == 0) {
        order->place[medium] = ++order->n;
    }
    sha256_update_u32(digest, order->place[medium]);
    sha256_update(digest, materials[medium]->sha256, SHA256_BYTES);
}

/** The content behind a mesh's interface numbers, as one placement sees it. */
static void
interfaces_digest(const chroma2_scene *self, const placement_source *source, medium_order *order,
    uint8_t out[SHA256_BYTES])
{
    const growable *const list = &((const mesh *)self->meshes.data)[source->mesh].facts->interfaces;
    coating *const *const coatings = self->coatings.data;
    sha256 digest;
    sha256_init(&digest);
    for (size_t i = 0; i < list->n; ++i) {
        const interface_record *const record =
            self->view.interfaces + source->interface_offset + ((const uint32_t *)list->data)[i];
        medium_digest(self, record->inside, order, &digest);
        medium_digest(self, record->outside, order, &digest);
        sha256_update_u32(&digest, record->surface < 0 ? 0 : 1);
        if (record->surface >= 0) {
            sha256_update(&digest, coatings[record->surface]->sha256, SHA256_BYTES);
        }
    }
    sha256_final(&digest, out);
}

/** Where a placement's solids are told apart by triangle, the numbers count from its first. */
static void
solids_digest(const chroma2_scene *self, const placement_source *source, sha256 *digest)
{
    const scene_view *const view = &self->view;
    const mesh *const of = (const mesh *)self->meshes.data + source->mesh;
    sha256_update_u32(digest, source->n_solids);
    for (uint32_t i = 0; i < source->n_solids; ++i) {
        const solid_record *const solid = view->solids + source->solid_index + i;
        sha256_update_u32(digest, solid->solid_id);
        sha256_update_u32(digest, (uint32_t)solid->channel_index);
        sha256_update_u32(digest, (uint32_t)solid->channel_id);
        sha256_update_u32(digest, solid->efficiency_index);
    }
    for (uint32_t i = 0; i < of->n_triangles && source->triangle_solid != NO_PRIMITIVE; ++i) {
        sha256_update_u32(
            digest, view->triangle_solids[source->triangle_solid + i] - source->solid_index);
    }
}

/** Placements in order, each with its content spelled out: numbering, names and what is unused do
 *  not enter. */
static chroma2_status
scene_digest(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    const placement_source *const sources = self->placements.data;
    const mesh *const meshes = self->meshes.data;
    uint8_t interfaces[SHA256_BYTES] = {0};
    medium_order order = {calloc(self->materials.n, sizeof(uint32_t)), 0};
    sha256 digest;
    REQUIRE(order.place != NULL, CHROMA2_OUT_OF_MEMORY, "no memory to hash a scene");
    sha256_init(&digest);
    sha256_update(&digest, "chroma2 scene 1", 15);
    sha256_update(&digest, &self->view.grid, sizeof self->view.grid);
    for (size_t i = 0; i < self->placements.n; ++i) {
        const placement_source *const source = sources + i;
        const mesh *const of = meshes + source->mesh;
        if (i == 0 || source->mesh != source[-1].mesh ||
            source->interface_offset != source[-1].interface_offset) {
            interfaces_digest(self, source, &order, interfaces);
        }
        sha256_update(&digest, of->facts->sha256, sizeof of->facts->sha256);
        sha256_update_u32(&digest, of->is_world);
        sha256_update(&digest, interfaces, sizeof interfaces);
        sha256_update(&digest, source->rotation, sizeof source->rotation);
        sha256_update(&digest, source->displacement, sizeof source->displacement);
        solids_digest(self, source, &digest);
    }
    sha256_final(&digest, self->hash);
out:
    free(order.place);
    return status;
}

static chroma2_status
scene_make(chroma2_scene *self)
{
    chroma2_status status = CHROMA2_OK;
    growable open = {.item_bytes = sizeof(scene_edge)};
    const double begin = scene_clock_s();
    TRY(scene_check_numbers(self));
    TRY(scene_look_at_meshes(self));
    TRY(scene_make_view(self));
    TRY(scene_place_solids(self));
    TRY(scene_check_surfaces(self, &open));
    const double checked = scene_clock_s();
    TRY(scene_build_trees(self));
    const double built = scene_clock_s();
    TRY(scene_check_openings(self, &open));
    TRY(scene_digest(self));
    const double end = scene_clock_s();
    self->tree_s = built - checked;
    self->commit_s = end - begin;
    self->check_s = self->commit_s - self->tree_s;
    if (self->options.strict != 0 && self->n_warnings > 0) {
        status = CHROMA2_INVALID_SCENE; // the detail is the first warning
    }
out:
    growable_reset(&open);
    return status;
}

chroma2_status
scene_commit(chroma2_scene *scene)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(scene->is_committed == 0, CHROMA2_WRONG_STATE, "the scene is committed already");
    scene_forget_commit(scene);
    TRY(scene_make(scene));
    scene->is_committed = 1;
    scene_destroy(scene->earlier);
    scene->earlier = NULL;
out:
    if (status != CHROMA2_OK && status != CHROMA2_WRONG_STATE) {
        scene_forget_buffers(scene);
    }
    return status;
}
