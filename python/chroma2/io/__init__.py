# SPDX-License-Identifier: BSD-3-Clause
"""Files: `chroma2.io.hdf5` is the native format; tables also export themselves (`Table.to_...`)."""

from __future__ import annotations

from chroma2.io.hdf5 import ResultFile, Writer, open_results

__all__ = ["ResultFile", "Writer", "open_results"]
