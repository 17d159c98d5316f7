/* SPDX-License-Identifier: BSD-3-Clause */
/** The scenes that users bring commit without a warning. Needs dumps S1.c2s, S3.c2s, ... in
 *  CHROMA2_SCENE_DIR, as validation/dump_scene.py writes them; skipped where there are none. */
#include "support/scene_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int n_seen;

static void
test_dumps_have_no_warning(void **state)
{
    (void)state;
    static const char *const keys[] = {"S1", "S1i", "S2i", "S3", "S4", "S5", "S1mini"};
    const char *const folder = getenv("CHROMA2_SCENE_DIR");
    for (size_t i = 0; folder != NULL && i < sizeof keys / sizeof keys[0]; ++i) {
        char path[1024];
        chroma2_scene *scene = NULL;
        scene_file_photons photons;
        snprintf(path, sizeof path, "%s/%s.c2s", folder, keys[i]);
        const chroma2_status status = scene_file_load(path, NULL, &scene, &photons);
        if (status == CHROMA2_NOT_READY) {
            continue;
        }
        chroma2_scene_info info = {.size_bytes = sizeof info};
        chroma2_scene_warning_record record = {.size_bytes = sizeof record};
        if (status != CHROMA2_OK || chroma2_scene_commit(scene) != CHROMA2_OK ||
            chroma2_scene_about(scene, &info) != CHROMA2_OK) {
            fail_msg("%s: %s", path, chroma2_error_detail());
        }
        if (chroma2_scene_warning(scene, 0, &record) == CHROMA2_OK) {
            fail_msg("%s: %s", path, record.sentence);
        }
        print_message("%s: %u primitives, %u channels, checked in %.3f s, trees in %.3f s\n",
            keys[i], info.n_primitives, info.n_channels, info.check_s, info.tree_s);
        scene_file_photons_reset(&photons);
        chroma2_scene_destroy(scene);
        ++n_seen;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dumps_have_no_warning)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0 ? failed : (n_seen == 0 ? 77 : 0);
}
