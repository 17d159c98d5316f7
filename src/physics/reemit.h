/* SPDX-License-Identifier: BSD-3-Clause */
/** Re-emission: new wavelength, delay, direction and polarization from tables. */
#pragma once
#include "physics/physics_view.h"
#include "physics/sample.h"

/** Re-emits p where it is, isotropically. Without a wavelength law it keeps the wavelength; without
 *  a delay law there is none.
 *  first   [0] wavelength, [1] delay, [2] azimuth, [3] height of the direction
 *  second  [0] azimuth of the polarization */
CHROMA2_HOST_DEVICE void
reemit_by(const scene_view *scene, const cdf_record *wavelength_nm, const cdf_record *delay_ns,
    random4 first, random4 second, photon *p)
{
    if (wavelength_nm->n >= 2) {
        p->wavelength_nm = cdf_sample(scene->tables, wavelength_nm, uniform(first.w[0]));
    }
    if (delay_ns->n >= 2) {
        p->time_ns += cdf_sample(scene->tables, delay_ns, uniform(first.w[1]));
    }
    const vec3 direction = isotropic_direction(uniform(first.w[2]), uniform(first.w[3]));
    photon_set_direction(p, direction);
    photon_set_polarization(p, perpendicular_at(direction, uniform(second.w[0])));
}

/** Re-emission by a component of a medium. */
CHROMA2_HOST_DEVICE void
reemit(const scene_view *scene, const component_record *component, random4 first, random4 second,
    photon *p)
{
    reemit_by(scene, &component->wavelength_nm, &component->delay_ns, first, second, p);
    p->history |= CHROMA2_HISTORY(BULK_REEMIT);
    p->primitive = NO_PRIMITIVE;
}
