# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of events: an unrolled hit map, a time histogram, a few numbers. Works headless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chroma2.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chroma2.result import Hits

Floats = NDArray[np.float64]

_INK, _PAPER, _FAINT, _ACCENT = "#e8ecf4", "#10141f", "#3a4358", "#ffb347"


class Unrolled(NamedTuple):
    """Channels in the plane: centres x, y (mm), a radius to draw them with, outlines to frame them.

    outlines  ("circle", x, y, r), ("box", x0, y0, width, height) or ("oval", x, y, w, h)
    """

    x: Floats
    y: Floats
    radius: float
    outlines: list[tuple[Any, ...]]
    kind: str


def unroll(position: Floats) -> Unrolled:
    """Lays channel positions [n, 3] mm out flat.

    A cylinder round the z axis becomes a barrel with its two ends above and below it; anything else
    is shown by direction from the middle, in Hammer's equal-area projection.
    """
    low, high = np.nanmin(position, axis=0), np.nanmax(position, axis=0)
    p = position - 0.5 * (low + high)
    r = np.hypot(p[:, 0], p[:, 1])
    z_end, r_wall = np.nanmax(np.abs(p[:, 2])), np.nanmax(r)
    is_end = np.abs(p[:, 2]) >= 0.995 * z_end
    is_wall = (r >= 0.98 * r_wall) & ~is_end
    seen = np.isfinite(r)
    if is_wall.any() and is_end.any() and bool(np.all(is_wall | is_end | ~seen)):
        return _cylinder(p, r, is_end, float(r_wall), float(z_end))
    return _sphere(p)


def _cylinder(p: Floats, r: Floats, is_end: NDArray[np.bool_], wall: float, end: float) -> Unrolled:
    phi = np.arctan2(p[:, 1], p[:, 0])
    r_end = float(np.nanmax(r[is_end])) * 1.04
    height = end * 1.02
    shift = height + r_end + 0.06 * height
    up = np.sign(p[:, 2])
    # The ends unfold towards the middle of the barrel, phi = 0, where x > 0.
    x = np.where(is_end, p[:, 1], phi * wall)
    y = np.where(is_end, up * (shift - p[:, 0]), p[:, 2])
    area = 4.0 * np.pi * wall * height + 2.0 * np.pi * r_end**2
    outlines = [
        ("box", -np.pi * wall, -height, 2 * np.pi * wall, 2 * height),
        ("circle", 0.0, shift, r_end),
        ("circle", 0.0, -shift, r_end),
    ]
    return Unrolled(x, y, 0.44 * float(np.sqrt(area / len(p))), outlines, "cylinder")


def _sphere(p: Floats) -> Unrolled:
    length = np.sqrt(np.sum(p * p, axis=1))
    length = np.where(length > 0, length, 1.0)
    latitude = np.arcsin(np.clip(p[:, 2] / length, -1.0, 1.0))
    half = 0.5 * np.arctan2(p[:, 1], p[:, 0])
    size = float(np.nanmax(length))
    scale = size / np.sqrt(1.0 + np.cos(latitude) * np.cos(half))
    x = 2.0 * scale * np.cos(latitude) * np.sin(half)
    y = scale * np.sin(latitude)
    radius = 0.42 * size * float(np.sqrt(2.0 * np.pi / len(p)))
    return Unrolled(
        x, y, min(radius, 0.12 * size), [("oval", 0.0, 0.0, 4.2 * size, 2.1 * size)], "direction"
    )


def event_figure(
    hits: Hits,
    position: Floats,
    summary: Mapping[str, str] | None = None,
    title: str = "chroma2",
) -> Figure:
    """Hit map, time histogram and text panel as one figure.

    position  [n_channels, 3] mm
    summary   lines of the text panel
    Raises MissingDependency without matplotlib (extra `plot`).
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise require("matplotlib", "plot", "plotting") from None
    figure = Figure(figsize=(13.5, 8.6), dpi=120, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        2,
        2,
        width_ratios=(2.6, 1.0),
        height_ratios=(1.15, 1.0),
        left=0.025,
        right=0.975,
        top=0.93,
        bottom=0.075,
        wspace=0.06,
        hspace=0.16,
    )
    figure.text(0.028, 0.955, title, color=_INK, fontsize=17, fontweight="bold")
    hit_map(figure.add_subplot(grid[:, 0]), hits, position)
    _panel(figure.add_subplot(grid[0, 1]), summary or {})
    time_histogram(figure.add_subplot(grid[1, 1]), hits)
    return figure


def hit_map(axes: Axes, hits: Hits, position: Floats) -> None:
    """Detected photons per channel in colour, on the unrolled detector."""
    from matplotlib import colormaps
    from matplotlib.collections import EllipseCollection
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    axes.set_facecolor(_PAPER)
    axes.set_aspect("equal")
    axes.axis("off")
    n = len(position)
    if n == 0 or not np.isfinite(position).any():
        axes.text(0.5, 0.5, "no channels", color=_INK, ha="center", transform=axes.transAxes)
        return
    flat = unroll(position)
    _outline(axes, flat)
    inside = (hits.channel >= 0) & (hits.channel < n)
    count = np.bincount(hits.channel[inside], weights=hits.weights[inside], minlength=n)
    seen = np.isfinite(flat.x)
    lit = seen & (count > 0)
    dark = seen & ~lit
    size = 2.0 * flat.radius
    for mask, kwargs in (
        (dark, {"facecolors": "none", "edgecolors": _FAINT, "linewidths": 0.5}),
        (lit, {"linewidths": 0.0}),
    ):
        if not mask.any():
            continue
        d = np.full(int(mask.sum()), size)
        collection = EllipseCollection(
            d,
            d,
            np.zeros_like(d),
            units="xy",
            offsets=np.column_stack([flat.x, flat.y])[mask],
            offset_transform=axes.transData,
            **kwargs,
        )
        if mask is lit:
            values = count[mask]
            top = float(values.max())
            wide = top > 30.0 * float(np.median(values))
            norm = LogNorm(0.9, top) if wide else Normalize(0.0, max(1.0, top))
            collection.set_array(values)
            shades = colormaps["inferno"](np.linspace(0.16, 1.0, 256))
            collection.set_cmap(ListedColormap(shades))
            collection.set_norm(norm)
        axes.add_collection(collection)
    axes.margins(0.01)
    axes.autoscale_view()
    if lit.any():
        inset = axes.inset_axes((0.012, 0.035, 0.26, 0.022))
        bar = axes.figure.colorbar(collection, cax=inset, orientation="horizontal")
        bar.set_label("photons detected per channel", color=_INK, fontsize=10, labelpad=4)
        bar.ax.xaxis.set_label_position("top")
        bar.ax.tick_params(colors=_INK, labelsize=9, length=3)
        bar.outline.set_edgecolor(_FAINT)


def _outline(axes: Axes, flat: Unrolled) -> None:
    from matplotlib.patches import Circle, Ellipse, Rectangle

    style: dict[str, Any] = {
        "fill": True,
        "facecolor": "#0a0d15",
        "edgecolor": _FAINT,
        "linewidth": 1.0,
        "zorder": 0,
    }
    for kind, *numbers in flat.outlines:
        if kind == "box":
            x, y, w, h = numbers
            axes.add_patch(Rectangle((x, y), w, h, **style))
        elif kind == "circle":
            x, y, r = numbers
            axes.add_patch(Circle((x, y), r, **style))
        else:
            x, y, w, h = numbers
            axes.add_patch(Ellipse((x, y), w, h, **style))
    if flat.kind == "cylinder":
        _, x, y, w, h = flat.outlines[0]
        note: dict[str, Any] = {"color": "#9aa5bd", "fontsize": 9, "ha": "center", "va": "top"}
        axes.text(x, y - 0.02 * h, "-180°", **{**note, "ha": "left"})
        axes.text(x + w, y - 0.02 * h, "180°", **{**note, "ha": "right"})
        _, cx, cy, r = flat.outlines[1]
        axes.text(cx + 0.78 * r, cy + 0.78 * r, "top", **{**note, "ha": "left"})
        _, cx, cy, r = flat.outlines[2]
        axes.text(cx + 0.78 * r, cy - 0.68 * r, "bottom", **{**note, "ha": "left"})


def time_histogram(axes: Axes, hits: Hits) -> None:
    """Times of all hits, in ns."""
    axes.set_facecolor("#0a0d15")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_FAINT)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.set_xlabel("time of detection (ns)", color=_INK, fontsize=10)
    axes.set_title("hits per bin", color=_INK, fontsize=10, loc="left")
    if len(hits) == 0:
        return
    low, high = np.percentile(hits.t, (0.0, 99.8))
    low, high = (low - 1.0, high + 1.0) if high <= low else (low, high)
    edges = np.linspace(low, high, 100).tolist()
    axes.hist(hits.t, bins=edges, color=_ACCENT, histtype="stepfilled", alpha=0.9)
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    late = int(np.count_nonzero(hits.t > high))
    if late:
        axes.text(
            0.98,
            0.95,
            f"{late:,} later",
            color="#9aa5bd",
            fontsize=9,
            ha="right",
            va="top",
            transform=axes.transAxes,
        )


def _panel(axes: Axes, summary: Mapping[str, str]) -> None:
    axes.axis("off")
    step = min(0.085, 0.98 / max(1, len(summary)))
    for i, (name, value) in enumerate(summary.items()):
        y = 0.985 - i * step
        axes.text(0.0, y, name, color="#9aa5bd", fontsize=11, va="top", transform=axes.transAxes)
        axes.text(
            1.0,
            y,
            value,
            color=_INK,
            fontsize=11,
            va="top",
            ha="right",
            transform=axes.transAxes,
            family="monospace",
        )
