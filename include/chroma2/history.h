/* SPDX-License-Identifier: BSD-3-Clause */
/** The history word of a photon: one bit per kind of thing that happened to it. */
#pragma once

/** name, bit, ends the photon (1/0), meaning. Bits 0-11 and 31 are Chroma's. */
#define CHROMA2_HISTORY_LIST(X)                                                                    \
    X(NO_HIT, 0, 1, "left the world: no boundary ahead")                                           \
    X(BULK_ABSORB, 1, 1, "absorbed in a medium")                                                   \
    X(SURFACE_DETECT, 2, 1, "detected at a surface")                                               \
    X(SURFACE_ABSORB, 3, 1, "absorbed at a surface")                                               \
    X(RAYLEIGH_SCATTER, 4, 0, "Rayleigh scattered at least once")                                  \
    X(REFLECT_DIFFUSE, 5, 0, "reflected by Lambert's law at least once")                           \
    X(REFLECT_SPECULAR, 6, 0, "mirrored at least once: surface, Fresnel or total reflection")      \
    X(SURFACE_REEMIT, 7, 0, "re-emitted by a wavelength-shifting surface")                         \
    X(SURFACE_TRANSMIT, 8, 0, "passed a surface that chose to transmit")                           \
    X(BULK_REEMIT, 9, 0, "re-emitted by a medium")                                                 \
    X(CHERENKOV, 10, 0, "born as Cherenkov light")                                                 \
    X(SCINTILLATION, 11, 0, "born as scintillation light")                                         \
    X(MIE_SCATTER, 12, 0, "scattered by Henyey and Greenstein's law at least once")                \
    X(MEDIUM_MISMATCH, 16, 0, "met a boundary whose near side is not the carried medium")          \
    X(STUCK, 28, 1, "ended after 8 boundary steps of zero length in a row")                        \
    X(LINEAGE_FULL, 29, 1, "ended at birth: its lineage has no room")                              \
    X(CANCELLED_PHOTON, 30, 1, "ended because its event was cancelled")                            \
    X(NAN_ABORT, 31, 1, "ended by a numerical fault; the state is its last finite one")

enum chroma2_history_bits {
#define X(name, bit, ends, meaning) CHROMA2_HISTORY_##name##_SHIFT = bit,
    CHROMA2_HISTORY_LIST(X)
#undef X
};

#define CHROMA2_HISTORY(name) (1u << CHROMA2_HISTORY_##name##_SHIFT)

/** Any of these bits ends a photon. */
#define CHROMA2_HISTORY_ENDED                                                                      \
    (CHROMA2_HISTORY(NO_HIT) | CHROMA2_HISTORY(BULK_ABSORB) | CHROMA2_HISTORY(SURFACE_DETECT) |    \
        CHROMA2_HISTORY(SURFACE_ABSORB) | CHROMA2_HISTORY(STUCK) | CHROMA2_HISTORY(LINEAGE_FULL) | \
        CHROMA2_HISTORY(CANCELLED_PHOTON) | CHROMA2_HISTORY(NAN_ABORT))
