/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/metrics.h"

#include <stdlib.h>

struct metrics {
    const mem_ops *mem;
    metrics_view view;
};

static const metric_description descriptions[METRIC_COUNT] = {
#define X(name, unit, kind, meaning) {#name, unit, meaning, METRIC_KIND_##kind},
    METRIC_LIST(X)
#undef X
};

const metric_description *
metric_describe(uint32_t id)
{
    return &descriptions[id];
}

chroma2_status
metrics_create(const mem_ops *mem, metrics **out_metrics)
{
    chroma2_status status = CHROMA2_OK;
    metrics *self = NULL;
    void *memory = NULL;
    const metric_cell zero = {0};

    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the header of the metrics");
    self->mem = mem;
    TRY(mem->allocate(mem->context, METRIC_COUNT * sizeof(metric_cell), MEM_LINE_BYTES, &memory));
    self->view.cells = memory;
    for (uint32_t id = 0; id < METRIC_COUNT; ++id) {
        TRY(mem->copy_to_device(mem->context, &self->view.cells[id], &zero, sizeof zero));
    }

    *out_metrics = self;
    self = NULL; // the caller owns it now
out:
    metrics_destroy(self);
    return status;
}

void
metrics_destroy(metrics *self)
{
    if (self == NULL) {
        return;
    }
    self->mem->release(self->mem->context, self->view.cells);
    free(self);
}

metrics_view
metrics_view_of(const metrics *self)
{
    return self->view;
}

chroma2_status
metrics_snapshot(const metrics *self, metrics_reading *out_reading)
{
    chroma2_status status = CHROMA2_OK;
    metric_cell copies[METRIC_COUNT];

    if (self->mem->is_host_addressable) {
        for (uint32_t id = 0; id < METRIC_COUNT; ++id) {
            out_reading->value[id] = metric_read(&self->view, (metric_id)id);
        }
        goto out;
    }
    TRY(self->mem->copy_from_device(self->mem->context, copies, self->view.cells, sizeof copies));
    for (uint32_t id = 0; id < METRIC_COUNT; ++id) {
        out_reading->value[id] = copies[id].value;
    }
out:
    return status;
}

void
metrics_reading_merge(metrics_reading *total, const metrics_reading *part)
{
    for (uint32_t id = 0; id < METRIC_COUNT; ++id) {
        if (descriptions[id].kind != METRIC_KIND_high_water) {
            total->value[id] += part->value[id];
        } else if (part->value[id] > total->value[id]) {
            total->value[id] = part->value[id];
        }
    }
}
