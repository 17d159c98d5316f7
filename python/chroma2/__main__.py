# SPDX-License-Identifier: BSD-3-Clause
"""``python -m chroma2`` is the command ``chroma2``."""

from __future__ import annotations

import sys

from chroma2.cli import main

sys.exit(main())
