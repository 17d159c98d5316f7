/* SPDX-License-Identifier: BSD-3-Clause */
/** Units are mm, ns, nm, radian, MeV; physical constants with their sources. */
#pragma once

/** Speed of light in vacuum, exact by definition of the metre (SI 2019).            [mm/ns] */
#define SPEED_OF_LIGHT_MM_NS 299.792458f

/** h c, exact by definition of the SI (2019), 1239.8419843320026.                    [eV nm] */
#define HC_EV_NM 1239.8419843320026

/** Fine-structure constant (CODATA 2022).                                                 [1] */
#define FINE_STRUCTURE 7.2973525643e-3

/** pi and its double, rounded to float. */
#define PI_F     3.14159274f
#define TWO_PI_F 6.28318548f
