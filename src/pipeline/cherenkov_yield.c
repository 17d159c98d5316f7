/* SPDX-License-Identifier: BSD-3-Clause */
/** How much Cherenkov light a track makes: the Frank-Tamm integral over the scene's index table. */
#include "base/units.h"
#include "pipeline/event_sources.h"

#include <math.h>

/** Index of refraction as the device sees it: linear between grid points, constant beyond. */
static double
index_at(const scene_view *scene, uint32_t material, double wavelength_nm)
{
    const float *const table = scene->tables + scene->materials[material].refractive_index;
    const double x = (wavelength_nm - (double)scene->grid.low_nm) / (double)scene->grid.step_nm;
    const uint32_t last = scene->grid.n - 1u;
    if (!(x > 0.0)) {
        return (double)table[0];
    }
    if (x >= (double)last) {
        return (double)table[last];
    }
    const uint32_t cell = (uint32_t)x;
    return (double)table[cell] +
           (x - (double)cell) * ((double)table[cell + 1] - (double)table[cell]);
}

/** Integral of (1 - 1/(beta n)^2) / lambda^2 where n goes linearly from n_low to n_high, both at or
 *  above 1/beta: Gauss and Legendre's rule of five points.
 *  source  Abramowitz & Stegun, table 25.4 */
static double
integrate_piece(double low, double high, double n_low, double n_high, double beta)
{
    static const double node[5] = {-0.906179845938663993, -0.538469310105683091, 0.0,
        0.538469310105683091, 0.906179845938663993};
    static const double weight[5] = {0.236926885056189088, 0.478628670499366468,
        0.568888888888888889, 0.478628670499366468, 0.236926885056189088};
    double sum = 0.0;
    for (int i = 0; i < 5; i++) {
        const double share = 0.5 + 0.5 * node[i];
        const double lambda = low + share * (high - low);
        const double cosine = 1.0 / (beta * (n_low + share * (n_high - n_low)));
        sum += weight[i] * (1.0 - cosine * cosine) / (lambda * lambda);
    }
    return 0.5 * (high - low) * sum;
}

/** Adds the part of a stretch of linear index that lies above the threshold. */
static void
add_stretch(double low, double high, double n_low, double n_high, double beta, cherenkov_yield *out)
{
    const double threshold = 1.0 / beta;
    if (!(n_low > threshold) && !(n_high > threshold)) {
        return;
    }
    if (n_low < threshold) {
        low += (high - low) * (threshold - n_low) / (n_high - n_low);
        n_low = threshold;
    } else if (n_high < threshold) {
        high -= (high - low) * (threshold - n_high) / (n_low - n_high);
        n_high = threshold;
    }
    const double n_max = n_low > n_high ? n_low : n_high;
    const double sin2 = 1.0 - threshold * threshold / (n_max * n_max);
    out->mean += integrate_piece(low, high, n_low, n_high, beta);
    out->sin2_max = sin2 > out->sin2_max ? sin2 : out->sin2_max;
    out->low_nm = out->high_nm > 0.0 ? out->low_nm : low;
    out->high_nm = high;
}

cherenkov_yield
cherenkov_yield_of(const scene_view *scene, uint32_t material, double beta, double charge,
    double length_mm, double low_nm, double high_nm)
{
    cherenkov_yield out = {0.0, 0.0, 0.0, 0.0, 0.0};
    double from = low_nm;
    double n_from = index_at(scene, material, from);
    for (uint32_t i = 0; i <= scene->grid.n; i++) {
        const double node = (double)scene->grid.low_nm + (double)i * (double)scene->grid.step_nm;
        const double to = i < scene->grid.n && node < high_nm ? node : high_nm;
        if (to > from) {
            const double n_to = index_at(scene, material, to);
            add_stretch(from, to, n_from, n_to, beta, &out);
            from = to;
            n_from = n_to;
        }
    }
    if (out.mean > 0.0) {
        out.efficiency = out.mean / (out.sin2_max * (1.0 / out.low_nm - 1.0 / out.high_nm));
    }
    /* 2 pi alpha z^2, length in nm. */
    out.mean *= 6.283185307179586 * FINE_STRUCTURE * charge * charge * length_mm * 1e6;
    return out;
}
