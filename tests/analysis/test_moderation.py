"""Variances drawn towards those of the field."""

import numpy as np
import pytest

from dilemma.analysis.statistics.moderation import moderated, pooled_freedom


def test_equal_variances_become_their_mean():
    own = np.array([0.9, 1.0, 1.1])
    found = moderated(own, np.full(3, 4.0), np.ones(3), 12.0)
    assert found.value == pytest.approx([1, 1, 1])
    assert (found.freedom > 4).all()


def test_no_variance_is_nothing_where_others_vary():
    own = np.array([0.0, 1.0, 4.0, 0.5, 0.0, 9.0])
    found = moderated(own, np.full(6, 19.0), np.ones(6), 60.0)
    assert (found.value > 0).all()
    assert (np.diff(found.value[np.argsort(own)]) >= 0).all()
    kept = moderated(own, np.full(6, 19.0), np.ones(6), 60.0, keep=True)
    assert (kept.value >= own).all()


def test_copies_of_all_change_no_variance():
    random = np.random.default_rng(0)
    moved = random.normal(0, [[1], [2], [3], [1]], (4, 9))
    once, often = moved, np.repeat(moved, 3, axis=0)
    for independent in (False, True):
        weights = np.ones(4), np.full(12, 1 / 3)
        pooled = [
            pooled_freedom(of @ of.T, 8.0, weight, independent=independent)
            for of, weight in zip((once, often), weights, strict=True)
        ]
        assert pooled[0] == pytest.approx(pooled[1])
        found = [
            moderated((of**2).sum(1), np.full(len(of), 8.0), weight, free)
            for of, weight, free in zip((once, often), weights, pooled, strict=True)
        ]
        assert found[1].value[::3] == pytest.approx(found[0].value)
        assert found[1].freedom[::3] == pytest.approx(found[0].freedom)


@pytest.mark.parametrize(("common", "right"), [(0.0, 40 * 30), (1.0, 30)])
def test_the_mean_of_variances_has_the_freedom_that_they_share(common, right):
    random = np.random.default_rng(0)
    free = []
    for _ in range(200):
        moved = common * random.normal(0, 1, (1, 30)) + (1 - common) * random.normal(0, 1, (40, 30))
        free.append(pooled_freedom(moved @ moved.T, 30.0, np.ones(40)))
    assert np.median(free) == pytest.approx(right, rel=0.1)


def test_nothing_moves_and_nobody_counts():
    assert moderated(np.zeros(3), np.full(3, 4.0), np.ones(3), 4.0).value.tolist() == [0, 0, 0]
    assert moderated(np.ones(3), np.full(3, 4.0), np.zeros(3), 4.0).value.tolist() == [1, 1, 1]
