/* SPDX-License-Identifier: BSD-3-Clause */
/** Watertight, scale-free ray against triangle.
 *
 *  source  Woop, Benthin, Wald 2013, "Watertight Ray/Triangle Intersection", JCGT 2(1), listing 1.
 *  It differs in one place: the edge functions of every candidate are taken again in double, where
 *  products of floats are exact. Their signs then are exact (the float ones are, unless 0), and
 *  their ratios good to a float's rounding even if the triangle is seen edge-on; so the hit lies on
 *  the triangle and near the ray, which is what lets a tree of padded boxes cull.
 *  The proof needs plain products and differences: never let a compiler contract them. */
#pragma once
#include "base/vec3.h"

/** The shear that makes a direction the z axis, after a turn that makes its largest component z:
 *  one for all triangles of a ray. */
typedef struct trace_setup {
    float sx, sy, sz;
    uint32_t axes; // which components become x, y and z: AXES_*
} trace_setup;

/* Which components of a vector become x | y << 2 | z << 4: those of a turn, so that triangles keep
 * their orientation. */
#define AXES_YZX 9u
#define AXES_ZXY 18u
#define AXES_XYZ 36u

/** Where a ray's line meets a triangle. */
typedef struct triangle_hit {
    float t;               // signed distance, in lengths of the direction
    uint32_t from_outside; // 1: met from the side that (v1-v0)x(v2-v1) points to
    float weight[3];       // of v0, v1, v2: barycentric coordinates when divided by their sum
} triangle_hit;

/** A vector after the turn that axes name. */
CHROMA2_HOST_DEVICE vec3
vec3_turned(vec3 v, uint32_t axes)
{
    const bool is_yzx = axes == AXES_YZX;
    const bool is_zxy = axes == AXES_ZXY;
    return vec3_make(is_yzx ? v.y : (is_zxy ? v.z : v.x), is_yzx ? v.z : (is_zxy ? v.x : v.y),
        is_yzx ? v.x : (is_zxy ? v.y : v.z));
}

CHROMA2_HOST_DEVICE trace_setup
trace_setup_make(vec3 direction)
{
    const float x = fabsf(direction.x);
    const float y = fabsf(direction.y);
    const float z = fabsf(direction.z);
    trace_setup s;
    s.axes = x > y ? (x > z ? AXES_YZX : AXES_XYZ) : (y > z ? AXES_ZXY : AXES_XYZ);
    const vec3 turned = vec3_turned(direction, s.axes);
    s.sx = turned.x / turned.z;
    s.sy = turned.y / turned.z;
    s.sz = 1.0f / turned.z;
    return s;
}

/** The sign of a b - c d is exact: two exact products, one rounding. */
CHROMA2_HOST_DEVICE double
triangle_edge(float a, float b, float c, float d)
{
    return (double)a * (double)b - (double)c * (double)d;
}

/** triangle_intersect, of corners less the origin, after the turn of the setup. */
CHROMA2_HOST_DEVICE bool
triangle_meet(const trace_setup *s, const vec3 seen[3], triangle_hit *out_hit)
{
    const float az = seen[0].z;
    const float bz = seen[1].z;
    const float cz = seen[2].z;
    const float ax = seen[0].x - s->sx * az;
    const float ay = seen[0].y - s->sy * az;
    const float bx = seen[1].x - s->sx * bz;
    const float by = seen[1].y - s->sy * bz;
    const float cx = seen[2].x - s->sx * cz;
    const float cy = seen[2].y - s->sy * cz;
    const float u = cx * by - cy * bx;
    const float v = ax * cy - ay * cx;
    const float w = bx * ay - by * ax;
    if ((u < 0.0f || v < 0.0f || w < 0.0f) && (u > 0.0f || v > 0.0f || w > 0.0f)) {
        return false;
    }
    const double exact_u = triangle_edge(cx, by, cy, bx);
    const double exact_v = triangle_edge(ax, cy, ay, cx);
    const double exact_w = triangle_edge(bx, ay, by, ax);
    if ((u == 0.0f || v == 0.0f || w == 0.0f) && // else the signs are known
        (exact_u < 0.0 || exact_v < 0.0 || exact_w < 0.0) &&
        (exact_u > 0.0 || exact_v > 0.0 || exact_w > 0.0)) {
        return false;
    }
    out_hit->weight[0] = (float)exact_u;
    out_hit->weight[1] = (float)exact_v;
    out_hit->weight[2] = (float)exact_w;
    const float det = out_hit->weight[0] + out_hit->weight[1] + out_hit->weight[2];
    if (det == 0.0f) {
        return false;
    }
    const float depth = out_hit->weight[0] * az + out_hit->weight[1] * bz + out_hit->weight[2] * cz;
    out_hit->t = s->sz * depth / det;
    out_hit->from_outside = (float_bits(det) ^ float_bits(s->sz)) >> 31 ^ 1u; // equal signs: 1
    return true;
}

/** Whether the line of the ray meets the triangle, edges and corners included; a degenerate or
 *  edge-on triangle is never met. out_hit is written only then. */
CHROMA2_HOST_DEVICE bool
triangle_intersect(const trace_setup *s, vec3 origin, const vec3 corner[3], triangle_hit *out_hit)
{
    const vec3 seen[3] = {vec3_turned(vec3_sub(corner[0], origin), s->axes),
        vec3_turned(vec3_sub(corner[1], origin), s->axes),
        vec3_turned(vec3_sub(corner[2], origin), s->axes)};
    return triangle_meet(s, seen, out_hit);
}

/** Whether a triangle's plane lies ahead of the ray, exactly where the origin is on it, up to the
 *  rounding of doubles elsewhere: the sign of t, which the float t has not where it is small.
 *  from_outside  of the hit: the plane lies ahead if the origin is on the side it is met from */
CHROMA2_HOST_DEVICE bool
triangle_is_ahead(vec3 origin, const vec3 corner[3], uint32_t from_outside)
{
    const double e1[3] = {(double)corner[1].x - (double)corner[0].x,
        (double)corner[1].y - (double)corner[0].y, (double)corner[1].z - (double)corner[0].z};
    const double e2[3] = {(double)corner[2].x - (double)corner[0].x,
        (double)corner[2].y - (double)corner[0].y, (double)corner[2].z - (double)corner[0].z};
    const double height =
        ((double)corner[0].x - (double)origin.x) * (e1[1] * e2[2] - e1[2] * e2[1]) +
        ((double)corner[0].y - (double)origin.y) * (e1[2] * e2[0] - e1[0] * e2[2]) +
        ((double)corner[0].z - (double)origin.z) * (e1[0] * e2[1] - e1[1] * e2[0]);
    return from_outside != 0 ? height < 0.0 : height > 0.0;
}
