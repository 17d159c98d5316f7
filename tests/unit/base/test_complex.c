/* SPDX-License-Identifier: BSD-3-Clause */
/** Complex numbers in float against the compiler's in double. */
#include "base/complex.h"
#include "support/toy_scene.h"

#include <complex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/** C11's CMPLX, which not every compiler has. */
static double complex
complex_of(double re, double im)
{
    return re + im * (double complex)I;
}

static void
expect_near(complex_float got, double complex expected, double ulps)
{
    const double unit = 0x1p-24 * cabs(expected) + 1e-40;
    const double off = cabs(complex_of((double)got.re, (double)got.im) - expected) / unit;
    if (!(off <= ulps)) {
        fail_msg("(%a, %a) is %.2f units off (%a, %a)", (double)got.re, (double)got.im, off,
            creal(expected), cimag(expected));
    }
}

static float
number(toy_random *random)
{
    const float magnitude = exp_own(toy_uniform(random, -8.0f, 8.0f));
    return toy_below(random, 2) != 0 ? magnitude : -magnitude;
}

static void
test_arithmetic(void **state)
{
    (void)state;
    toy_random random = {1};
    for (int i = 0; i < 200000; i++) {
        const complex_float a = complex_make(number(&random), number(&random));
        const complex_float b = complex_make(number(&random), number(&random));
        const double complex x = complex_of((double)a.re, (double)a.im);
        const double complex y = complex_of((double)b.re, (double)b.im);
        expect_near(complex_multiply(a, b), x * y, 4.0);
        expect_near(complex_divide(a, b), x / y, 9.0);
        expect_near(complex_sqrt(a), csqrt(x), 4.0);
        expect_near(complex_make(complex_dot(a, a), 0.0f), cabs(x) * cabs(x), 3.0);
    }
}

/** Parts that nearly cancel keep their digits. */
static void
test_cancellation(void **state)
{
    (void)state;
    const complex_float a = complex_make(1.0f + 0x1p-12f, 1.0f);
    const complex_float b = complex_make(1.0f - 0x1p-12f, 1.0f);
    assert_true(complex_multiply(a, b).re == -0x1p-24f);
    assert_true(complex_multiply(a, complex_make(1.0f, -1.0f)).im == -0x1p-12f);
}

static void
test_square_root(void **state)
{
    (void)state;
    static const float cases[][4] = {{4.0f, 0.0f, 2.0f, 0.0f}, {-4.0f, 0.0f, 0.0f, 2.0f},
        {0.0f, 2.0f, 1.0f, 1.0f}, {0.0f, -2.0f, 1.0f, -1.0f}, {0.0f, 0.0f, 0.0f, 0.0f},
        {3.0f, 4.0f, 2.0f, 1.0f}, {-3.0f, 4.0f, 1.0f, 2.0f}, {-3.0f, -4.0f, 1.0f, -2.0f}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const complex_float root = complex_sqrt(complex_make(cases[i][0], cases[i][1]));
        assert_true(root.re == cases[i][2]);
        assert_true(root.im == cases[i][3]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_cancellation),
        cmocka_unit_test(test_square_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
