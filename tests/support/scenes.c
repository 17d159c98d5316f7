/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/scenes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scene_parts.h"

static vec3
corner(float value)
{
    return vec3_make(value, value, value);
}

/** The box of the reference scene S3, cells in any order: channel by position. */
static void
build_larbox(chroma2_scene *scene)
{
    const uint32_t lar = part_medium(scene, "lar", 1.3, 20000.0, 900.0);
    const uint32_t vacuum = part_medium(scene, "vacuum", 1.0, HUGE_VAL, HUGE_VAL);
    const int32_t wall = part_surface(scene, "wall", 0.3, 0.2, 0.5, 0.0);
    const uint32_t interface = part_interface(scene, lar, vacuum, wall);
    toy_mesh mesh = toy_box(corner(-1000.0f), corner(1000.0f), 8);
    chroma2_solid solids[96];
    uint32_t *const solid_of = calloc(mesh.n_triangles, sizeof *solid_of);
    for (int i = 0; i < 96; ++i) {
        solids[i] = chroma2_solid_default();
        solids[i].solid_id = (uint32_t)i;
        solids[i].channel_index = i;
        solids[i].channel_id = 1000 + i;
    }
    for (uint32_t i = 0; i < mesh.n_triangles; ++i) {
        solid_of[i] = i / (mesh.n_triangles / 96);
    }
    chroma2_world_solid solid = chroma2_world_solid_default();
    solid.vertices = mesh.vertices;
    solid.n_vertices = mesh.n_vertices;
    solid.triangles = mesh.triangles;
    solid.n_triangles = mesh.n_triangles;
    solid.interface_offset = interface;
    solid.solid_of_triangle = solid_of;
    solid.solids = solids;
    solid.n_solids = 96;
    PART_MUST(chroma2_scene_add_solid(scene, &solid, NULL));
    free(solid_of);
    toy_mesh_reset(&mesh);
}

/** One dome: a glass sphere around a vacuum sphere, whose upper half detects. */
static toy_mesh
dome_mesh(uint32_t *interfaces, uint32_t capacity)
{
    toy_mesh glass = toy_icosphere(127.0f, 1);
    toy_mesh inside = toy_icosphere(117.0f, 1);
    const uint32_t n_glass = glass.n_triangles;
    toy_mesh_append(&glass, &inside);
    for (uint32_t i = 0; i < glass.n_triangles && i < capacity; ++i) {
        const uint32_t *const t = glass.triangles + 3 * i;
        const float z = glass.vertices[3 * t[0] + 2] + glass.vertices[3 * t[1] + 2] +
                        glass.vertices[3 * t[2] + 2];
        interfaces[i] = i < n_glass ? 0u : (z > 0.0f ? 1u : 2u);
    }
    toy_mesh_reset(&inside);
    return glass;
}

static void
build_tank(chroma2_scene *scene, bool is_flat)
{
    const uint32_t water = part_medium(scene, "water", 1.34, 40000.0, 90000.0);
    const uint32_t glass = part_medium(scene, "glass", 1.48, 1000.0, HUGE_VAL);
    const uint32_t vacuum = part_medium(scene, "vacuum", 1.0, HUGE_VAL, HUGE_VAL);
    const int32_t black = part_surface(scene, "black", 1.0, 0.0, 0.0, 0.0);
    const int32_t cathode = part_surface(scene, "photocathode", 0.55, 0.25, 0.1, 0.1);
    const uint32_t first = part_interface(scene, glass, water, -1);
    part_interface(scene, vacuum, glass, cathode);
    part_interface(scene, vacuum, glass, black);
    const uint32_t wall = part_interface(scene, water, vacuum, black);
    part_world(scene, toy_box(corner(-2500.0f), corner(2500.0f), 3), wall, -1);
    uint32_t interfaces[256];
    toy_mesh dome = dome_mesh(interfaces, 256);
    uint32_t mesh = 0;
    if (!is_flat) {
        PART_MUST(chroma2_scene_add_mesh(scene, dome.vertices, dome.n_vertices, dome.triangles,
            dome.n_triangles, interfaces, &mesh));
    }
    toy_random random = {7};
    for (int i = 0; i < 72; ++i) {
        float rotation[9];
        toy_rotation(&random, rotation);
        chroma2_instance instance = chroma2_instance_default();
        chroma2_world_solid solid = chroma2_world_solid_default();
        const int axis = i / 24;
        const double side = i / 12 % 2 == 0 ? -2300.0 : 2300.0;
        const double u = (double)(i % 4) * 1000.0 - 1500.0;
        const double v = (double)(i / 4 % 3) * 1500.0 - 1500.0;
        for (int k = 0; k < 9; ++k) {
            instance.rotation[k] = (double)rotation[k];
        }
        instance.displacement_mm[axis] = side;
        instance.displacement_mm[(axis + 1) % 3] = u;
        instance.displacement_mm[(axis + 2) % 3] = v;
        instance.interface_offset = first;
        instance.mesh = mesh;
        instance.solid.channel_index = i;
        instance.solid.channel_id = i;
        if (!is_flat) {
            PART_MUST(chroma2_scene_add_instance(scene, &instance, NULL));
            continue;
        }
        solid.vertices = dome.vertices;
        solid.n_vertices = dome.n_vertices;
        solid.triangles = dome.triangles;
        solid.n_triangles = dome.n_triangles;
        solid.interface_of_triangle = interfaces;
        solid.interface_offset = first;
        memcpy(solid.rotation, instance.rotation, sizeof solid.rotation);
        memcpy(solid.displacement_mm, instance.displacement_mm, sizeof solid.displacement_mm);
        solid.solid = instance.solid;
        PART_MUST(chroma2_scene_add_solid(scene, &solid, NULL));
    }
    toy_mesh_reset(&dome);
}

/** A medium that re-emits with a yield; two absorbers, of which the second is inert. */
static uint32_t
add_scintillator(chroma2_scene *scene, double absorption_mm, double inert_mm, double yield)
{
    static const double nm[4] = {380.0, 420.0, 440.0, 520.0};
    static const double cdf[4] = {0.0, 0.4, 0.8, 1.0};
    static const double ns[3] = {0.0, 3.0, 12.0};
    static const double delay[3] = {0.0, 0.7, 1.0};
    const double none = 0.0;
    const double index = 1.5;
    const double total_mm = 1.0 / (1.0 / absorption_mm + 1.0 / inert_mm);
    const double scattering_mm = 8000.0;
    chroma2_component components[2] = {chroma2_component_default(), chroma2_component_default()};
    components[0].absorption_length_mm = part_constant(&absorption_mm);
    components[0].reemission_yield = part_constant(&yield);
    components[0].reemission_wavelength_cdf.x = nm;
    components[0].reemission_wavelength_cdf.y = cdf;
    components[0].reemission_wavelength_cdf.n = 4;
    components[0].reemission_delay_cdf.x = ns;
    components[0].reemission_delay_cdf.y = delay;
    components[0].reemission_delay_cdf.n = 3;
    components[1].absorption_length_mm = part_constant(&inert_mm);
    components[1].reemission_yield = part_constant(&none);
    chroma2_material m = chroma2_material_default();
    uint32_t number = 0;
    m.name = "scintillator";
    m.refractive_index = part_constant(&index);
    m.absorption_length_mm = part_constant(&total_mm);
    m.scattering_length_mm = part_constant(&scattering_mm);
    m.components = components;
    m.n_components = 2;
    PART_MUST(chroma2_scene_add_material(scene, &m, &number));
    return number;
}

static void
build_spheres(chroma2_scene *scene)
{
    const uint32_t scintillator = add_scintillator(scene, 400.0, 5000.0, 0.6);
    const uint32_t acrylic = part_medium(scene, "acrylic", 1.49, 2000.0, HUGE_VAL);
    const uint32_t water = part_medium(scene, "water", 1.34, 40000.0, 90000.0);
    const uint32_t vacuum = part_medium(scene, "vacuum", 1.0, HUGE_VAL, HUGE_VAL);
    const int32_t perfect = part_surface(scene, "perfect", 0.0, 1.0, 0.0, 0.0);
    part_world(
        scene, toy_icosphere(1000.0f, 2), part_interface(scene, scintillator, acrylic, -1), -1);
    part_world(scene, toy_icosphere(1050.0f, 2), part_interface(scene, acrylic, water, -1), -1);
    part_world(scene, toy_icosphere(2000.0f, 2), part_interface(scene, water, vacuum, perfect), 0);
}

static void
build_cascade(chroma2_scene *scene)
{
    const uint32_t medium = add_scintillator(scene, 700.0, 900.0, 3.0);
    const uint32_t vacuum = part_medium(scene, "vacuum", 1.0, HUGE_VAL, HUGE_VAL);
    const int32_t wall = part_surface(scene, "wall", 0.2, 0.4, 0.4, 0.0);
    part_world(scene, toy_box(corner(-1000.0f), corner(1000.0f), 2),
        part_interface(scene, medium, vacuum, wall), 0);
}

static void
build_inconsistent(chroma2_scene *scene)
{
    const uint32_t water = part_medium(scene, "water", 1.34, 3000.0, 2000.0);
    const uint32_t glass = part_medium(scene, "glass", 1.48, 1000.0, 5000.0);
    const uint32_t oil = part_medium(scene, "oil", 1.45, 1500.0, 1500.0);
    const int32_t wall = part_surface(scene, "wall", 0.3, 0.3, 0.4, 0.0);
    part_world(scene, toy_box(corner(-1000.0f), corner(1000.0f), 2),
        part_interface(scene, water, oil, wall), 0);
    part_world(scene, toy_box(corner(-400.0f), corner(350.0f), 2),
        part_interface(scene, glass, oil, -1), -1); // water surrounds it, not oil
}

static void
build_open(chroma2_scene *scene)
{
    const uint32_t water = part_medium(scene, "water", 1.34, 3000.0, 2000.0);
    const uint32_t vacuum = part_medium(scene, "vacuum", 1.0, 5000.0, HUGE_VAL);
    const int32_t wall = part_surface(scene, "wall", 0.3, 0.3, 0.4, 0.0);
    toy_mesh mesh = toy_box(corner(-1000.0f), corner(1000.0f), 2);
    mesh.n_triangles -= mesh.n_triangles / 6; // the last face is missing
    part_world(scene, mesh, part_interface(scene, water, vacuum, wall), 0);
}

static void
build_wide(chroma2_scene *scene)
{
    const uint32_t vacuum = part_medium(scene, "vacuum", 1.0, HUGE_VAL, HUGE_VAL);
    const int32_t black = part_surface(scene, "black", 1.0, 0.0, 0.0, 0.0);
    part_world(scene, toy_box(corner(-1000.0f), corner(1000.0f), 1),
        part_interface(scene, vacuum, vacuum, black), -1);
}

/** A ball whose surface has a model, at a place of its own. */
static void
add_model_ball(chroma2_scene *scene, uint32_t inside, uint32_t outside, chroma2_surface surface,
    float x_mm, float y_mm, float z_mm, int32_t channel)
{
    uint32_t number = 0;
    surface.name = surface.model;
    PART_MUST(chroma2_scene_add_surface(scene, &surface, &number));
    toy_mesh ball = toy_icosphere(200.0f, 2);
    toy_mesh_move(&ball, vec3_make(x_mm, y_mm, z_mm));
    part_world(scene, ball, part_interface(scene, inside, outside, (int32_t)number), channel);
}

static uint32_t
add_cloudy_water(chroma2_scene *scene)
{
    static const double index = 1.34, absorption = 20000.0, scattering = 9000.0, mie = 2500.0;
    static const double g = 0.85;
    chroma2_material m = chroma2_material_default();
    uint32_t number = 0;
    m.name = "cloudy water";
    m.refractive_index = part_constant(&index);
    m.absorption_length_mm = part_constant(&absorption);
    m.scattering_length_mm = part_constant(&scattering);
    m.mie_length_mm = part_constant(&mie);
    m.mie_g = part_constant(&g);
    PART_MUST(chroma2_scene_add_material(scene, &m, &number));
    return number;
}

static void
build_models(chroma2_scene *scene)
{
    static const double eta = 2.7, k = 1.5, detect = 0.6, diffuse = 0.3, absorb = 0.5, one = 0.9;
    static const double shift_nm[3] = {400.0, 450.0, 520.0}, rise[3] = {0.0, 0.7, 1.0};
    static const double delay_ns[3] = {0.0, 2.0, 9.0};
    static const double angles[4] = {0.0, 0.5, 1.0, 1.4};
    static const double third[4] = {0.2, 0.3, 0.35, 0.4};
    const uint32_t water = add_cloudy_water(scene);
    const uint32_t air = part_medium(scene, "air", 1.0, 1e30, 1e30);
    const uint32_t glass = part_medium(scene, "glass", 1.5, 4000.0, 1e30);
    const int32_t white = part_surface(scene, "white", 0.05, 0.0, 0.8, 0.15);
    const chroma2_named_table film[4] = {{"eta", part_constant(&eta)}, {"k", part_constant(&k)},
        {"detect", part_constant(&detect)}, {"reflect_diffuse", part_constant(&diffuse)}};
    const chroma2_named_table shifter[4] = {{"absorb", part_constant(&absorb)},
        {"reemit", part_constant(&one)}, {"reflect_diffuse", part_constant(&third[0])},
        {"reflect_specular", part_constant(&third[0])}};
    const chroma2_table rows[4] = {part_constant(third), part_constant(third + 1),
        part_constant(third + 2), part_constant(third + 3)};
    const chroma2_angle_table by_angle[2] = {{"reflect", rows}, {"transmit", rows}};
    const chroma2_named_value values[4] = {{"thickness_nm", 20.0}, {"transmissive", 1.0},
        {"fill_factor", 0.8}, {"dead_reflect_diffuse", 0.5}};
    chroma2_surface s = chroma2_surface_default();
    part_world(scene, toy_box(corner(-1000.0f), corner(1000.0f), 2),
        part_interface(scene, water, air, white), -1);
    s.tables = film;
    s.n_tables = 4;
    s.values = values;
    s.n_values = 2;
    s.model = "complex";
    add_model_ball(scene, air, water, s, -600.0f, -600.0f, 0.0f, 0);
    s.faces = CHROMA2_FACES_INSIDE_ONLY;
    add_model_ball(scene, glass, water, s, -600.0f, 0.0f, 0.0f, 1);
    s.faces = CHROMA2_FACES_BOTH;
    s.n_values = 0;
    s.model = "dielectric_metal";
    add_model_ball(scene, air, water, s, -600.0f, 600.0f, 0.0f, 2);
    s.tables = shifter;
    s.reemission_cdf.x = shift_nm;
    s.reemission_cdf.y = rise;
    s.reemission_cdf.n = 3;
    s.reemission_delay_cdf.x = delay_ns;
    s.reemission_delay_cdf.y = rise;
    s.reemission_delay_cdf.n = 3;
    s.model = "wls";
    add_model_ball(scene, glass, water, s, 0.0f, 0.0f, 0.0f, 3);
    s = chroma2_surface_default();
    s.angles_rad = angles;
    s.n_angles = 4;
    s.angle_tables = by_angle;
    s.n_angle_tables = 2;
    s.model = "dichroic";
    add_model_ball(scene, glass, water, s, 600.0f, -600.0f, 0.0f, 4);
    s.n_angle_tables = 3;
    s.model = "angular";
    static const double less[4] = {0.2, 0.2, 0.2, 0.3};
    const chroma2_table less_rows[4] = {part_constant(less), part_constant(less + 1),
        part_constant(less + 2), part_constant(less + 3)};
    const chroma2_angle_table angular[3] = {
        {"transmit", less_rows}, {"reflect_specular", rows}, {"reflect_diffuse", less_rows}};
    s.angle_tables = angular;
    add_model_ball(scene, air, water, s, 600.0f, 0.0f, 0.0f, 5);
    const chroma2_angle_table sipm[3] = {by_angle[0], by_angle[1], {"relative_pde", rows}};
    s.angle_tables = sipm;
    s.values = values + 2;
    s.n_values = 2;
    s.model = "sipm_empirical";
    add_model_ball(scene, glass, water, s, 600.0f, 600.0f, 0.0f, 6);
}

static void
build_tank_instanced(chroma2_scene *scene)
{
    build_tank(scene, false);
}

static void
build_tank_flat(chroma2_scene *scene)
{
    build_tank(scene, true);
}

chroma2_scene *
test_scene(const char *name)
{
    static const struct {
        const char *name;
        void (*build)(chroma2_scene *scene);
    } builders[] = {{"larbox", build_larbox}, {"tank", build_tank_instanced},
        {"tank_flat", build_tank_flat}, {"spheres", build_spheres}, {"cascade", build_cascade},
        {"inconsistent", build_inconsistent}, {"open", build_open}, {"wide", build_wide},
        {"models", build_models}};
    for (size_t i = 0; i < sizeof builders / sizeof builders[0]; ++i) {
        if (strcmp(builders[i].name, name) == 0) {
            chroma2_scene *scene = NULL;
            PART_MUST(chroma2_scene_create(NULL, &scene));
            builders[i].build(scene);
            PART_MUST(chroma2_scene_commit(scene));
            return scene;
        }
    }
    fprintf(stderr, "there is no test scene \"%s\"\n", name);
    abort();
}

chroma2_scene *
test_scene_tank(uint32_t n_instances)
{
    chroma2_scene *scene = NULL;
    PART_MUST(chroma2_scene_create(NULL, &scene));
    const uint32_t water = part_medium(scene, "water", 1.34, 40000.0, 90000.0);
    const uint32_t glass = part_medium(scene, "glass", 1.48, 1000.0, HUGE_VAL);
    const uint32_t vacuum = part_medium(scene, "vacuum", 1.0, HUGE_VAL, HUGE_VAL);
    const int32_t black = part_surface(scene, "black", 1.0, 0.0, 0.0, 0.0);
    const uint32_t first = part_interface(scene, glass, water, -1);
    part_interface(scene, vacuum, glass, black);
    part_interface(scene, vacuum, glass, black);
    const uint32_t wall = part_interface(scene, water, vacuum, black);
    part_world(scene, toy_box(corner(-20000.0f), corner(20000.0f), 1), wall, -1);
    uint32_t interfaces[256];
    toy_mesh dome = dome_mesh(interfaces, 256);
    uint32_t mesh = 0;
    PART_MUST(chroma2_scene_add_mesh(scene, dome.vertices, dome.n_vertices, dome.triangles,
        dome.n_triangles, interfaces, &mesh));
    for (uint32_t i = 0; i < n_instances; ++i) {
        chroma2_instance instance = chroma2_instance_default();
        instance.mesh = mesh;
        instance.interface_offset = first;
        instance.displacement_mm[0] = (double)(i % 50) * 600.0 - 15000.0;
        instance.displacement_mm[1] = (double)(i / 50) * 600.0 - 15000.0;
        instance.solid.channel_index = (int32_t)i;
        PART_MUST(chroma2_scene_add_instance(scene, &instance, NULL));
    }
    toy_mesh_reset(&dome);
    PART_MUST(chroma2_scene_commit(scene));
    return scene;
}

chroma2_scene *
test_scene_tank_water(const chroma2_scene *tank, double absorption_mm)
{
    chroma2_scene *edited = NULL;
    chroma2_material water = chroma2_material_default();
    const double index = 1.34, scattering_mm = 90000.0;
    water.name = "water";
    water.refractive_index = part_constant(&index);
    water.absorption_length_mm = part_constant(&absorption_mm);
    water.scattering_length_mm = part_constant(&scattering_mm);
    PART_MUST(chroma2_scene_edit(tank, &edited));
    PART_MUST(chroma2_scene_set_material(edited, 0, &water));
    PART_MUST(chroma2_scene_commit(edited));
    return edited;
}

chroma2_scene *
test_scene_tank_moved(const chroma2_scene *tank, double by_mm)
{
    chroma2_scene *edited = NULL;
    const double upright[9] = {1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0};
    const double place[3] = {-15000.0, -15000.0, by_mm};
    PART_MUST(chroma2_scene_edit(tank, &edited));
    PART_MUST(chroma2_scene_set_instance_transform(edited, 1, upright, place));
    PART_MUST(chroma2_scene_commit(edited));
    return edited;
}

chroma2_source
test_scene_source(const char *name, uint64_t n_photons)
{
    chroma2_source source = chroma2_source_default();
    source.n_photons = n_photons;
    source.position_mm[0] = 13.0;
    source.position_mm[1] = -7.0;
    source.position_mm[2] = 510.0;
    source.wavelength_nm[0] = strcmp(name, "larbox") == 0 ? 128.0 : 370.0;
    return source;
}
