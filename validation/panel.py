# SPDX-License-Identifier: BSD-3-Clause
"""Pictures for the pages of docs/physics: points of a run on the lines of a law, with residuals."""

import pathlib

import numpy as np

FIGURES = pathlib.Path(__file__).resolve().parents[1] / "docs/physics/figures"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKS = "osD^vP"
PULL = "(run - law) / \N{GREEK SMALL LETTER SIGMA}"


class Panel:
    """A figure of points with errors on lines, and below it the residuals."""

    def __init__(self, name, xlabel, ylabel, title, residual=PULL):
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        self.name = name
        self.plt = plt
        self.figure, (self.top, self.low) = plt.subplots(
            2,
            1,
            figsize=(6.0, 4.8),
            height_ratios=(3.2, 1.0),
            sharex=True,
            layout="constrained",
        )
        self.top.set_ylabel(ylabel)
        self.top.set_title(title, fontsize=8.5)
        self.low.set_xlabel(xlabel)
        self.low.set_ylabel(residual, fontsize=8)
        self.low.axhline(0.0, color="0.6", lw=0.8)
        self.chi2 = []  # (chi2, points) of each law
        self.most = 0.0  # largest residual
        self.k = 0

    def add(self, label, line, x, y, error, law):
        """One law: its line (x, y) and the run's points with their errors, and the law there."""
        colour, mark = COLOURS[self.k % len(COLOURS)], MARKS[self.k % len(MARKS)]
        self.k += 1
        self.top.plot(*line, color=colour, lw=1.0)
        good = np.asarray(error) > 0
        self.top.errorbar(x, y, error, fmt=mark, color=colour, ms=3.2, lw=0.9, label=label)
        pulls = (np.asarray(y) - np.asarray(law))[good] / np.asarray(error)[good]
        self.low.plot(np.asarray(x)[good], pulls, mark, color=colour, ms=2.8)
        self.chi2.append((float((pulls**2).sum()), int(good.sum())))
        self.most = max(self.most, float(np.abs(pulls).max(initial=0.0)))

    def add_counts(self, label, values, low, high, cdf, n_bins=40, n=None):
        """A histogram of values as a density, against the distribution function `cdf`.

        n  how many values there would be if none were cut off by low and high
        """
        edges = np.linspace(low, high, n_bins + 1)
        counts = np.histogram(values, edges)[0]
        n = len(values) if n is None else n
        width = edges[1] - edges[0]
        share = np.diff(cdf(edges))
        fine = np.linspace(low, high, 801)
        density = np.diff(cdf(fine)) / (fine[1] - fine[0])
        error = np.sqrt(n * share * (1.0 - share)) / (n * width)
        error[n * share < 5.0] = 0.0  # too few for a standard deviation to mean much
        middle = 0.5 * (edges[1:] + edges[:-1])
        line = (0.5 * (fine[1:] + fine[:-1]), density)
        self.add(label, line, middle, counts / (n * width), error, share / width)

    def add_shares(self, label, line, x, counts, n, law):
        """Shares of n photons a point."""
        law = np.clip(np.asarray(law, np.float64), 0.0, 1.0)
        error = np.sqrt(law * (1.0 - law) / n)
        self.add(label, line, x, np.asarray(counts) / n, error, law)

    def save(self, log=False, bottom=None, legend="best", pulls=4.5, columns=1):
        if log:
            self.top.set_yscale("log")
        if bottom is not None:
            self.top.set_ylim(bottom=bottom)
        chi2, n, most = sum(c[0] for c in self.chi2), sum(c[1] for c in self.chi2), self.most
        if pulls:
            self.low.set_ylim(-max(pulls, 1.1 * most), max(pulls, 1.1 * most))
        title = f"χ² {chi2:.0f} / {n} points" if n else None
        self.top.legend(
            fontsize=7.5, title_fontsize=7.5, title=title, loc=legend, ncols=columns, framealpha=0.9
        )
        for axes in (self.top, self.low):
            axes.tick_params(labelsize=8)
        FIGURES.mkdir(parents=True, exist_ok=True)
        path = FIGURES / f"{self.name}.png"
        self.figure.savefig(
            path, dpi=96, metadata={"Software": None}, pil_kwargs={"optimize": True}
        )
        self.plt.close(self.figure)
        print(f"{path.name:32} {path.stat().st_size / 1024:5.1f} kB   chi2 {chi2:7.1f} / {n}")
