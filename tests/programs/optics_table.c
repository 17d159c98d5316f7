/* SPDX-License-Identifier: BSD-3-Clause */
/** Prints what the engine's optics say of a flat boundary, for comparison with other programs.
 *
 *      optics_table < LINES
 *      line in    cos_i n1 n2 eta k
 *      line out   r_s r_p t_s t_p is_total (n1 to n2)   R_s R_p (n1 to a metal of index eta + i k) */
#include "physics/film.h"

#include <stdio.h>

int
main(void)
{
    float cos_i, n1, n2, eta, k;
    int n_read;
    while ((n_read = scanf("%f %f %f %f %f", &cos_i, &n1, &n2, &eta, &k)) == 5) {
        const fresnel f = fresnel_make(cos_i, n1, n2);
        const film metal = film_make_metal(cos_i, n1, eta, k);
        printf("%.9g %.9g %.9g %.9g %u %.9g %.9g\n", (double)f.r_s, (double)f.r_p, (double)f.t_s,
            (double)f.t_p, f.is_total, (double)metal.reflect_s, (double)metal.reflect_p);
    }
    if (n_read != EOF) {
        fprintf(stderr, "optics_table: a line is not \"cos_i n1 n2 eta k\"\n");
        return 2;
    }
    return 0;
}
