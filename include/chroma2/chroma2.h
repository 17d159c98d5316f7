/* SPDX-License-Identifier: BSD-3-Clause */
/** chroma2: optical photons through particle detectors. Read the headers in this order. */
#pragma once
#include "chroma2/status.h"
#include "chroma2/scene.h"
#include "chroma2/source.h"
#include "chroma2/photon_batch.h"
#include "chroma2/event.h"
#include "chroma2/session.h"
#include "chroma2/checkpoint.h"
#include "chroma2/future.h"
#include "chroma2/result.h"
#include "chroma2/history.h"
#include "chroma2/metrics.h"
