# SPDX-License-Identifier: BSD-3-Clause
"""Photons as arrays: Chroma's constructor, joins, slices, and what must be refused."""

import numpy as np
import pytest
from conftest import light
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chroma2
from chroma2 import errors


def some(n, **changes):
    rng = np.random.default_rng(n)
    direction = rng.normal(size=(n, 3))
    columns = {
        "pos": rng.uniform(-100, 100, (n, 3)),
        "dir": direction,
        "pol": np.cross(direction, rng.normal(size=(n, 3))),
        "wavelengths": rng.uniform(300, 600, n),
        "t": rng.uniform(0, 10, n),
    }
    columns.update(changes)
    return chroma2.Photons(**columns)


def test_legacy_order():
    p = chroma2.Photons(
        [[1, 2, 3]], [[0, 0, 1]], [[1, 0, 0]], [400], [5], [7], [4], [1.0], [2], [9]
    )
    assert p.pos.tolist() == [[1, 2, 3]] and p.dir.tolist() == [[0, 0, 1]]
    assert p.pol.tolist() == [[1, 0, 0]] and p.wavelengths.tolist() == [400] and p.t == 5
    assert p.last_hit_triangles == 7 and p.flags == 4 and p.weights == 1 and p.evidx == 2
    assert p.channel == 9


def test_defaults():
    p = chroma2.Photons(np.zeros((4, 3)), wavelengths=400.0)
    assert p.dir is None and p.pol is None
    assert p.wavelengths.tolist() == [400.0] * 4
    assert (p.t.tolist(), p.flags.tolist(), p.weights.tolist()) == ([0] * 4, [0] * 4, [1] * 4)
    assert p.last_hit_triangles.tolist() == p.channel.tolist() == [-1] * 4
    assert "made on the device" in repr(p)
    assert len(chroma2.Photons()) == 0


def test_join_add_slice():
    a, b = some(5), some(3)
    both = a + b
    assert len(both) == 8 and len(chroma2.Photons.join([a, b, a])) == 13
    assert np.array_equal(both.pos, np.concatenate([a.pos, b.pos]))
    assert np.array_equal(both[5:].t, b.t)
    assert np.array_equal(both[[7, 0]].wavelengths, [b.wavelengths[2], a.wavelengths[0]])
    assert np.array_equal(both[both.t > 5].t, both.t[both.t > 5])
    assert len(both[-1]) == 1 and both[-1].t == b.t[2]
    assert len(a + chroma2.Photons()) == 5
    bare = chroma2.Photons(a.pos, wavelengths=a.wavelengths)
    assert (bare + bare).dir is None
    with pytest.raises(errors.InvalidArgument, match="dir is given in some"):
        a + bare
    assert len(some(100).reduced(0.25)) == 25


BAD = [
    ({"pos": np.zeros((4, 2))}, r"pos has shape \[4, 2\]"),
    ({"pos": np.zeros(4)}, r"pos has shape \[4\]"),
    ({"dir": np.zeros((3, 3))}, r"dir has shape \[3, 3\] \(it must be \[4, 3\]\)"),
    ({"wavelengths": np.zeros(5)}, r"wavelengths has shape \[5\]"),
    ({"wavelengths": None}, "wavelengths is missing"),
    ({"t": [["a"] * 4]}, "t is <U1"),
    ({"flags": [0.5] * 4}, "flags is float64"),
    ({"flags": [0, 1, -1, 0]}, r"flags\[2\] is -1"),
    ({"last_hit_triangles": [2**31] * 4}, r"last_hit_triangles\[0\] is 2147483648"),
    ({"pos": [[1j, 0, 0]] * 4}, "pos is complex128"),
    ({"pos": [[1, 2, 3], [4, 5]]}, "pos cannot be read"),
]


@pytest.mark.parametrize(("changes", "sentence"), BAD)
def test_bad_shapes_and_types(changes, sentence):
    with pytest.raises(chroma2.Error, match=sentence) as caught:
        some(4, **changes)
    assert isinstance(caught.value, (ValueError, TypeError))


def with_value(name, index, value):
    p = some(6)
    getattr(p, name)[index] = value
    return p


VALUES = [
    ("pos", (2, 1), np.nan, r"pos"),
    ("pos", (5, 0), np.inf, r"pos"),
    ("dir", (3,), 0.0, r"dir"),
    ("dir", (3, 2), np.nan, r"dir"),
    ("pol", (4,), 0.0, r"pol"),
    ("wavelengths", (1,), 0.0, r"wavelength"),
    ("wavelengths", (1,), -400.0, r"wavelength"),
    ("wavelengths", (1,), np.inf, r"wavelength"),
    ("t", (0,), np.nan, r"time|t"),
]


@pytest.mark.parametrize(("name", "index", "value", "word"), VALUES)
def test_bad_values_name_array_index_and_rule(session, name, index, value, word):
    photons = with_value(name, index, value)
    with pytest.raises(errors.InvalidPhoton, match=rf"(?i){word}\w*\[{index[0]}") as caught:
        session.submit_event(chroma2.EventDescriptor(photons=photons))
    assert isinstance(caught.value, ValueError)
    assert caught.value.status == "INVALID_PHOTON"


def test_session_lives_on_after_bad_input(session):
    with pytest.raises(errors.InvalidPhoton):
        session.submit_event(chroma2.EventDescriptor(photons=with_value("t", 0, np.nan)))
    result = session.submit_event(chroma2.EventDescriptor(photons=some(6))).result()
    assert result.ledger.in_ == 6 and result.ledger.is_balanced


def test_weights_other_than_one_are_refused(session):
    with pytest.raises(errors.Unsupported, match=r"weights\[3\] is 0.5"):
        session.submit_event(chroma2.EventDescriptor(photons=with_value("weights", 3, 0.5)))


def test_ended_photons_come_back_unchanged(session):
    photons = some(6)
    photons.flags[2] = int(chroma2.BULK_ABSORB)
    end = session.submit_event(
        chroma2.EventDescriptor(photons=photons, keep=("photons_end",))
    ).result()
    assert end.ledger.as_given == 1
    row = end.photons_end[2:3]
    assert row.flags == int(chroma2.BULK_ABSORB) and row.n_steps == 0
    assert np.array_equal(row.pos[0], photons.pos[2])


def test_input_is_copied_unless_frozen(session):
    photons = some(3000)
    before = session.submit_event(chroma2.EventDescriptor(photons=photons, event_id=900))
    photons.pos[:] = np.nan  # as a loop that uses its arrays again would
    assert before.result().ledger.nan_abort == 0
    frozen = some(3000).freeze()
    with pytest.raises(ValueError, match="read-only"):
        frozen.pos[0] = 0
    after = session.submit_event(chroma2.EventDescriptor(photons=frozen, event_id=901)).result()
    assert after.ledger.is_balanced


def test_strided_and_float64_arrays_give_the_same(session):
    p = some(500)
    keep = {"event_id": 910, "keep": ("photons_end",)}
    wide = np.zeros((500, 8), np.float32)
    wide[:, 1:4], wide[:, 6] = p.pos, p.t
    views = chroma2.Photons(wide[:, 1:4], p.dir, p.pol, p.wavelengths, wide[:, 6])
    assert not views.pos.flags.c_contiguous
    doubles = chroma2.Photons(
        *(np.asfortranarray(a, dtype=np.float64) for a in (p.pos, p.dir, p.pol)),
        p.wavelengths.astype(np.float64),
        p.t.tolist(),
    )
    with pytest.warns(errors.RepeatedEventWarning):
        ends = [
            session.submit_event(chroma2.EventDescriptor(photons=q, **keep)).result().photons_end
            for q in (p, views.freeze(), doubles)
        ]
    for end in ends[1:]:
        assert all(np.array_equal(end[c], ends[0][c]) for c in end)


anything = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(
    pos=hnp.arrays(np.float32, (3, 3), elements=anything),
    dir=hnp.arrays(np.float32, (3, 3), elements=anything),
    wavelengths=hnp.arrays(np.float32, 3, elements=anything),
    t=hnp.arrays(np.float32, 3, elements=anything),
)
def test_any_floats_are_refused_or_tracked(session, pos, dir, wavelengths, t):
    photons = chroma2.Photons(pos, dir, None, wavelengths, t)
    columns = {"pos": pos, "dir": dir, "wavelengths": wavelengths, "t": t}
    try:
        future = session.submit_event(chroma2.EventDescriptor(photons=photons))
    except errors.InvalidPhoton as error:
        assert any(f"[{i}" in str(error) for i in range(3)), error
        return
    assert all(np.isfinite(c).all() for c in columns.values())
    assert (wavelengths > 0).all() and (np.abs(dir).max(axis=1) > 0).all()
    result = future.result(60)
    assert result.ledger.is_balanced and result.ledger.in_ == 3


@given(
    n=st.integers(-(2**70), 2**70),
    pos=st.tuples(*[st.floats()] * 3),
    wavelength=st.one_of(st.floats(), st.tuples(st.floats(), st.floats()), st.text(), st.none()),
    t=st.one_of(st.floats(), st.tuples(st.floats(), st.floats())),
)
def test_any_source_is_refused_or_counted(session, n, pos, wavelength, t):
    try:
        source = light(n, pos=pos, wavelength=wavelength, t=t)
        count = session.count_photons(chroma2.EventDescriptor(sources=source, event_id=0))
    except chroma2.Error as error:
        assert isinstance(error, (ValueError, TypeError))
        return
    assert count == n
