/* SPDX-License-Identifier: BSD-3-Clause */
/** Tells AddressSanitizer which bytes of an arena nobody owns. Without it these do nothing. */
#pragma once
#include <stddef.h>

#include "runtime/mem_ops.h"

/** From now on, touching these bytes is an error. Only host memory is known to the sanitizer. */
void memory_poison(const mem_ops *mem, const void *memory, size_t size_bytes);

/** From now on, these bytes may be touched. */
void memory_unpoison(const mem_ops *mem, const void *memory, size_t size_bytes);
