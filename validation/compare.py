# SPDX-License-Identifier: BSD-3-Clause
"""Histograms of final photons, and the probability that two samples come from one law.

Numbers only: nothing here knows how the photons were made. The histograms are those of the legacy
outcomes (README.md): 202 integers = underflow, 200 equal bins, overflow.
"""

import math

import numpy as np

P_MIN = 1e-6  # a comparison below this fails

N_BINS = 200
CATEGORIES = {  # name: history bit that a photon of the category ends with
    "all": None,
    "detect": 1 << 2,
    "surface_absorb": 1 << 3,
    "bulk_absorb": 1 << 1,
    "no_hit": 1 << 0,
}
RANGES = {  # quantity: low, high
    "t": (0.0, 100.0),
    "r": (0.0, 1800.0),
    "z": (-1001.0, 1001.0),
    "wl": (100.0, 800.0),
    "dirz": (-1.0001, 1.0001),
}


# ------------------------------------------------------------------ histograms
def histogram(values, low, high):
    """int64 [202]: underflow, 200 equal bins of [low, high), overflow."""
    x = (np.asarray(values, np.float64) - low) * (N_BINS / (high - low))
    cell = np.clip(np.floor(x), -1, N_BINS).astype(np.int64) + 1
    return np.bincount(cell, minlength=N_BINS + 2)


class Outcome:
    """What is kept of a run: sums over photons, so that runs of any length fit."""

    def __init__(self, n_channels):
        self.n = 0
        self.flags = {}  # history word: photons with exactly that word
        self.histograms = {}  # (quantity, category): int64 [202]
        self.channels = np.zeros(n_channels, np.int64)
        self.channel_t = np.zeros(n_channels)  # sums of t and t^2 over detected photons
        self.channel_t2 = np.zeros(n_channels)
        self.ended_at = np.zeros(0, np.int64)  # photons whose last step was step i + 1

    def add(self, photons, channel):
        """Adds final photons.

        photons : pos [n, 3], dir [n, 3], wavelengths, t, flags, n_steps [n] as attributes
        channel : channel index of the triangle each photon met last, -1 if none, [n]
        """
        flags = np.asarray(photons.flags, np.uint32)
        t = np.asarray(photons.t, np.float64)
        pos = np.asarray(photons.pos, np.float64)
        self.n += len(flags)
        for word, n in zip(*np.unique(flags, return_counts=True), strict=True):
            self.flags[int(word)] = self.flags.get(int(word), 0) + int(n)
        quantities = {
            "t": t,
            "r": np.sqrt((pos**2).sum(1)),
            "z": pos[:, 2],
            "wl": photons.wavelengths,
            "dirz": np.asarray(photons.dir)[:, 2],
        }
        for category, bit in CATEGORIES.items():
            chosen = slice(None) if bit is None else (flags & bit) != 0
            for name, values in quantities.items():
                counts = histogram(np.asarray(values)[chosen], *RANGES[name])
                key = (name, category)
                self.histograms[key] = self.histograms.get(key, 0) + counts
        hit = ((flags & CATEGORIES["detect"]) != 0) & (channel >= 0)
        n_channels = len(self.channels)
        self.channels += np.bincount(channel[hit], minlength=n_channels)
        self.channel_t += np.bincount(channel[hit], t[hit], minlength=n_channels)
        self.channel_t2 += np.bincount(channel[hit], t[hit] ** 2, minlength=n_channels)
        ended = np.bincount(np.asarray(photons.n_steps, np.int64))[1:]
        size = max(len(ended), len(self.ended_at))
        self.ended_at = np.pad(self.ended_at, (0, size - len(self.ended_at)))
        self.ended_at[: len(ended)] += ended

    def steps_alive(self):
        """Photons alive before step 0, 1, 2, ..."""
        return self.n - np.concatenate([[0], np.cumsum(self.ended_at)])


def legacy_outcome(npz, run):
    """The stored outcome of one legacy run. Times are known by their mean alone, per channel."""
    self = Outcome(len(npz[f"channels__{run}"]))
    self.flags = {int(word): int(n) for word, n in npz[f"flags__{run}"]}
    self.n = sum(self.flags.values())
    for category in CATEGORIES:
        for name in RANGES:
            self.histograms[name, category] = npz[f"{name}__{run}__{category}"].astype(np.int64)
    self.channels = npz[f"channels__{run}"].astype(np.int64)
    self.channel_t = npz[f"channel_tmean__{run}"] * self.channels
    self.channel_t2 = None
    if f"steps_alive__{run}" in npz:
        alive = npz[f"steps_alive__{run}"].astype(np.int64)
        self.ended_at = alive - np.concatenate([alive[1:], [0]])
    return self


# ------------------------------------------------------------------ laws
def gamma_q(a, x):
    """Upper regularized incomplete gamma function Q(a, x): series below a + 1, Lentz's continued
    fraction above. 1e-9 of itself for a <= 1e6."""
    if x <= 0.0:
        return 1.0
    front = a * math.log(x) - x - math.lgamma(a)
    if x < a + 1.0:
        term = total = 1.0 / a
        k = a
        while term > total * 1e-16:
            k += 1.0
            term *= x / k
            total += term
        return max(0.0, 1.0 - total * math.exp(front))
    tiny = 1e-300
    b = x + 1.0 - a
    c, d = 1.0 / tiny, 1.0 / b
    h = d
    for i in range(1, 100_000):
        an = -i * (i - a)
        b += 2.0
        d = an * d + b
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = b + an / c
        c = c if abs(c) > tiny else tiny
        h *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return math.exp(front) * h


def chi2_p(chi2, ndf):
    """Probability of a larger chi2."""
    return 1.0 if ndf <= 0 else gamma_q(0.5 * ndf, 0.5 * chi2)


def poisson_p(n, mean):
    """Two-sided probability of a count: twice the smaller tail that includes it."""
    below = gamma_q(n + 1.0, mean)  # P(N <= n)
    above = 1.0 if n == 0 else 1.0 - gamma_q(float(n), mean)  # P(N >= n)
    return min(1.0, 2.0 * min(below, above))


def binomial_p(k, n, share):
    """Two-sided probability of k out of n. Normal where both shares expect 50 or more; else the
    Poisson law of the rarer side, which is wider than the binomial: never too small."""
    rare = min(share, 1.0 - share) * n
    if rare >= 50.0:
        z2 = (k - n * share) ** 2 / (n * share * (1.0 - share))
        return chi2_p(z2, 1)
    return poisson_p(k if share < 0.5 else n - k, rare)


# ------------------------------------------------------------------ two samples
def merged(a, b, least=20.0):
    """Neighbouring bins joined until the smaller sample expects `least` counts in each.

    The expectation of a bin is its pooled share times the sample's size; bins with fewer counts do
    not follow the chi2 law far out in the tail, where the comparison decides.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    pooled = (a + b) * (min(a.sum(), b.sum()) / max(a.sum() + b.sum(), 1.0))
    edges, expected = [0], 0.0
    for i, value in enumerate(pooled):
        if expected >= least:
            edges.append(i)
            expected = 0.0
        expected += value
    if expected < least and len(edges) > 1:
        edges.pop()  # the rest joins the last full bin
    return np.add.reduceat(a, edges), np.add.reduceat(b, edges)


def chi2_two_samples(a, b):
    """chi2, ndf, p that two histograms of any sizes come from one law.

    source  N. D. Gagunashvili, "Comparison of weighted and unweighted histograms" (2006), eq. 5
    """
    a, b = merged(a, b)
    if len(a) < 2:
        return 0.0, 0, 1.0
    share = math.sqrt(b.sum() / a.sum())
    chi2 = float((((share * a - b / share) ** 2) / (a + b)).sum())
    return chi2, len(a) - 1, chi2_p(chi2, len(a) - 1)


def ks_two_samples(a, b):
    """Largest distance of the cumulative shares, and p by Kolmogorov's law with Stephens' factor.
    Distances are seen at bin edges only, which makes p too large, never too small."""
    n, m = float(np.sum(a)), float(np.sum(b))
    if n == 0.0 or m == 0.0:
        return 0.0, 1.0
    distance = float(np.abs(np.cumsum(a) / n - np.cumsum(b) / m).max())
    root = math.sqrt(n * m / (n + m))
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.2:
        return distance, 1.0
    terms = (2.0 * (-1.0) ** (j - 1) * math.exp(-2.0 * (j * x) ** 2) for j in range(1, 101))
    return distance, min(1.0, max(0.0, sum(terms)))


def line(what, test, size, p, detail=""):
    """One row of a report."""
    return {"what": what, "test": test, "size": size, "p": p, "detail": detail}


def by_word(left, right, without):
    """Two flag tables as columns over the same words, most frequent first."""
    words = {w for w in (*left, *right) if not w & without}
    words = sorted(words, key=lambda w: -(left.get(w, 0) + right.get(w, 0)))
    return [left.get(w, 0) for w in words], [right.get(w, 0) for w in words]


def chi2_line(what, a, b):
    chi2, ndf, p = chi2_two_samples(a, b)
    return line(what, "chi2", f"{chi2:.1f} / {ndf}", p)


def compare_outcomes(ours, theirs):
    """Every comparison of a run with a legacy run, as rows of a report.

    NO_HIT is left out of the flag table: legacy leaks 1 to 8 photons in 1e7.
    """
    no_hit = CATEGORIES["no_hit"]
    rows = [chi2_line("history words", *by_word(ours.flags, theirs.flags, no_hit))]
    for category in CATEGORIES:
        if category == "no_hit":
            continue
        for name in RANGES:
            a, b = ours.histograms[name, category], theirs.histograms[name, category]
            rows.append(chi2_line(f"{name}, {category}", a, b))
            distance, p = ks_two_samples(a, b)
            rows.append(line(f"{name}, {category}", "KS", f"{distance:.2e}", p))
    rows.append(chi2_line("photons by channel", ours.channels, theirs.channels))
    if ours.channel_t2 is not None:
        rows.append(channel_time_line(ours, theirs))
    if len(theirs.ended_at) > 0:
        n = max(len(ours.ended_at), len(theirs.ended_at))
        a, b = (np.pad(o.ended_at, (0, n - len(o.ended_at))) for o in (ours, theirs))
        rows.append(chi2_line("photons alive by step", a, b))
    return rows


def channel_time_line(ours, theirs):
    """Mean detection times by channel. Legacy gives no spread; both have ours."""
    seen = (ours.channels >= 50) & (theirs.channels >= 50)
    n, m = ours.channels[seen], theirs.channels[seen]
    mean = ours.channel_t[seen] / n
    variance = (ours.channel_t2[seen] / n - mean**2) * n / (n - 1)
    z2 = (mean - theirs.channel_t[seen] / m) ** 2 / (variance * (1.0 / n + 1.0 / m))
    chi2, ndf = float(z2.sum()), int(seen.sum())
    return line("mean time by channel", "chi2", f"{chi2:.1f} / {ndf}", chi2_p(chi2, ndf))


def worst(rows):
    return min((row["p"] for row in rows), default=1.0)


# ------------------------------------------------------------------ flat dielectric layers
def fresnel_reflectance(cos_i, n1, n2, polarization):
    """Share of power reflected at a boundary, "s" or "p"; 1 beyond the critical angle.

    source  Born & Wolf, Principles of Optics, 7th ed., sec. 1.5.2
    """
    sin2_t = (n1 / n2) ** 2 * (1.0 - cos_i**2)
    if sin2_t >= 1.0:
        return 1.0
    cos_t = math.sqrt(1.0 - sin2_t)
    if polarization == "s":
        r = (n1 * cos_i - n2 * cos_t) / (n1 * cos_i + n2 * cos_t)
    else:
        r = (n2 * cos_i - n1 * cos_t) / (n2 * cos_i + n1 * cos_t)
    return r * r


def slab_shares(cos_i, polarization, start):
    """Where light ends in air (1.0) over 1.5 over 1.33, and whether it was ever mirrored.

    cos_i   at the air/glass boundary, from the side that the light starts on: "air", "glass" (going
            up, towards the air)
    returns share reflected at the first boundary, {(end, mirrored): share}: end "top" or "bottom"
    """
    air, glass, water = 1.0, 1.5, 1.33
    n1 = air if start == "air" else glass
    sin_glass2 = (n1 / glass) ** 2 * (1.0 - cos_i**2)
    cos_glass = math.sqrt(1.0 - sin_glass2)
    up = fresnel_reflectance(cos_glass, glass, air, polarization)  # seen from inside the glass
    down = fresnel_reflectance(cos_glass, glass, water, polarization)
    around = 1.0 / (1.0 - up * down) if up * down < 1.0 else 0.0
    if start == "air":
        inside = 1.0 - up  # the same share both ways
        return up, {
            ("bottom", False): inside * (1.0 - down),
            ("bottom", True): inside * up * down * (1.0 - down) * around,
            ("top", False): 0.0,
            ("top", True): up + inside * down * (1.0 - up) * around,
        }
    return up, {
        ("top", False): 1.0 - up,
        ("top", True): up * down * (1.0 - up) * around,
        ("bottom", False): 0.0,
        ("bottom", True): up * (1.0 - down) * around,
    }
