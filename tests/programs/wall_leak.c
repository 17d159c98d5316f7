/* SPDX-License-Identifier: BSD-3-Clause */
/** Bounces photons within closed walls that absorb one in 10,000 and looks for those that get out.
 *
 *      wall_leak [wall hits a case = 1e7] [threads = 1] [law | all | number of a case] [seed = 1]
 *                [tree = 4]
 *
 *  exit 1 if a photon leaks or meets a wall from outside, or if STUCK is above 1e-9 a hit. Of the
 *  last case, a sharper edge than photons can be promised to leave, only the numbers are shown. */
#include "stat/physics_fixture.h"

#include <pthread.h>

#define N_CASES     13
#define N_LAW_CASES 4
#define MAX_THREADS 256

typedef struct leak_case {
    const char *name;
    float half_mm; // half size
    float away_mm; // of the centre from the origin, along each axis
    float scatter_mm;
} leak_case;

/* The first four are the law; the others are harder. */
static const leak_case cases[N_CASES] = {
    {"box", 1000.0f, 0.0f, 1e30f},
    {"box", 1000.0f, 20000.0f, 1e30f},
    {"sphere", 1000.0f, 0.0f, 1e30f},
    {"sphere", 1000.0f, 20000.0f, 1e30f},
    {"fine box", 1000.0f, 20000.0f, 1e30f},
    {"box", 5.0f, 20000.0f, 1e30f},
    {"sphere", 5.0f, 20000.0f, 1e30f},
    {"cylinder", 500.0f, 20000.0f, 1e30f},
    {"box", 1000.0f, 20000.0f, 300.0f},
    {"sphere", 2.0f, 20000.0f, 0.1f},
    {"box", 1.0f, 20000.0f, 0.01f}, // scatters within the zone
    {"wedge 20 deg", 500.0f, 20000.0f, 1e30f},
    {"wedge 5 deg", 500.0f, 20000.0f, 1e30f},
};

typedef struct leak_counts {
    uint64_t hits, leaks, mismatches, stuck, zero_length, faults, photons;
} leak_counts;

typedef struct leak_worker {
    pthread_t thread;
    const physics_fixture *fixture;
    vec3 centre;
    uint64_t first_photon, stride, hits_wanted;
    leak_counts counts;
} leak_worker;

/** A prism whose edge along z has a small dihedral angle, closed. */
static toy_mesh
make_wedge(float half, float slope)
{
    toy_mesh mesh = toy_box(vec3_make(-half, -half, -half), vec3_make(half, half, half), 1);
    /* Flatten the box to a wedge: y from -(x + half) slope / 2 to +; at x = -half both sides meet.
     */
    for (uint32_t i = 0; i < mesh.n_vertices; i++) {
        float *const v = mesh.vertices + 3 * (size_t)i;
        v[1] = v[1] > 0.0f ? slope * (v[0] + half) * 0.5f : slope * (v[0] + half) * -0.5f;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < mesh.n_triangles; i++) { // drop the side that became a line
        const uint32_t *const t = mesh.triangles + 3 * (size_t)i;
        if (mesh.vertices[3 * t[0]] < 0.0f && mesh.vertices[3 * t[1]] < 0.0f &&
            mesh.vertices[3 * t[2]] < 0.0f) {
            continue;
        }
        memmove(mesh.triangles + 3 * (size_t)n++, t, 3 * sizeof *t);
    }
    mesh.n_triangles = n;
    return mesh;
}

static toy_mesh
make_mesh(const leak_case *wanted)
{
    const float h = wanted->half_mm;
    toy_mesh mesh;
    if (strcmp(wanted->name, "sphere") == 0) {
        mesh = toy_icosphere(h, 3);
    } else if (strcmp(wanted->name, "cylinder") == 0) {
        mesh = toy_cylinder(h, h, 96, 4);
    } else if (strncmp(wanted->name, "wedge", 5) == 0) {
        mesh = make_wedge(h, wanted->name[6] == '2' ? 0.35f : 0.0875f);
    } else {
        mesh = toy_box(vec3_make(-h, -h, -h), vec3_make(h, h, h), wanted->name[0] == 'f' ? 16 : 1);
    }
    toy_mesh_move(&mesh, vec3_make(wanted->away_mm, wanted->away_mm, wanted->away_mm));
    return mesh;
}

static void
bounce(leak_worker *worker, uint64_t id)
{
    const physics_fixture *const f = worker->fixture;
    leak_counts *const counts = &worker->counts;
    const random4 words = draw(f->context.key, 7, id, 0, 0, 60, 0);
    photon p = fixture_photon(
        id, worker->centre, isotropic_direction(uniform(words.w[0]), uniform(words.w[1])));
    counts->photons++;
    while (!photon_has_ended(&p) && photon_step(&p) + 1 < MAX_STEPS_LIMIT) {
        const step_report report = fixture_step(f, &p);
        counts->hits += report.process != PROCESS_RAYLEIGH;
        counts->mismatches += report.mismatch;
        counts->zero_length += report.zero_length;
        counts->stuck += report.process == PROCESS_STUCK;
        counts->faults += report.process == PROCESS_NAN_ABORT;
        if (report.process == PROCESS_NO_HIT || photon_medium(&p) != FIXTURE_INSIDE) {
            counts->leaks++;
            if (counts->leaks < 4) {
                printf("  leak: photon %llu step %u at %a %a %a\n", (unsigned long long)id,
                    photon_step(&p), (double)p.x_mm, (double)p.y_mm, (double)p.z_mm);
            }
            return;
        }
    }
}

static void *
worker_run(void *argument)
{
    leak_worker *const worker = argument;
    for (uint64_t id = worker->first_photon; worker->counts.hits < worker->hits_wanted;
         id += worker->stride) {
        bounce(worker, id);
    }
    return NULL;
}

static leak_counts
run_case(const leak_case *wanted, uint64_t hits, uint32_t n_threads, uint64_t seed, uint32_t tree)
{
    static leak_worker workers[MAX_THREADS];
    physics_fixture *const f = fixture_create(make_mesh(wanted), tree);
    const float a = wanted->away_mm;
    leak_counts sum = {0, 0, 0, 0, 0, 0, 0};
    f->surfaces[0] = fixture_surface(f, 1e-4f, 0.0f, 0.5f, 0.4999f);
    f->interfaces[0].surface = 0;
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1e30f, wanted->scatter_mm);
    f->context.key = key_from_seed(seed);
    for (uint32_t i = 0; i < n_threads; i++) {
        memset(&workers[i], 0, sizeof workers[i]);
        workers[i].fixture = f;
        workers[i].centre = vec3_make(a, a, a);
        workers[i].first_photon = i;
        workers[i].stride = n_threads;
        workers[i].hits_wanted = hits / n_threads;
        if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]) != 0) {
            abort();
        }
    }
    for (uint32_t i = 0; i < n_threads; i++) {
        pthread_join(workers[i].thread, NULL);
        sum.hits += workers[i].counts.hits;
        sum.leaks += workers[i].counts.leaks;
        sum.mismatches += workers[i].counts.mismatches;
        sum.stuck += workers[i].counts.stuck;
        sum.zero_length += workers[i].counts.zero_length;
        sum.faults += workers[i].counts.faults;
        sum.photons += workers[i].counts.photons;
    }
    fixture_destroy(f);
    return sum;
}

int
main(int n_arguments, char **arguments)
{
    const uint64_t hits = n_arguments > 1 ? (uint64_t)strtod(arguments[1], NULL) : 10000000u;
    const uint32_t threads = n_arguments > 2 ? (uint32_t)atoi(arguments[2]) : 1;
    const char *const which = n_arguments > 3 ? arguments[3] : "law";
    const uint64_t seed = n_arguments > 4 ? strtoull(arguments[4], NULL, 0) : 1;
    const uint32_t tree = n_arguments > 5 ? (uint32_t)atoi(arguments[5]) : TREE_WIDE4;
    const bool is_one = which[0] >= '0' && which[0] <= '9';
    const int first = is_one ? atoi(which) : 0;
    const int end = is_one ? first + 1 : (strcmp(which, "all") == 0 ? N_CASES : N_LAW_CASES);
    int is_bad = 0;
    printf("seed %llu\n", (unsigned long long)seed);
    for (int i = first; i < end && i < N_CASES; i++) {
        const leak_counts c =
            run_case(&cases[i], hits, threads < MAX_THREADS ? threads : MAX_THREADS, seed, tree);
        const bool fails =
            c.leaks + c.mismatches + c.faults > 0 || (double)c.stuck > 1e-9 * (double)c.hits;
        printf("%d %-12s half %4g mm, %5g mm away, scatters in %g mm: %llu hits, %llu photons, "
               "%llu leaks, "
               "%llu mismatches, %llu stuck, %llu faults, %llu of zero length%s\n",
            i, cases[i].name, (double)cases[i].half_mm, (double)cases[i].away_mm,
            (double)cases[i].scatter_mm, (unsigned long long)c.hits, (unsigned long long)c.photons,
            (unsigned long long)c.leaks, (unsigned long long)c.mismatches,
            (unsigned long long)c.stuck, (unsigned long long)c.faults,
            (unsigned long long)c.zero_length, fails ? "  BAD" : "");
        fflush(stdout);
        is_bad |= fails && i < N_CASES - 1;
    }
    return is_bad;
}
