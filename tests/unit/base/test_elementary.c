/* SPDX-License-Identifier: BSD-3-Clause */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/elementary.h"
#include "base/elementary_double.h"
#include "support/function_list.h"

#define STRIDE      1009u
#define BOUND_ULP   2.0
#define TWO_PI_LONG 6.28318530717958647692528676655900577L

static void
test_every_function_is_within_two_ulp(void **state)
{
    (void)state;
    size_t n_cases;
    const elementary_case *cases = elementary_cases(&n_cases);
    for (size_t i = 0; i < n_cases; i++) {
        const scan_result result =
            elementary_scan(&cases[i], 0, elementary_span(&cases[i]) + 1, STRIDE);
        if (!(result.worst_ulp <= BOUND_ULP)) {
            fail_msg("%s: %g ulp at %a (repeat: function_scan %s %u)", cases[i].name,
                result.worst_ulp, (double)result.worst_argument, cases[i].name, STRIDE);
        }
    }
}

static void
test_special_values(void **state)
{
    (void)state;
    const float pi = 0x1.921fb6p+1f, half_pi = 0x1.921fb6p+0f;
    const struct {
        const char *name;
        float value, expected;
    } cases[] = {
        {"log 0", log_own(0.0f), -INFINITY},
        {"log -0", log_own(-0.0f), -INFINITY},
        {"log inf", log_own(INFINITY), INFINITY},
        {"log 1", log_own(1.0f), 0.0f},
        {"log -1", log_own(-1.0f), NAN},
        {"log -inf", log_own(-INFINITY), NAN},
        {"log nan", log_own(NAN), NAN},
        {"log least", log_own(0x1p-149f), -0x1.9d1da0p+6f},
        {"exp 0", exp_own(0.0f), 1.0f},
        {"exp inf", exp_own(INFINITY), INFINITY},
        {"exp -inf", exp_own(-INFINITY), 0.0f},
        {"exp nan", exp_own(NAN), NAN},
        {"exp 89", exp_own(89.0f), INFINITY},
        {"exp -104", exp_own(-104.0f), 0.0f},
        {"exp -103.9", exp_own(-103.9f), 0x1p-149f},
        {"expm1 0", expm1_own(0.0f), 0.0f},
        {"expm1 -0", expm1_own(-0.0f), -0.0f},
        {"expm1 least", expm1_own(0x1p-149f), 0x1p-149f},
        {"expm1 -inf", expm1_own(-INFINITY), -1.0f},
        {"expm1 inf", expm1_own(INFINITY), INFINITY},
        {"expm1 nan", expm1_own(NAN), NAN},
        {"asin 1", asin_own(1.0f), half_pi},
        {"asin beyond", asin_own(1.5f), half_pi},
        {"asin below", asin_own(-INFINITY), -half_pi},
        {"asin -0", asin_own(-0.0f), -0.0f},
        {"asin nan", asin_own(NAN), NAN},
        {"acos 1", acos_own(1.0f), 0.0f},
        {"acos beyond", acos_own(1.0000001f), 0.0f},
        {"acos -1", acos_own(-1.0f), pi},
        {"acos below", acos_own(-2.0f), pi},
        {"acos 0", acos_own(0.0f), half_pi},
        {"acos nan", acos_own(NAN), NAN},
        {"atan inf", atan_own(INFINITY), half_pi},
        {"atan -inf", atan_own(-INFINITY), -half_pi},
        {"atan -0", atan_own(-0.0f), -0.0f},
        {"atan nan", atan_own(NAN), NAN},
        {"atan2 0 0", atan2_own(0.0f, 0.0f), 0.0f},
        {"atan2 -0 0", atan2_own(-0.0f, 0.0f), -0.0f},
        {"atan2 0 -0", atan2_own(0.0f, -0.0f), pi},
        {"atan2 -0 -0", atan2_own(-0.0f, -0.0f), -pi},
        {"atan2 0 -1", atan2_own(0.0f, -1.0f), pi},
        {"atan2 -0 -1", atan2_own(-0.0f, -1.0f), -pi},
        {"atan2 0 1", atan2_own(0.0f, 1.0f), 0.0f},
        {"atan2 1 0", atan2_own(1.0f, 0.0f), half_pi},
        {"atan2 1 -0", atan2_own(1.0f, -0.0f), half_pi},
        {"atan2 -1 0", atan2_own(-1.0f, 0.0f), -half_pi},
        {"atan2 inf inf", atan2_own(INFINITY, INFINITY), atan2_own(1.0f, 1.0f)},
        {"atan2 inf -inf", atan2_own(INFINITY, -INFINITY), atan2_own(1.0f, -1.0f)},
        {"atan2 -inf inf", atan2_own(-INFINITY, INFINITY), atan2_own(-1.0f, 1.0f)},
        {"atan2 1 inf", atan2_own(1.0f, INFINITY), 0.0f},
        {"atan2 1 -inf", atan2_own(1.0f, -INFINITY), pi},
        {"atan2 -inf 1", atan2_own(-INFINITY, 1.0f), -half_pi},
        {"atan2 nan 1", atan2_own(NAN, 1.0f), NAN},
        {"atan2 1 nan", atan2_own(1.0f, NAN), NAN},
        {"cbrt 0", cbrt_own(0.0f), 0.0f},
        {"cbrt -0", cbrt_own(-0.0f), -0.0f},
        {"cbrt -27", cbrt_own(-27.0f), -3.0f},
        {"cbrt 2^-147", cbrt_own(0x1p-147f), 0x1p-49f},
        {"cbrt inf", cbrt_own(INFINITY), INFINITY},
        {"cbrt nan", cbrt_own(NAN), NAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bool same = isnan(cases[i].expected)
                              ? isnan(cases[i].value)
                              : float_bits(cases[i].value) == float_bits(cases[i].expected);
        if (!same) {
            fail_msg("%s is %a, not %a", cases[i].name, (double)cases[i].value,
                (double)cases[i].expected);
        }
    }
}

static void
test_quarter_turns_are_exact(void **state)
{
    (void)state;
    const struct {
        float turns, sine, cosine;
    } cases[] = {{0.0f, 0.0f, 1.0f}, {0.25f, 1.0f, 0.0f}, {0.5f, 0.0f, -1.0f}, {0.75f, -1.0f, 0.0f},
        {1.0f, 0.0f, 1.0f}, {-0.25f, -1.0f, 0.0f}, {-0.5f, 0.0f, -1.0f}, {1000000.25f, 1.0f, 0.0f},
        {0x1p30f, 0.0f, 1.0f}, {FLT_MAX, 0.0f, 1.0f}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float sine, cosine;
        double sine_double, cosine_double;
        sincos_turn(cases[i].turns, &sine, &cosine);
        sincos_turn_double((double)cases[i].turns, &sine_double, &cosine_double);
        assert_true(sine == cases[i].sine && cosine == cases[i].cosine);
        assert_true((float)sine_double == sine && (float)cosine_double == cosine);
    }
}

static void
test_no_angle_gives_nan(void **state)
{
    (void)state;
    const float turns[] = {INFINITY, -INFINITY, NAN};
    const float radians[] = {INFINITY, NAN, 10001.0f, -FLT_MAX};
    float sine, cosine;
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        sincos_turn(turns[i], &sine, &cosine);
        assert_true(isnan(sine) && isnan(cosine));
    }
    for (size_t i = 0; i < sizeof radians / sizeof radians[0]; i++) {
        sincos_rad(radians[i], &sine, &cosine);
        assert_true(isnan(sine) && isnan(cosine));
    }
}

/** Distance in units of the spacing of doubles. */
static double
error_ulp_double(double value, long double truth)
{
    int exponent;
    frexpl(truth, &exponent);
    exponent = truth == 0.0L || exponent < -1021 ? -1021 : exponent;
    return (double)ldexpl(fabsl((long double)value - truth), 53 - exponent);
}

static void
test_double_functions(void **state)
{
    (void)state;
    double worst_log = 0, worst_exp = 0, worst_sine = 0, worst_cosine = 0;
    uint64_t random = 1;
    for (int i = 0; i < 300000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const double any = bits_double(random >> 1 > 0x7fefffffffffffffu ? 1 : random >> 1);
        const double unit = (double)(random >> 11) * 0x1p-53;
        const double arguments[] = {any, 0.5 + unit, 1.0 + (unit - 0.5) * 0x1p-20};
        for (int j = 0; j < 3; j++) {
            worst_log = fmax(worst_log,
                error_ulp_double(log_double(arguments[j]), logl((long double)arguments[j])));
        }
        const double exponent = 1400.0 * unit - 700.0;
        worst_exp =
            fmax(worst_exp, error_ulp_double(exp_double(exponent), expl((long double)exponent)));
        const double turns = 0.5 * unit - 0.25; // beyond, the reference loses the zeros
        double sine, cosine;
        sincos_turn_double(turns, &sine, &cosine);
        const long double angle = (long double)turns * TWO_PI_LONG;
        worst_sine = fmax(worst_sine, error_ulp_double(sine, sinl(angle)));
        worst_cosine = fmax(worst_cosine, fabs((double)((long double)cosine - cosl(angle))));
    }
    print_message("double: log %.3f, exp %.3f, sine %.3f ulp, cosine %.2e\n", worst_log, worst_exp,
        worst_sine, worst_cosine);
    assert_true(worst_log <= 1.0 && worst_exp <= 1.0 && worst_sine <= 1.0);
    assert_true(worst_cosine <= 0x1p-53);
    assert_true(log_double(0.0) == -(double)INFINITY && isnan(log_double(-1.0)));
    assert_true(exp_double(-800.0) == 0.0 && exp_double(800.0) == (double)INFINITY);
    assert_true(exp_double(-745.0) == 0x1p-1074 && isnan(exp_double((double)NAN)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_function_is_within_two_ulp),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_quarter_turns_are_exact),
        cmocka_unit_test(test_no_angle_gives_nan),
        cmocka_unit_test(test_double_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
