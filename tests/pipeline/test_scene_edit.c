/* SPDX-License-Identifier: BSD-3-Clause */
/** A session that is given an edited scene gives the bytes of a fresh session on it; events in
 *  flight keep the scene that they were submitted with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "geometry/scene.h"
#include "support/events.h"

enum { N_PHOTONS = 40000 };

static chroma2_session *
session_on(const chroma2_scene *scene)
{
    const chroma2_session_options options = events_options();
    chroma2_session *session = NULL;
    assert_int_equal(chroma2_session_open(&options, scene, &session), CHROMA2_OK);
    return session;
}

static chroma2_event
event_of(const chroma2_source *source, uint32_t event_id)
{
    chroma2_event event = events_descriptor(source);
    event.event_id = event_id;
    return event;
}

/** Near the dome that moves. */
static chroma2_source
light(void)
{
    chroma2_source source = test_scene_source("tank", N_PHOTONS);
    source.position_mm[0] = -14000.0;
    source.position_mm[1] = -14500.0;
    source.position_mm[2] = 800.0;
    return source;
}

static chroma2_result *
fresh_result(const chroma2_scene *scene, uint32_t event_id)
{
    const chroma2_source source = light();
    const chroma2_event event = event_of(&source, event_id);
    chroma2_session *const session = session_on(scene);
    chroma2_result *const result = events_run(session, &event);
    chroma2_session_destroy(session);
    return result;
}

static void
expect_result(chroma2_future *future, const chroma2_scene *scene, uint32_t event_id)
{
    chroma2_result *const result = events_take(future, CHROMA2_OK);
    chroma2_result *const fresh = fresh_result(scene, event_id);
    events_expect_equal(result, fresh);
    chroma2_result_destroy(result);
    chroma2_result_destroy(fresh);
}

static void
an_edited_scene_is_as_a_fresh_one_and_old_events_keep_theirs(void **state)
{
    (void)state;
    chroma2_scene *const tank = test_scene_tank(30);
    chroma2_scene *const murky = test_scene_tank_water(tank, 1500.0);
    chroma2_scene *const moved = test_scene_tank_moved(murky, 400.0);
    const chroma2_scene *const scenes[3] = {tank, murky, moved};
    const chroma2_source source = light();
    chroma2_future *futures[3];
    uint64_t uploaded[3];
    chroma2_session *const session = session_on(tank);
    for (uint32_t i = 0; i < 3; ++i) {
        const chroma2_event event = event_of(&source, i);
        assert_int_equal(chroma2_session_set_scene(session, scenes[i]), CHROMA2_OK);
        uploaded[i] = events_metric(session, "scene_bytes_uploaded");
        futures[i] = events_submit(session, &event);
    }
    assert_int_equal(uploaded[1] - uploaded[0], scene_block_of(murky, BLOCK_tables)->n_bytes);
    assert_true(uploaded[2] - uploaded[1] >= scene_block_of(moved, BLOCK_placements)->n_bytes);
    assert_true(events_metric(session, "scene_bytes_shared") > uploaded[1] - uploaded[0]);
    for (uint32_t i = 0; i < 3; ++i) {
        expect_result(futures[i], scenes[i], i);
    }
    chroma2_session_destroy(session);
    chroma2_scene_destroy(moved);
    chroma2_scene_destroy(murky);
    chroma2_scene_destroy(tank);
}

/** Scenes come and go, more of them than a session has places for, and the last ray is right. */
static void
scenes_may_be_dropped_as_soon_as_they_are_given(void **state)
{
    (void)state;
    chroma2_scene *const tank = test_scene_tank(2);
    chroma2_session *const session = session_on(tank);
    chroma2_session_info before, after;
    assert_int_equal(chroma2_session_about(session, &before), CHROMA2_OK);
    for (int i = 1; i <= 300; ++i) {
        chroma2_scene *const moved = test_scene_tank_moved(tank, 10.0 * i);
        assert_int_equal(chroma2_session_set_scene(session, moved), CHROMA2_OK);
        chroma2_scene_destroy(moved);
    }
    const float origin[3] = {-15000.0f, -15000.0f, 10000.0f}, down[3] = {0.0f, 0.0f, -1.0f};
    float distance = 0.0f;
    int32_t triangle = 0, instance = 0;
    assert_int_equal(
        chroma2_session_intersect(session, origin, down, 1, &distance, &triangle, &instance),
        CHROMA2_OK);
    assert_int_equal(instance, 1);
    assert_true(distance < 7000.0f && distance > 6500.0f); // the dome's top, 3 m up
    assert_int_equal(chroma2_session_about(session, &after), CHROMA2_OK);
    assert_true(after.scene_bytes < 3 * before.scene_bytes);
    chroma2_session_destroy(session);
    chroma2_scene_destroy(tank);
}

static void
a_scene_that_cannot_be_used_is_refused(void **state)
{
    (void)state;
    chroma2_scene *const tank = test_scene_tank(2);
    chroma2_scene *const cascade = test_scene("cascade");
    chroma2_scene *open = NULL;
    chroma2_session *const session = session_on(tank);
    assert_int_equal(chroma2_scene_edit(tank, &open), CHROMA2_OK);
    assert_int_equal(chroma2_session_set_scene(session, open), CHROMA2_WRONG_STATE);
    assert_int_equal(chroma2_session_set_scene(session, NULL), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(chroma2_session_set_scene(session, cascade), CHROMA2_UNSUPPORTED);
    assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_DRAIN), CHROMA2_OK);
    assert_int_equal(chroma2_session_set_scene(session, tank), CHROMA2_CLOSED);
    chroma2_session_destroy(session);
    chroma2_scene_destroy(open);
    chroma2_scene_destroy(cascade);
    chroma2_scene_destroy(tank);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edited_scene_is_as_a_fresh_one_and_old_events_keep_theirs),
        cmocka_unit_test(scenes_may_be_dropped_as_soon_as_they_are_given),
        cmocka_unit_test(a_scene_that_cannot_be_used_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
