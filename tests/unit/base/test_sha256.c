/* SPDX-License-Identifier: BSD-3-Clause */
/** SHA-256 against the vectors of FIPS 180-4's examples, in every way of cutting the message. */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *message;
    const char *digest;
} VECTORS[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
     "lmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void
expect_digest(const uint8_t digest[SHA256_BYTES], const char *expected)
{
    char text[2 * SHA256_BYTES + 1];
    for (size_t i = 0; i < SHA256_BYTES; ++i) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(text, expected);
}

static void
test_vectors_cut_everywhere(void **state)
{
    (void)state;
    for (size_t v = 0; v < sizeof VECTORS / sizeof VECTORS[0]; ++v) {
        const size_t n = strlen(VECTORS[v].message);
        for (size_t cut = 0; cut <= n; ++cut) {
            sha256 self;
            uint8_t digest[SHA256_BYTES];
            sha256_init(&self);
            sha256_update(&self, VECTORS[v].message, cut);
            sha256_update(&self, VECTORS[v].message + cut, n - cut);
            sha256_final(&self, digest);
            expect_digest(digest, VECTORS[v].digest);
        }
    }
}

static void
test_million_a(void **state)
{
    (void)state;
    uint8_t digest[SHA256_BYTES];
    char *const message = malloc(1000000);
    assert_non_null(message);
    memset(message, 'a', 1000000);
    sha256_of(message, 1000000, digest);
    expect_digest(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(message);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_cut_everywhere),
        cmocka_unit_test(test_million_a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
