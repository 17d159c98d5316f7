/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/fence.h"

chroma2_status
fence_create(const stream_ops *ops, fence **out_fence)
{
    return ops->fence_create(ops->context, out_fence);
}

void
fence_destroy(fence *self)
{
    if (self != NULL) {
        self->ops->fence_destroy(self);
    }
}

chroma2_status
fence_record(fence *self, stream *on)
{
    return self->ops->fence_record(self, on);
}

chroma2_status
fence_wait_on_stream(fence *self, stream *waiting)
{
    return self->ops->fence_wait_on_stream(self, waiting);
}

chroma2_status
fence_wait_on_host(fence *self, uint64_t timeout_ns)
{
    return self->ops->fence_wait_on_host(self, timeout_ns);
}
