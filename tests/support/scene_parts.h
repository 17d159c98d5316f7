/* SPDX-License-Identifier: BSD-3-Clause */
/** Parts of small detectors through the public interface. What fails ends the running test. */
#pragma once
#include "chroma2/chroma2.h"
#include "support/toy_scene.h"

#include <stdio.h>
#include <stdlib.h>

#define PART_MUST(call)                                                                            \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, chroma2_error_detail());            \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/** A table of one value; borrows it. */
chroma2_table part_constant(const double *value);

/** A medium of one index, absorption length and Rayleigh length; returns its number. */
uint32_t part_medium(chroma2_scene *scene, const char *name, double index, double absorption_mm,
    double scattering_mm);

/** A surface of the model "default"; returns its number. */
int32_t part_surface(chroma2_scene *scene, const char *name, double absorb, double detect,
    double diffuse, double specular);

uint32_t part_interface(chroma2_scene *scene, uint32_t inside, uint32_t outside, int32_t surface);

/** Adds a toy mesh as one world solid; frees it. channel: -1 for none */
void part_world(chroma2_scene *scene, toy_mesh mesh, uint32_t interface, int32_t channel);
