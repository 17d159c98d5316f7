/* SPDX-License-Identifier: BSD-3-Clause */
/** The CPU backend: worker threads in a task loop over the stages. */
#pragma once
#include "backends/backend.h"

const backend_ops *cpu_backend_ops(void);
