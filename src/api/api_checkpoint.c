/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "api/session_inside.h"
#include "chroma2/checkpoint.h"
#include "pipeline/checkpoint.h"

#include "geometry/scene.h"

chroma2_checkpoint_options
chroma2_checkpoint_options_default(void)
{
    chroma2_checkpoint_options options;
    memset(&options, 0, sizeof options);
    options.size_bytes = sizeof options;
    return options;
}

static session_identity
identity_of(const chroma2_session_info *info)
{
    session_identity identity;
    memset(&identity, 0, sizeof identity);
    identity.seed = info->seed;
    memcpy(identity.physics, info->physics, sizeof identity.physics);
    memcpy(identity.switches, info->switches, sizeof identity.switches);
    memcpy(identity.arithmetic, info->arithmetic, sizeof identity.arithmetic);
    snprintf(identity.version, sizeof identity.version, "%s", chroma2_version());
    return identity;
}

chroma2_status
chroma2_session_checkpoint(
    chroma2_session *self, const char *path, const chroma2_checkpoint_options *options)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_session_info info;
    chroma2_checkpoint_options complete = chroma2_checkpoint_options_default();
    REQUIRE(path != NULL, CHROMA2_INVALID_ARGUMENT, "path is NULL");
    if (options != NULL) {
        REQUIRE(options->size_bytes >= sizeof *options, CHROMA2_INVALID_ARGUMENT,
            "options.size_bytes is %u (start from chroma2_checkpoint_options_default())",
            options->size_bytes);
        complete = *options;
    }
    REQUIRE(complete.note != NULL || complete.note_bytes == 0, CHROMA2_INVALID_ARGUMENT,
        "note is NULL with note_bytes %zu", complete.note_bytes);
    REQUIRE(complete.unsaved != NULL || complete.n_unsaved == 0, CHROMA2_INVALID_ARGUMENT,
        "unsaved is NULL with n_unsaved %zu", complete.n_unsaved);
    TRY(chroma2_session_about(self, &info));
    const session_identity identity = identity_of(&info);
    TRY(orchestrator_checkpoint(self->orchestrator, &identity, &complete, path));
out:
    return status;
}

/** The scene must be that of the checkpoint, its media in the same order. */
static chroma2_status
scene_compare(const session_identity *wanted, const chroma2_scene *scene)
{
    chroma2_status status = CHROMA2_OK;
    uint8_t media[SHA256_BYTES];
    REQUIRE(scene != NULL && scene_is_committed(scene), CHROMA2_WRONG_STATE,
        "the session's scene is %s. Call chroma2_scene_commit first?",
        scene == NULL ? "NULL" : "not committed");
    const uint8_t *const hash = scene_hash_of(scene);
    const uint8_t *const other = wanted->scene_hash;
    REQUIRE(memcmp(hash, other, SHA256_BYTES) == 0, CHROMA2_FILE_MISMATCH,
        "the checkpoint was made with scene %02x%02x%02x%02x..., and this one is "
        "%02x%02x%02x%02x... (histories would differ)",
        other[0], other[1], other[2], other[3], hash[0], hash[1], hash[2], hash[3]);
    scene_media_digest(scene, media);
    REQUIRE(memcmp(media, wanted->media_hash, sizeof media) == 0, CHROMA2_FILE_MISMATCH,
        "the scene has its materials in another order (light sources name them by number)");
out:
    return status;
}

/** What the options ask for must be what the checkpoint says. */
static chroma2_status
options_compare(const session_identity *wanted, chroma2_session_options *options)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(options->seed == 0 || options->seed == wanted->seed, CHROMA2_FILE_MISMATCH,
        "the checkpoint was made with seed %llu, and the options say %llu",
        (unsigned long long)wanted->seed, (unsigned long long)options->seed);
    REQUIRE(options->physics == NULL || strcmp(options->physics, wanted->physics) == 0,
        CHROMA2_FILE_MISMATCH,
        "the checkpoint was made with physics \"%s\", and the options say \"%s\"", wanted->physics,
        options->physics);
    options->seed = wanted->seed;
    options->physics = wanted->physics;
    options->weights |= wanted->weights;
    options->secondaries |= wanted->secondaries;
out:
    return status;
}

chroma2_status
chroma2_session_restore(const chroma2_session_options *options, const chroma2_scene *scene,
    const chroma2_checkpoint *checkpoint, chroma2_session **out_session)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_session *self = NULL;
    chroma2_session_options complete = chroma2_session_options_default();
    chroma2_session_info info;
    chroma2_checkpoint_info about;
    REQUIRE(checkpoint != NULL && out_session != NULL, CHROMA2_INVALID_ARGUMENT,
        "checkpoint or out_session is NULL");
    *out_session = NULL;
    if (options != NULL) {
        REQUIRE(options->size_bytes >= sizeof *options, CHROMA2_INVALID_ARGUMENT,
            "options.size_bytes is %u (start from chroma2_session_options_default())",
            options->size_bytes);
        complete = *options;
    }
    const session_identity *const wanted = checkpoint_identity(checkpoint);
    TRY(options_compare(wanted, &complete));
    TRY(scene_compare(wanted, scene));
    complete.switches =
        options != NULL && options->switches != NULL ? options->switches : wanted->switches;
    TRY(chroma2_session_open(&complete, scene, &self));
    TRY(chroma2_session_about(self, &info));
    REQUIRE(strcmp(info.switches, wanted->switches) == 0, CHROMA2_FILE_MISMATCH,
        "the checkpoint was made with switches \"%s\", and the options mean \"%s\"",
        wanted->switches, info.switches);
    REQUIRE(strcmp(info.arithmetic, wanted->arithmetic) == 0, CHROMA2_FILE_MISMATCH,
        "the checkpoint was made with arithmetic %s (chroma2 %s), and this is %s (histories "
        "differ)",
        wanted->arithmetic, wanted->version, info.arithmetic);
    about.size_bytes = sizeof about;
    TRY(chroma2_checkpoint_about(checkpoint, &about));
    orchestrator_continue(self->orchestrator, about.next_event_id, about.n_done);
    *out_session = self;
    self = NULL;
out:
    chroma2_session_destroy(self);
    return status;
}
