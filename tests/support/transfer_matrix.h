/* SPDX-License-Identifier: BSD-3-Clause */
/** Stratified media by the characteristic matrix in complex double: what thin films are tested
 *  against. It shares nothing with src/physics. */
#pragma once

/** Shares of the incoming power, and the phase of p against s, by their real amplitudes' sign. */
typedef struct stack_response {
    double reflect_s, reflect_p, transmit_s, transmit_p;
    double reflect_phase, transmit_phase; // arg(r_p / r_s), arg(t_p / t_s)             [rad]
} stack_response;

/** Layers of index eta + i k between transparent media n_first, where the light comes from, and
 *  n_last.
 *  source  Born & Wolf, Principles of Optics, 7th ed., sec. 1.6.2 to 1.6.4 and 14.4 */
stack_response transfer_matrix(double cos_i, double n_first, double n_last, int n_layers,
    const double *eta, const double *k, const double *thickness_nm, double wavelength_nm);

/** The surface of a metal of index eta + i k: Fresnel's equations. */
stack_response metal_surface(double cos_i, double n_first, double eta, double k);
