/* SPDX-License-Identifier: BSD-3-Clause */
/** Photon pages: what is stored is loaded, columns lie where they should, 64 bytes a photon. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "runtime/photon_page.h"

#define N_SLOTS 300u

/** A photon whose every field is a function of its slot. */
static photon
photon_of(uint32_t slot)
{
    photon p;
    uint32_t k = slot * 31;
#define X(type, name, unit, meaning) p.name = (type)(++k);
    PHOTON_FIELDS(X)
    PHOTON_KIN_FIELDS(X)
    PHOTON_WEIGHT_FIELDS(X)
#undef X
    p.identity = photon_identity_make(MAX_PHOTON_ID - slot, slot, slot % 16);
    return p;
}

static void
every_field_survives(void **state)
{
    (void)state;
    for (unsigned options = 0; options < 4; ++options) {
        arena *a = NULL;
        photon_pages_view view;
        assert_int_equal(
            arena_create(mem_ops_host(), "pages", photon_pages_size_bytes(N_SLOTS, options), &a),
            CHROMA2_OK);
        assert_int_equal(photon_pages_take(a, N_SLOTS, options, &view), CHROMA2_OK);
        assert_int_equal(view.n_slots, 384);
        assert_int_equal((uintptr_t)view.pages % PHOTON_PAGE_ALIGNMENT, 0);
        assert_int_equal(view.page_bytes,
            PHOTON_PAGE_SLOTS * (64u + (options & 1 ? 4u : 0u) + (options & 2 ? 4u : 0u)));
        assert_int_equal(view.page_bytes % PHOTON_PAGE_ALIGNMENT, 0);
        for (uint32_t slot = 0; slot < view.n_slots; ++slot) {
            const photon p = photon_of(slot);
            photon_store(&view, slot, &p);
        }
        for (uint32_t slot = 0; slot < view.n_slots; ++slot) {
            photon want = photon_of(slot);
            const photon got = photon_load(&view, slot);
            want.kin = (options & PHOTON_PAGE_KIN) != 0 ? want.kin : 0;
            want.weight = (options & PHOTON_PAGE_WEIGHT) != 0 ? want.weight : 1.0f;
#define X(type, name, unit, meaning) assert_true(got.name == want.name);
            PHOTON_FIELDS(X)
            PHOTON_KIN_FIELDS(X)
            PHOTON_WEIGHT_FIELDS(X)
#undef X
        }
        assert_int_equal(arena_verify(a), CHROMA2_OK);
        arena_destroy(a);
    }
}

/** Neighbouring slots lie side by side in every column. */
static void
columns_are_contiguous(void **state)
{
    (void)state;
    arena *a = NULL;
    photon_pages_view view;
    const photon p = photon_of(129);
    const size_t size_bytes = photon_pages_size_bytes(256, PHOTON_PAGE_PLAIN);
    assert_int_equal(arena_create(mem_ops_host(), "pages", size_bytes, &a), CHROMA2_OK);
    assert_int_equal(photon_pages_take(a, 256, PHOTON_PAGE_PLAIN, &view), CHROMA2_OK);
    photon_store(&view, 129, &p);
    const photon_columns *second =
        (const photon_columns *)(const void *)(view.pages + view.page_bytes);
    assert_memory_equal(&second->half[0][1], &p, 32);
    assert_memory_equal(&second->half[1][1], &p.pol_x, 32);
    arena_destroy(a);
}

static void
bad_counts_are_refused(void **state)
{
    (void)state;
    arena *a = NULL;
    photon_pages_view view;
    assert_int_equal(arena_create(mem_ops_host(), "pages", 4096, &a), CHROMA2_OK);
    assert_int_equal(photon_pages_take(a, 0, 0, &view), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(photon_pages_take(a, 0xffffffffu, 0, &view), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(photon_pages_take(a, 128, 0, &view), CHROMA2_OUT_OF_MEMORY);
    arena_destroy(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_survives),
        cmocka_unit_test(columns_are_contiguous),
        cmocka_unit_test(bad_counts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
