/* SPDX-License-Identifier: BSD-3-Clause */
/** Nearest hits of rays that the host asks for. */
#include "backends/cuda/cuda_device.h"
#include "backends/cuda/cuda_rung.h"
#include "geometry/trace_view.h"

#include <float.h>

__global__ static void
kernel_intersect(scene_view scene, const float *origins, const float *directions, size_t n,
    float *out_distance_mm, int32_t *out_triangle, int32_t *out_instance)
{
    const size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (i >= n) {
        return;
    }
    trace_ray ray;
    ray.origin = vec3_make(origins[3 * i], origins[3 * i + 1], origins[3 * i + 2]);
    ray.direction =
        vec3_normalize(vec3_make(directions[3 * i], directions[3 * i + 1], directions[3 * i + 2]));
    ray.t_max = FLT_MAX;
    ray.medium = NO_MEDIUM;
    ray.last = NO_PRIMITIVE;
    trace_work work;
    work.nodes = 0;
    work.triangles = 0;
    const trace_hit hit = trace_nearest(&scene, &ray, &work);
    const bool is_hit = hit.primitive != NO_PRIMITIVE;
    out_distance_mm[i] = is_hit ? hit.t : INFINITY;
    out_triangle[i] = is_hit ? (int32_t)hit.primitive : -1;
    out_instance[i] = is_hit ? (int32_t)hit.placement : -1;
}

chroma2_status
cuda_intersect_touch(void)
{
    return cuda_touch(kernel_intersect);
}

chroma2_status
cuda_intersect_run(backend_context *self, const scene_view *scene, const float *origins,
    const float *directions, size_t n, float *out_distance_mm, int32_t *out_triangle,
    int32_t *out_instance)
{
    chroma2_status status = CHROMA2_OK;
    float *rays = NULL;
    const size_t n_floats = 9 * n;
    cudaStream_t stream = self->side_stream;
    CUDA_TRY(cudaSetDevice(self->device));
    CUDA_TRY(cudaMalloc((void **)&rays, n_floats * sizeof(float)));
    CUDA_TRY(cudaMemcpyAsync(rays, origins, 3 * n * sizeof(float), cudaMemcpyHostToDevice, stream));
    CUDA_TRY(cudaMemcpyAsync(
        rays + 3 * n, directions, 3 * n * sizeof(float), cudaMemcpyHostToDevice, stream));
    CUDA_TRY(cuda_launch(kernel_intersect, (uint32_t)((n + 127) / 128), 128, 0, stream, *scene,
        rays, rays + 3 * n, n, rays + 6 * n, (int32_t *)(rays + 7 * n), (int32_t *)(rays + 8 * n)));
    CUDA_TRY(cudaMemcpyAsync(
        out_distance_mm, rays + 6 * n, n * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CUDA_TRY(cudaMemcpyAsync(
        out_triangle, rays + 7 * n, n * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CUDA_TRY(cudaMemcpyAsync(
        out_instance, rays + 8 * n, n * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CUDA_TRY(cudaStreamSynchronize(stream));
out:
    if (rays != NULL) {
        cudaFree(rays);
    }
    return status;
}
