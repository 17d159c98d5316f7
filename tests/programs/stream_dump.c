/* SPDX-License-Identifier: BSD-3-Clause */
/** Writes random words in the order in which light uses them, raw and without end, for batteries of
 *  tests that read a pipe:
 *
 *      stream_dump photons [seed = 1] [words = 0, no end] | dieharder -a -g 200
 *      stream_dump across  [seed = 1] [words = 0, no end] | dieharder -a -g 200
 *
 *  photons  every block that the stepper asks for, for photon 0 until it ends, then for photon 1
 *           and so on. The stepper is the engine's: its draws are recorded, none is imitated. A
 *           block that a step asks for twice is written once. All four words of a block are written.
 *  across   one word of one place for photons 0, 1, ..., 2^20 - 1, then the next word, then the
 *           next place: generation, then for each step what a step may draw. */
#include "base/philox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_WORDS = 1 << 14, RECENT = 16, N_ACROSS = 1 << 20 };

/* philox4x32() has no state and so no place for a recorder: this program's is global. */
static struct {
    uint32_t out[OUT_WORDS];
    uint32_t n_out;
    uint64_t n_left;                // words until the end; 0: none
    uint32_t recent[RECENT][2];     // counter words 2 and 3 of the photon's last blocks
    uint32_t n_recent, next_recent; // of them, and where the next one goes
    int is_on;
} recorder;

static void
recorder_flush(void)
{
    if (fwrite(recorder.out, sizeof(uint32_t), recorder.n_out, stdout) != recorder.n_out) {
        exit(0); // the reader has had enough
    }
    recorder.n_out = 0;
}

static void
recorder_put(uint32_t word)
{
    recorder.out[recorder.n_out++] = word;
    if (recorder.n_out == OUT_WORDS) {
        recorder_flush();
    }
    if (recorder.n_left != 0 && --recorder.n_left == 0) {
        recorder_flush();
        exit(fflush(stdout) == 0 ? 0 : 1);
    }
}

static random4
philox_recorded(random_key key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3)
{
    const random4 words = philox4x32(key, c0, c1, c2, c3);
    if (!recorder.is_on) {
        return words;
    }
    for (uint32_t i = 0; i < recorder.n_recent; i++) {
        if (recorder.recent[i][0] == c2 && recorder.recent[i][1] == c3) {
            return words;
        }
    }
    recorder.recent[recorder.next_recent][0] = c2;
    recorder.recent[recorder.next_recent][1] = c3;
    recorder.next_recent = (recorder.next_recent + 1) % RECENT;
    recorder.n_recent += recorder.n_recent < RECENT;
    for (int i = 0; i < 4; i++) {
        recorder_put(words.w[i]);
    }
    return words;
}

/* From here on, every draw of the physics passes the recorder. */
#define philox4x32 philox_recorded
#include "stat/physics_fixture.h"

/** A box of scintillating glass with a painted wall: light is scattered, absorbed, re-emitted,
 *  reflected in both ways, and refracted out, a dozen steps a photon. */
static physics_fixture *
make_scene(uint64_t seed)
{
    static const float rise[2] = {0.0f, 1.0f};
    physics_fixture *const f = fixture_create(
        toy_box(vec3_make(-300.0f, -300.0f, -300.0f), vec3_make(300.0f, 300.0f, 300.0f), 1),
        TREE_WIDE4);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1000.0f, 400.0f);
    f->materials[FIXTURE_INSIDE].n_components = 1;
    f->components[0].absorption_mm = fixture_constant(f, 1000.0f);
    f->components[0].yield = fixture_constant(f, 0.8f);
    f->components[0].wavelength_nm.first = fixture_table(f, rise, 2);
    f->components[0].wavelength_nm.n = 2;
    f->components[0].wavelength_nm.x0 = 400.0f;
    f->components[0].wavelength_nm.dx = 50.0f;
    f->surfaces[0] = fixture_surface(f, 0.05f, 0.0f, 0.5f, 0.25f);
    f->interfaces[0].surface = 0;
    f->context.key = key_from_seed(seed);
    return f;
}

static void
dump_photons(uint64_t seed)
{
    physics_fixture *const f = make_scene(seed);
    source_record source;
    memset(&source, 0, sizeof source);
    source.kind = SOURCE_ISOTROPIC;
    source.wavelength_nm[0] = source.wavelength_nm[1] = 400.0f;
    source.time_law = LAW_FIXED;
    recorder.is_on = 1;
    for (uint64_t id = 0;; id++) {
        recorder.n_recent = recorder.next_recent = 0;
        photon p = source_photon(&f->context, &source, f->tables, 1, id);
        while (!photon_has_ended(&p)) {
            fixture_step(f, &p);
        }
    }
}

static void
dump_place(random_key key, uint32_t step, uint32_t purpose, uint32_t block)
{
    for (int word = 0; word < 4; word++) {
        for (uint64_t id = 0; id < N_ACROSS; id++) {
            recorder_put(draw(key, 1, id, 0, step, purpose, block).w[word]);
        }
    }
}

static void
dump_across(uint64_t seed)
{
    static const struct {
        uint32_t purpose, block;
    } places[] = {{RANDOM_STEP, 0}, {RANDOM_FRESNEL, 0}, {RANDOM_SCATTER, 0}, {RANDOM_BULK, 0},
        {RANDOM_REEMIT, 0}, {RANDOM_REEMIT, 1}, {RANDOM_SURFACE, 0}, {RANDOM_SURFACE, 1}};
    const random_key key = key_from_seed(seed);
    for (uint32_t block = 0; block < 3; block++) {
        dump_place(key, 0, RANDOM_GENERATION, block);
    }
    for (uint32_t step = 0;; step++) {
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            dump_place(key, step, places[i].purpose, places[i].block);
        }
    }
}

int
main(int argc, char **argv)
{
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    recorder.n_left = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
    if (argc > 1 && strcmp(argv[1], "photons") == 0) {
        dump_photons(seed);
    } else if (argc > 1 && strcmp(argv[1], "across") == 0) {
        dump_across(seed);
    }
    fprintf(stderr, "usage: stream_dump photons|across [seed] [words]\n");
    return 2;
}
