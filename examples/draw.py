# SPDX-License-Identifier: BSD-3-Clause
"""How the examples draw: dark axes, a colour bar, pictures of few colours and few bytes."""

import io
import pathlib

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

INK, PAPER, PANEL, FAINT = "#e8ecf4", "#10141f", "#0a0d15", "#4a5570"
AMBER, BLUE, GREEN, WHITE = "#ffb347", "#5aa9e6", "#7bd389", "#ffffff"


def figure(title, subtitle, size=(12.0, 7.6)):
    """An empty page with a title."""
    page = Figure(figsize=size, dpi=100, facecolor=PAPER)
    FigureCanvasAgg(page)
    page.text(0.03, 0.945, title, color=INK, fontsize=16, fontweight="bold")
    page.text(0.03, 0.912, subtitle, color="#9aa5bd", fontsize=10.5)
    return page


def axes(page, place, title, x="", y=""):
    """Dark axes; place is (left, bottom, width, height) in shares of the page."""
    made = page.add_axes(place, facecolor=PANEL)
    for side, spine in made.spines.items():
        spine.set_color(FAINT)
        spine.set_visible(side in ("left", "bottom"))
    made.tick_params(colors=INK, labelsize=9)
    made.set_title(title, color=INK, fontsize=10.5, loc="left")
    made.set_xlabel(x, color=INK, fontsize=10)
    made.set_ylabel(y, color=INK, fontsize=10)
    return made


def legend(of, where="upper right"):
    """A legend on the axes' own ground."""
    made = of.legend(loc=where, labelcolor=INK, fontsize=9, handlelength=1.6, framealpha=0.85)
    made.get_frame().set(facecolor=PANEL, edgecolor="none")


def colour_bar(of, drawn, place, label):
    """A thin horizontal colour bar."""
    bar = of.figure.colorbar(drawn, cax=of.figure.add_axes(place), orientation="horizontal")
    bar.set_label(label, color=INK, fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=8, length=2)
    bar.outline.set_edgecolor(FAINT)


def points(values, edges):
    """Counts [n] in bins of edges [n + 1], and their errors."""
    counts = np.histogram(values, edges)[0].astype(float)
    return counts, np.sqrt(counts)


def save(page, path):
    """Writes a PNG of 256 colours."""
    buffer = io.BytesIO()
    page.savefig(buffer, format="png", facecolor=PAPER)
    picture = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    print(f"wrote {path}, {pathlib.Path(path).stat().st_size / 1000:.0f} kB")
