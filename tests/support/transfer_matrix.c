/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/transfer_matrix.h"

#include <complex.h>
#include <math.h>

/** C11's CMPLX, which not every compiler has. */
static double complex
complex_of(double re, double im)
{
    return re + im * (double complex)I;
}

typedef struct matrix {
    double complex m11, m12, m21, m22;
} matrix;

static matrix
matrix_times(matrix a, matrix b)
{
    const matrix product = {a.m11 * b.m11 + a.m12 * b.m21, a.m11 * b.m12 + a.m12 * b.m22,
        a.m21 * b.m11 + a.m22 * b.m21, a.m21 * b.m12 + a.m22 * b.m22};
    return product;
}

/** n cos(theta) in a medium, by Snell's law: the wave that fades away from the light. */
static double complex
n_cosine(double complex n, double n_first, double cos_i)
{
    const double sine = n_first * sqrt((1.0 - cos_i) * (1.0 + cos_i));
    const double complex root = csqrt(n * n - sine * sine);
    return cimag(root) < 0.0 ? -root : root;
}

/** Amplitudes r and t of the field whose admittance is n cos(theta) (s) or cos(theta)/n (p). */
static void
stack_solve(double cos_i, double n_first, double n_last, int n_layers, const double *eta,
    const double *k, const double *thickness_nm, double wavelength_nm, int is_p,
    double complex out[2], double *out_last_over_first)
{
    matrix m = {1.0, 0.0, 0.0, 1.0};
    for (int i = 0; i < n_layers; i++) {
        const double complex n = complex_of(eta[i], k[i]);
        const double complex nc = n_cosine(n, n_first, cos_i);
        const double complex p = is_p ? nc / (n * n) : nc;
        const double complex beta =
            2.0 * 3.14159265358979323846 / wavelength_nm * nc * thickness_nm[i];
        const double complex turned = complex_of(0.0, -1.0) * csin(beta); // -i sin
        const matrix layer = {ccos(beta), turned / p, turned * p, ccos(beta)};
        m = matrix_times(m, layer);
    }
    const double p1 = is_p ? cos_i / n_first : cos_i * n_first;
    const double complex nc_last = n_cosine(n_last, n_first, cos_i);
    const double complex pl = is_p ? nc_last / (n_last * n_last) : nc_last;
    const double complex first = (m.m11 + m.m12 * pl) * p1;
    const double complex second = m.m21 + m.m22 * pl;
    out[0] = (first - second) / (first + second);
    out[1] = 2.0 * p1 / (first + second);
    *out_last_over_first = creal(pl) / p1;
}

static double
norm(double complex z)
{
    return creal(z) * creal(z) + cimag(z) * cimag(z);
}

stack_response
transfer_matrix(double cos_i, double n_first, double n_last, int n_layers, const double *eta,
    const double *k, const double *thickness_nm, double wavelength_nm)
{
    stack_response response;
    double complex s[2], p[2];
    double ratio_s, ratio_p;
    stack_solve(
        cos_i, n_first, n_last, n_layers, eta, k, thickness_nm, wavelength_nm, 0, s, &ratio_s);
    stack_solve(
        cos_i, n_first, n_last, n_layers, eta, k, thickness_nm, wavelength_nm, 1, p, &ratio_p);
    response.reflect_s = norm(s[0]);
    response.reflect_p = norm(p[0]);
    response.transmit_s = ratio_s * norm(s[1]);
    response.transmit_p = ratio_p * norm(p[1]);
    response.reflect_phase = carg(p[0] * conj(s[0]));
    response.transmit_phase = carg(p[1] * conj(s[1]));
    return response;
}

stack_response
metal_surface(double cos_i, double n_first, double eta, double k)
{
    const double complex n = complex_of(eta, k);
    const double complex nc = n_cosine(n, n_first, cos_i);
    const double complex cos_t = nc / n;
    const double complex r_s = (n_first * cos_i - n * cos_t) / (n_first * cos_i + n * cos_t);
    const double complex r_p = (n * cos_i - n_first * cos_t) / (n * cos_i + n_first * cos_t);
    const stack_response response = {norm(r_s), norm(r_p), 0.0, 0.0, carg(r_p * conj(r_s)), 0.0};
    return response;
}
