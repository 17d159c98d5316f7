/* SPDX-License-Identifier: BSD-3-Clause */
/** The vendor's functions in place of ours, found first by the include path: for the build that says
 *  what the same bits everywhere cost. Nothing else uses it. */
#pragma once
#include "../../../src/base/elementary.h"

#define log_own                 logf
#define exp_own                 expf
#define expm1_own               expm1f
#define asin_own                asinf
#define acos_own                acosf
#define atan_own                atanf
#define atan2_own               atan2f
#define cbrt_own                cbrtf
#define sincos_rad(x, s, c)     sincosf(x, s, c)
#define sincos_turn(turn, s, c) sincospif(2.0f * (turn), s, c)
