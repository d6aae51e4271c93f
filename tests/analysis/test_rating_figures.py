"""How far ratings agree, in numbers and in lines."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from dilemma.analysis.report.rating_figures import (
    agreement_plot,
    rank_agreement,
    ranks,
    ranks_plot,
    ranks_view,
)
from dilemma.analysis.statistics.rank_correlation import kendall

RATINGS = pd.DataFrame(
    {"payoff": [1.0, 3.0, 2.0, 4.0], "elo": [10.0, 30.0, 40.0, np.nan], "even": 1.0}, index=["a", "b", "c", "d"]
)


def test_tau_is_over_the_agents_that_both_rate():
    random = np.random.default_rng(0)
    one, other = random.integers(0, 6, (2, 40)).astype(np.float64)  # with ties
    assert kendall(one, other) == pytest.approx(kendalltau(one, other).statistic)
    found = rank_agreement(RATINGS)
    assert found[0, 1] == pytest.approx(kendalltau([1, 3, 2], [1, 2, 3]).statistic)
    np.testing.assert_array_equal(found[[0, 1], [0, 1]], 1)
    np.testing.assert_array_equal(found, found.T)
    assert np.isnan(found[2]).all()  # a rating that makes no difference


def test_the_highest_is_first_and_ties_share_the_mean_of_their_ranks():
    assert ranks(RATINGS)["payoff"].tolist() == [4, 2, 3, 1]
    assert ranks(RATINGS)["even"].tolist() == [2.5] * 4


def test_lines_are_in_the_order_of_the_first_rating():
    [axes] = ranks_plot(RATINGS).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["d", "b", "c", "a"]
    assert [line.get_ydata().tolist()[0] for line in axes.lines] == [1, 2, 3, 4]
    view = ranks_view(RATINGS)
    assert view.data["ranks"]["rank"] == [1, None, 2.5, 2, 2, 2.5, 3, 1, 2.5, 4, 3, 2.5]
    assert view.data["ranks"]["score"][:3] == [4, None, 1]
    assert view.json()


def test_the_matrix_has_its_numbers():
    axes = agreement_plot(RATINGS).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1.00", "0.33", "0.33", "1.00"]
