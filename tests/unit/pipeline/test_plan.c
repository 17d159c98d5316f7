/* SPDX-License-Identifier: BSD-3-Clause */
/** The stage graph: its order, and what it refuses. */
#include "pipeline/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_EDGES = 32 };

static void
every_forward_ring_leads_to_an_earlier_place(void **state)
{
    (void)state;
    size_t n_edges = 0;
    const plan_edge *const edges = plan_edges(&n_edges);
    stage_plan plan;
    uint32_t place[N_STAGES];
    memset(place, 0xff, sizeof place);
    assert_int_equal(plan_build(edges, n_edges, &plan), CHROMA2_OK);
    assert_int_equal(plan.n_stages, N_STAGES);
    for (uint32_t i = 0; i < plan.n_stages; ++i) {
        assert_true(plan.stage[i] < N_STAGES);
        assert_int_equal(place[plan.stage[i]], UINT32_MAX); // once each
        place[plan.stage[i]] = i;
    }
    for (size_t i = 0; i < n_edges; ++i) {
        assert_true(strlen(edges[i].ring) > 0);
        assert_true(edges[i].is_feedback || place[edges[i].to] < place[edges[i].from]);
    }
    // New photons come last: whatever ends or is under way makes room first.
    assert_int_equal(plan.stage[N_STAGES - 1], STAGE_initialize);
}

/** Copies the pipeline's edges without those that lead to `stage`; returns how many are left. */
static size_t
edges_without(uint32_t stage, plan_edge *out)
{
    size_t n_edges = 0;
    size_t n = 0;
    const plan_edge *const edges = plan_edges(&n_edges);
    assert_true(n_edges <= MAX_EDGES);
    for (size_t i = 0; i < n_edges; ++i) {
        if (edges[i].to != stage) {
            out[n++] = edges[i];
        }
    }
    return n;
}

static void
a_stage_that_no_ring_reaches_is_refused(void **state)
{
    (void)state;
    for (uint32_t stage = 0; stage < N_STAGES; ++stage) {
        plan_edge edges[MAX_EDGES];
        stage_plan plan;
        char expected[32];
        const size_t n = edges_without(stage, edges);
        snprintf(expected, sizeof expected, "to stage %u", stage);
        assert_int_equal(plan_build(edges, n, &plan), CHROMA2_INTERNAL);
        assert_non_null(strstr(chroma2_error_detail(), expected));
    }
}

static void
a_loop_without_feedback_is_refused(void **state)
{
    (void)state;
    size_t n_edges = 0;
    const plan_edge *const edges = plan_edges(&n_edges);
    for (size_t i = 0; i < n_edges; ++i) {
        plan_edge changed[MAX_EDGES];
        stage_plan plan;
        memcpy(changed, edges, n_edges * sizeof *edges);
        changed[i].is_feedback = false;
        const chroma2_status status = plan_build(changed, n_edges, &plan);
        assert_int_equal(status, edges[i].is_feedback ? CHROMA2_INTERNAL : CHROMA2_OK);
        if (status != CHROMA2_OK) {
            assert_non_null(strstr(chroma2_error_detail(), "feedback"));
        }
    }
}

static void
a_stage_outside_the_list_is_refused(void **state)
{
    (void)state;
    const plan_edge stray[2] = {
        {STAGE_propagate, N_STAGES, false, "lost"}, {N_STAGES + 1, STAGE_propagate, true, "found"}};
    for (int i = 0; i < 2; ++i) {
        stage_plan plan;
        assert_int_equal(plan_build(&stray[i], 1, &plan), CHROMA2_INTERNAL);
        assert_non_null(strstr(chroma2_error_detail(), stray[i].ring));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_forward_ring_leads_to_an_earlier_place),
        cmocka_unit_test(a_stage_that_no_ring_reaches_is_refused),
        cmocka_unit_test(a_loop_without_feedback_is_refused),
        cmocka_unit_test(a_stage_outside_the_list_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
