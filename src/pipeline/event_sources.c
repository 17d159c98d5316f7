/* SPDX-License-Identifier: BSD-3-Clause */
/** Checks sources, counts their photons, and turns spectra into cumulative tables. */
#include "pipeline/event_sources.h"

#include "base/check.h"
#include "base/draw.h"
#include "pipeline/source_tables.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/** How many different spectra are remembered, so that a thousand steps of one scintillator share a
 *  table. */
#define N_REMEMBERED 16

/** Lineage of the draws that count photons; no photon has it. */
#define LINEAGE_OF_COUNTS 0xffffffu

/** A Cherenkov source below this efficiency of rejection gets a table. */
#define LEAST_EFFICIENCY 0.2

_Static_assert(sizeof(source_record) == 144, "source_record has a fixed layout");
_Static_assert((int)SOURCE_ISOTROPIC == (int)CHROMA2_SOURCE_ISOTROPIC &&
                   (int)SOURCE_CONE == (int)CHROMA2_SOURCE_CONE &&
                   (int)SOURCE_BEAM == (int)CHROMA2_SOURCE_BEAM &&
                   (int)SOURCE_VOLUME == (int)CHROMA2_SOURCE_VOLUME &&
                   (int)SOURCE_SCINTILLATION == (int)CHROMA2_SOURCE_SCINTILLATION &&
                   (int)SOURCE_CHERENKOV == (int)CHROMA2_SOURCE_CHERENKOV,
    "kinds of sources have the same codes inside and outside");

/** A spectrum that already has a table. */
typedef struct remembered_spectrum {
    const double *x, *y;
    uint32_t n;
    source_record made; // its spectrum_* fields
} remembered_spectrum;

/** A build under way. */
typedef struct source_builder {
    const scene_view *scene;
    event_sources *out;
    size_t source; // under work, for error messages
    double prescale;
    remembered_spectrum remembered[N_REMEMBERED];
    uint32_t n_remembered;
} source_builder;

static chroma2_status
require_number(const source_builder *self, const char *field, double value, double low, double high,
    const char *rule)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(value >= low && value <= high && value <= (double)FLT_MAX && value >= -(double)FLT_MAX,
        CHROMA2_INVALID_ARGUMENT, "source %zu: %s is %g (must be %s)", self->source, field, value,
        rule);
out:
    return status;
}

static chroma2_status
require_positive(const source_builder *self, const char *field, double value)
{
    return require_number(self, field, value, (double)FLT_MIN, DBL_MAX, "finite and > 0");
}

static chroma2_status
require_not_negative(const source_builder *self, const char *field, double value)
{
    return require_number(self, field, value, 0.0, DBL_MAX, "finite and >= 0");
}

static chroma2_status
require_finite(const source_builder *self, const char *field, const double *values, int n)
{
    chroma2_status status = CHROMA2_OK;
    for (int i = 0; i < n; i++) {
        REQUIRE(values[i] >= -(double)FLT_MAX && values[i] <= (double)FLT_MAX,
            CHROMA2_INVALID_ARGUMENT, "source %zu: %s[%d] is %g (must be finite as a float)",
            self->source, field, i, values[i]);
    }
out:
    return status;
}

/** An array of numbers >= 0. */
static chroma2_status
require_no_negatives(
    const source_builder *self, const char *field, const double *values, uint32_t n)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < n; i++) {
        REQUIRE(values[i] >= 0.0 && values[i] <= (double)FLT_MAX, CHROMA2_INVALID_ARGUMENT,
            "source %zu: %s[%u] is %g (must be finite and >= 0)", self->source, field, i,
            values[i]);
    }
out:
    return status;
}

/** The unit vector along v, computed in double. */
static chroma2_status
take_direction(const source_builder *self, const char *field, const double v[3], float out[3])
{
    chroma2_status status = CHROMA2_OK;
    TRY(require_finite(self, field, v, 3));
    const double largest = fmax(fabs(v[0]), fmax(fabs(v[1]), fabs(v[2])));
    REQUIRE(largest > 0.0, CHROMA2_INVALID_ARGUMENT,
        "source %zu: %s is (0, 0, 0) (must not be zero)", self->source, field);
    const double x = v[0] / largest, y = v[1] / largest, z = v[2] / largest;
    const double length = sqrt(x * x + y * y + z * z);
    out[0] = (float)(x / length);
    out[1] = (float)(y / length);
    out[2] = (float)(z / length);
out:
    return status;
}

static chroma2_status
check_spectrum(const source_builder *self, const chroma2_source *source)
{
    chroma2_status status = CHROMA2_OK;
    bool has_light = false;
    REQUIRE(source->n_spectrum >= 2, CHROMA2_INVALID_ARGUMENT,
        "source %zu: n_spectrum is %u (must be >= 2). Use LAW_FIXED for a line?", self->source,
        source->n_spectrum);
    REQUIRE(source->spectrum_nm != NULL && source->spectrum != NULL, CHROMA2_INVALID_ARGUMENT,
        "source %zu: spectrum_nm or spectrum is NULL (LAW_SPECTRUM needs both)", self->source);
    for (uint32_t i = 0; i < source->n_spectrum; i++) {
        const double x = source->spectrum_nm[i], y = source->spectrum[i];
        const double before = i > 0 ? source->spectrum_nm[i - 1] : 0.0;
        REQUIRE((float)x > (float)before && x <= (double)FLT_MAX, CHROMA2_INVALID_ARGUMENT,
            "source %zu: spectrum_nm[%u] is %g (must be finite, > 0 and ascend)", self->source, i,
            x);
        REQUIRE(y >= 0.0 && y <= (double)FLT_MAX, CHROMA2_INVALID_ARGUMENT,
            "source %zu: spectrum[%u] is %g (must be finite and >= 0)", self->source, i, y);
        has_light = has_light || y > 0.0;
    }
    REQUIRE(has_light, CHROMA2_INVALID_ARGUMENT,
        "source %zu: spectrum is 0 everywhere (some value must be > 0)", self->source);
out:
    return status;
}

static chroma2_status
take_spectrum(source_builder *self, const chroma2_source *source, source_record *record)
{
    chroma2_status status = CHROMA2_OK;
    remembered_spectrum now;
    memset(&now, 0, sizeof now);
    now.x = source->spectrum_nm;
    now.y = source->spectrum;
    now.n = source->n_spectrum;
    uint32_t i = 0;
    while (i < self->n_remembered &&
           (self->remembered[i].x != now.x || self->remembered[i].y != now.y ||
               self->remembered[i].n != now.n)) {
        i++;
    }
    if (i == self->n_remembered) {
        const spectrum_curve c = {now.x, now.y, now.n};
        TRY(check_spectrum(self, source));
        TRY(source_tables_tabulate(
            self->out, now.x[0], now.x[now.n - 1], spectrum_curve_integral, &c, record));
        now.made = *record;
        i = i < N_REMEMBERED ? i : (uint32_t)(self->source % N_REMEMBERED);
        self->remembered[i] = now;
        self->n_remembered = i < self->n_remembered ? self->n_remembered : i + 1;
    }
    record->wavelength_law = LAW_TABLE;
    record->spectrum_first = self->remembered[i].made.spectrum_first;
    record->spectrum_n = self->remembered[i].made.spectrum_n;
    record->spectrum_x0 = self->remembered[i].made.spectrum_x0;
    record->spectrum_dx = self->remembered[i].made.spectrum_dx;
out:
    return status;
}

static chroma2_status
take_wavelength(source_builder *self, const chroma2_source *source, source_record *record)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(source->wavelength_law <= CHROMA2_LAW_SPECTRUM, CHROMA2_INVALID_ARGUMENT,
        "source %zu: wavelength_law is %u (must be a chroma2_source_law)", self->source,
        source->wavelength_law);
    record->wavelength_law = source->wavelength_law;
    if (source->wavelength_law == CHROMA2_LAW_SPECTRUM) {
        TRY(take_spectrum(self, source, record));
        goto out;
    }
    const int last = source->wavelength_law == CHROMA2_LAW_UNIFORM ? 1 : 0;
    TRY(require_positive(self, "wavelength_nm[0]", source->wavelength_nm[0]));
    TRY(require_positive(self, "wavelength_nm[1]", source->wavelength_nm[last]));
    record->wavelength_nm[0] = (float)source->wavelength_nm[0];
    record->wavelength_nm[1] = (float)source->wavelength_nm[last];
out:
    return status;
}

static chroma2_status
take_decays(source_builder *self, const chroma2_source *source, source_record *record)
{
    chroma2_status status = CHROMA2_OK;
    double total = 0.0;
    if (source->n_decays == 0) {
        goto out;
    }
    REQUIRE(source->decay_weight != NULL && source->decay_ns != NULL, CHROMA2_INVALID_ARGUMENT,
        "source %zu: decay_weight or decay_ns is NULL (n_decays is %u)", self->source,
        source->n_decays);
    TRY(require_no_negatives(self, "decay_weight", source->decay_weight, source->n_decays));
    TRY(require_no_negatives(self, "decay_ns", source->decay_ns, source->n_decays));
    if (source->rise_ns != NULL) {
        TRY(require_no_negatives(self, "rise_ns", source->rise_ns, source->n_decays));
    }
    for (uint32_t i = 0; i < source->n_decays; i++) {
        total += source->decay_weight[i];
    }
    REQUIRE(total > 0.0, CHROMA2_INVALID_ARGUMENT,
        "source %zu: decay_weight is 0 everywhere (some weight must be > 0)", self->source);
    TRY(source_tables_grow(self->out, 3 * (size_t)source->n_decays, &record->decay_first));
    float *const table = self->out->tables + record->decay_first;
    double sum = 0.0;
    for (uint32_t i = 0; i < source->n_decays; i++) {
        sum += source->decay_weight[i];
        table[3 * i] = (float)(sum / total);
        table[3 * i + 1] = (float)source->decay_ns[i];
        table[3 * i + 2] = source->rise_ns != NULL ? (float)source->rise_ns[i] : 0.0f;
    }
    record->n_decays = source->n_decays;
out:
    return status;
}

static chroma2_status
take_time(source_builder *self, const chroma2_source *source, source_record *record)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(source->time_law <= CHROMA2_LAW_UNIFORM, CHROMA2_INVALID_ARGUMENT,
        "source %zu: time_law is %u (must be LAW_FIXED or LAW_UNIFORM)", self->source,
        source->time_law);
    const int last = source->time_law == CHROMA2_LAW_UNIFORM ? 1 : 0;
    TRY(require_finite(self, "time_ns", source->time_ns, last + 1));
    record->time_law = source->time_law;
    record->time_ns[0] = (float)source->time_ns[0];
    record->time_ns[1] = (float)source->time_ns[last];
    TRY(take_decays(self, source, record));
out:
    return status;
}

static chroma2_status
take_beam(const source_builder *self, const chroma2_source *source, source_record *record)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(source->profile <= CHROMA2_BEAM_GAUSSIAN, CHROMA2_INVALID_ARGUMENT,
        "source %zu: profile is %u (must be a chroma2_beam_profile)", self->source,
        source->profile);
    TRY(take_direction(self, "direction", source->direction, record->direction));
    if (source->profile != CHROMA2_BEAM_PENCIL) {
        TRY(require_not_negative(self, "radius_mm", source->radius_mm));
        record->radius_mm = (float)source->radius_mm;
        record->form = source->profile == CHROMA2_BEAM_DISC ? FORM_DISC : FORM_GAUSSIAN;
    }
out:
    return status;
}

static chroma2_status
take_volume(const source_builder *self, const chroma2_source *source, source_record *record)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(source->shape <= CHROMA2_VOLUME_CYLINDER, CHROMA2_INVALID_ARGUMENT,
        "source %zu: shape is %u (must be a chroma2_volume_shape)", self->source, source->shape);
    if (source->shape == CHROMA2_VOLUME_BOX) {
        TRY(require_no_negatives(self, "half_size_mm", source->half_size_mm, 3));
        for (int i = 0; i < 3; i++) {
            record->span_mm[i] = (float)source->half_size_mm[i];
        }
        record->form = FORM_BOX;
        goto out;
    }
    TRY(require_not_negative(self, "radius_mm", source->radius_mm));
    record->radius_mm = (float)source->radius_mm;
    record->form = FORM_SPHERE;
    if (source->shape == CHROMA2_VOLUME_CYLINDER) {
        TRY(require_not_negative(self, "half_length_mm", source->half_length_mm));
        TRY(take_direction(self, "direction", source->direction, record->direction));
        record->half_length_mm = (float)source->half_length_mm;
        record->form = FORM_CYLINDER;
    }
out:
    return status;
}

static chroma2_status
take_span(const source_builder *self, const chroma2_source *source, source_record *record,
    double *out_length_mm)
{
    chroma2_status status = CHROMA2_OK;
    TRY(require_finite(self, "end_mm", source->end_mm, 3));
    double square = 0.0;
    for (int i = 0; i < 3; i++) {
        const double span = source->end_mm[i] - source->position_mm[i];
        square += span * span;
        record->span_mm[i] = (float)span;
    }
    TRY(require_number(
        self, "length of the track", sqrt(square), 0.0, DBL_MAX, "finite as a float"));
    *out_length_mm = sqrt(square);
out:
    return status;
}

/** source  Birks 1951: dL/dx = S dE/dx / (1 + kB dE/dx), here for a whole step */
static chroma2_status
take_scintillation(const source_builder *self, const chroma2_source *source, source_record *record,
    double *out_mean)
{
    chroma2_status status = CHROMA2_OK;
    double length_mm = 0.0;
    TRY(take_span(self, source, record, &length_mm));
    if (source->n_photons > 0) {
        goto out;
    }
    TRY(require_not_negative(self, "mean_photons", source->mean_photons));
    TRY(require_not_negative(self, "energy_mev", source->energy_mev));
    TRY(require_not_negative(self, "yield_per_mev", source->yield_per_mev));
    TRY(require_not_negative(self, "birks_mm_per_mev", source->birks_mm_per_mev));
    *out_mean = source->mean_photons;
    if (!(source->mean_photons > 0.0) && source->energy_mev > 0.0) {
        REQUIRE(length_mm > 0.0 || source->birks_mm_per_mev == 0.0, CHROMA2_INVALID_ARGUMENT,
            "source %zu: birks_mm_per_mev is %g at a point (quenching needs the length of the "
            "track). Set end_mm?",
            self->source, source->birks_mm_per_mev);
        const double quenching =
            source->birks_mm_per_mev == 0.0
                ? 1.0
                : 1.0 + source->birks_mm_per_mev * source->energy_mev / length_mm;
        *out_mean = source->yield_per_mev * source->energy_mev / quenching;
    }
out:
    return status;
}

/** What the table of a Cherenkov source that rejection is too slow for is made of. */
typedef struct cherenkov_context {
    const scene_view *scene;
    uint32_t material;
    double beta;
} cherenkov_context;

static double
cherenkov_integral(const void *context, double from, double to)
{
    const cherenkov_context *const c = context;
    return cherenkov_yield_of(c->scene, c->material, c->beta, 1.0, 1.0, from, to).mean;
}

static chroma2_status
take_cherenkov(
    source_builder *self, const chroma2_source *source, source_record *record, double *out_mean)
{
    chroma2_status status = CHROMA2_OK;
    const scene_view *const scene = self->scene;
    const wavelength_grid *const grid = &scene->grid;
    double length_mm = 0.0;
    const bool is_default = source->wavelength_nm[0] == 0.0 && source->wavelength_nm[1] == 0.0;
    const double low_nm = is_default ? (double)grid->low_nm : source->wavelength_nm[0];
    const double high_nm =
        is_default ? (double)grid->low_nm + (double)(grid->n - 1) * (double)grid->step_nm
                   : source->wavelength_nm[1];
    TRY(take_span(self, source, record, &length_mm));
    REQUIRE(length_mm > 0.0 || source->n_photons == 0, CHROMA2_INVALID_ARGUMENT,
        "source %zu: end_mm is position_mm (Cherenkov light needs a track)", self->source);
    TRY(require_number(self, "beta", source->beta, (double)FLT_MIN, 1.0, "in (0, 1]"));
    TRY(require_number(self, "charge", source->charge, -DBL_MAX, DBL_MAX, "finite as a float"));
    REQUIRE(source->charge != 0.0, CHROMA2_INVALID_ARGUMENT,
        "source %zu: charge is 0 (must not be)", self->source);
    REQUIRE(source->material < scene->n_materials, CHROMA2_INVALID_ARGUMENT,
        "source %zu: material is %u (the scene has %u)", self->source, source->material,
        scene->n_materials);
    TRY(require_positive(self, "wavelength_nm[0]", low_nm));
    REQUIRE((float)high_nm > (float)low_nm && high_nm <= (double)FLT_MAX, CHROMA2_INVALID_ARGUMENT,
        "source %zu: wavelength_nm[1] is %g (must be finite and > wavelength_nm[0], %g)",
        self->source, high_nm, low_nm);
    record->beta = (float)source->beta;
    record->material = source->material;
    const cherenkov_yield yield = cherenkov_yield_of(
        scene, source->material, (double)record->beta, source->charge, length_mm, low_nm, high_nm);
    *out_mean = yield.mean;
    REQUIRE(yield.sin2_max > 0.0 || source->n_photons == 0, CHROMA2_INVALID_ARGUMENT,
        "source %zu: beta is %g (below the threshold 1/n at every wavelength, but n_photons is "
        "%llu)",
        self->source, source->beta, (unsigned long long)source->n_photons);
    if (!(yield.sin2_max > 0.0) || !(length_mm > 0.0)) {
        goto out;
    }
    const double span[3] = {
        (double)record->span_mm[0], (double)record->span_mm[1], (double)record->span_mm[2]};
    TRY(take_direction(self, "end_mm - position_mm", span, record->direction));
    record->wavelength_nm[0] = (float)yield.low_nm;
    record->wavelength_nm[1] = (float)yield.high_nm;
    record->sin2_max = (float)yield.sin2_max;
    if (yield.efficiency < LEAST_EFFICIENCY) {
        const cherenkov_context context = {scene, source->material, (double)record->beta};
        TRY(source_tables_tabulate(
            self->out, yield.low_nm, yield.high_nm, cherenkov_integral, &context, record));
    }
out:
    return status;
}

/** What the kind alone decides. *out_mean is set if the number of photons is a Poisson number. */
static chroma2_status
take_kind(
    source_builder *self, const chroma2_source *source, source_record *record, double *out_mean)
{
    chroma2_status status = CHROMA2_OK;
    switch (source->kind) {
    case CHROMA2_SOURCE_CONE: {
        double sine, cosine;
        TRY(take_direction(self, "direction", source->direction, record->direction));
        TRY(require_number(self, "half_angle_rad", source->half_angle_rad, (double)FLT_MIN,
            3.1415926535897936, "in (0, pi]"));
        /* 1 - cos a = 2 sin^2(a/2), without cancellation */
        sincos_turn_double(source->half_angle_rad * (0.25 / 3.141592653589793), &sine, &cosine);
        record->one_minus_cos = (float)fmin(2.0 * sine * sine, 2.0);
        break;
    }
    case CHROMA2_SOURCE_BEAM:
        TRY(take_beam(self, source, record));
        break;
    case CHROMA2_SOURCE_VOLUME:
        TRY(take_volume(self, source, record));
        break;
    case CHROMA2_SOURCE_SCINTILLATION:
        TRY(take_scintillation(self, source, record, out_mean));
        break;
    case CHROMA2_SOURCE_CHERENKOV:
        TRY(take_cherenkov(self, source, record, out_mean));
        break;
    default:
        break;
    }
out:
    return status;
}

/** How many photons a source makes: a Poisson number about the mean if n_given is 0. A given number
 *  is scaled and, unless the product is whole, rounded up or down by chance, so that many small
 *  sources keep their sum. */
static uint64_t
count_photons(const source_builder *self, uint64_t n_given, double mean, random4 words)
{
    if (n_given == 0) {
        return poisson_large(mean * self->prescale, words);
    }
    if (self->prescale == 1.0) {
        return n_given;
    }
    const double u = ((double)words.w[0] + 0.5) * 0x1p-32;
    return (uint64_t)((double)n_given * self->prescale + u);
}

static chroma2_status
take_source(source_builder *self, const chroma2_source *source, random_key key, uint32_t event_id,
    source_record *record)
{
    chroma2_status status = CHROMA2_OK;
    double mean = 0.0;
    const bool may_count =
        source->kind == CHROMA2_SOURCE_SCINTILLATION || source->kind == CHROMA2_SOURCE_CHERENKOV;
    REQUIRE(source->size_bytes >= sizeof *source, CHROMA2_INVALID_ARGUMENT,
        "source %zu: size_bytes is %u (a chroma2_source has %zu). Begin with "
        "chroma2_source_default()?",
        self->source, source->size_bytes, sizeof *source);
    REQUIRE(source->kind < N_SOURCE_KINDS, CHROMA2_INVALID_ARGUMENT,
        "source %zu: kind is %u (must be a chroma2_source_kind)", self->source, source->kind);
    REQUIRE(may_count || source->n_photons > 0, CHROMA2_INVALID_ARGUMENT,
        "source %zu: n_photons is 0 (must be > 0)", self->source);
    memset(record, 0, sizeof *record);
    record->kind = source->kind;
    record->tag = source->tag;
    TRY(require_finite(self, "position_mm", source->position_mm, 3));
    for (int i = 0; i < 3; i++) {
        record->position_mm[i] = (float)source->position_mm[i];
    }
    TRY(take_time(self, source, record));
    if (source->kind != CHROMA2_SOURCE_CHERENKOV) {
        TRY(take_wavelength(self, source, record));
        TRY(require_finite(self, "polarization", source->polarization, 3));
        if (source->polarization[0] != 0.0 || source->polarization[1] != 0.0 ||
            source->polarization[2] != 0.0) {
            TRY(take_direction(self, "polarization", source->polarization, record->polarization));
        }
    }
    TRY(take_kind(self, source, record, &mean));
    REQUIRE(mean * self->prescale <= 0x1p40, CHROMA2_INVALID_ARGUMENT,
        "source %zu: makes %g photons (an event has room for 2^40)", self->source,
        mean * self->prescale);
    const uint64_t n_photons = count_photons(self, source->n_photons, mean,
        draw(key, event_id, self->source, LINEAGE_OF_COUNTS, 0, RANDOM_GENERATION, 0));
    REQUIRE(n_photons < (1ull << 40) - self->out->n_photons, CHROMA2_INVALID_ARGUMENT,
        "source %zu: n_photons is %llu (with %llu before it: an event has less than 2^40)",
        self->source, (unsigned long long)n_photons, (unsigned long long)self->out->n_photons);
    record->first_photon = self->out->n_photons;
    self->out->n_photons += n_photons;
out:
    return status;
}

chroma2_status
event_sources_build(const chroma2_source *sources, size_t n, const scene_view *scene, uint64_t seed,
    uint32_t event_id, double prescale, event_sources *out)
{
    chroma2_status status = CHROMA2_OK;
    const random_key key = key_from_seed(seed);
    source_builder self = {.scene = scene, .out = out, .prescale = prescale};
    out->n_records = 0;
    out->n_tables = 0;
    out->n_photons = 0;
    REQUIRE(n <= UINT32_MAX, CHROMA2_INVALID_ARGUMENT,
        "%zu sources (an event has room for 2^32 - 1)", n);
    REQUIRE(n == 0 || sources != NULL, CHROMA2_INVALID_ARGUMENT,
        "sources is NULL (n_sources is %zu)", n);
    if (n > out->records_capacity) {
        source_record *const records = realloc(out->records, n * sizeof *records);
        REQUIRE(records != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu sources", n);
        out->records = records;
        out->records_capacity = n;
    }
    for (size_t i = 0; i < n; i++) {
        self.source = i;
        TRY(take_source(&self, sources + i, key, event_id, out->records + i));
    }
    out->n_records = n;
out:
    return status;
}

void
event_sources_reset(event_sources *out)
{
    free(out->records);
    free(out->tables);
    memset(out, 0, sizeof *out);
}

chroma2_source
chroma2_source_default(void)
{
    chroma2_source source;
    memset(&source, 0, sizeof source);
    source.size_bytes = sizeof source;
    source.wavelength_nm[0] = 400.0;
    source.wavelength_nm[1] = 400.0;
    return source;
}
