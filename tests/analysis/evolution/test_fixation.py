"""Fixation in well-mixed populations: closed forms and golden values. "x into y": one x among y."""

import numpy as np
import pytest

from dilemma.analysis.evolution import fixation_probabilities
from dilemma.analysis.evolution.fixation import log_fixation
from dilemma.analysis.evolution.processes import process_of

PD = [[3, 0], [5, 1]]
SNOWDRIFT = [[0.7, 0.4], [1, 0]]
STAG_HUNT = [[4, 0], [3, 2]]
HAWK_DOVE = [[-0.5, 2], [0, 1]]


def donation(b):
    return [[b - 1, -1], [b, 0]]


# game, size, then into and reverse with linear fitness at .1, .01, exponential at .1, 1
GOLDEN = """
PD 10 .04315158247 .193848167 .09239467875 .1092559626 .03937633578 .2155439906 3.733181487e-8 .9017482244
PD 50 1.606221321e-4 .1433503285 .01384701798 .02958371512 8.064469878e-5 .1780915586 3.162265791e-34 .872315273
DON 10 .04941337455 .1658515572 .09408182721 .1060780957 .05105503488 .1695086853 4.524622889e-6 .7364040546
DON 50 4.926857758e-4 .0933868947 .01522200889 .02560496314 5.58207267e-4 .1011874827 1.707039405e-23 .6539681616
SNOW 10 .1040536888 .1058654469 .1003702114 .1005686534 .1036909325 .1057856283 .1380491727 .1686136403
SNOW 50 .02947371703 .02390351082 .02075748811 .02038163464 .02864782928 .02392867842 .2358640554 .03898806612
SH 10 .05735808672 .1127522495 .09464046382 .1014763584 .05602026636 .1128109631 1.020945036e-4 .1119602179
SH 50 .001284082767 .01841222675 .01544427233 .02022565265 .001128648872 .01679399243 1.186803068e-16 \
6.314364842e-5
HAWK_DOVE 10 .1330056676 .08967144115 .1030301256 .09899626636 .1335856924 .08954516745 .6132032394 .0112312091
HAWK_DOVE 50 .06191190449 .01617830969 .02274163359 .01978167849 .06326863983 .0156018545 .6326925756 5.26102047e-7
"""
GAMES = {"DON": donation(3)} | {
    "PD": PD,
    "SNOW": SNOWDRIFT,
    "SH": STAG_HUNT,
    "HAWK_DOVE": HAWK_DOVE,
}


@pytest.mark.parametrize("row", GOLDEN.split("\n")[1:-1])
def test_moran_and_fermi(row):
    name, size, *wanted = row.split()
    game, size, wanted = GAMES[name], int(size), np.array(wanted, float).reshape(4, 2)
    exponential = [fixation_probabilities(game, size, w) for w in (0.1, 1)]
    linear = [fixation_probabilities(game, size, w, fitness="linear") for w in (0.1, 0.01)]
    found = [(rho[0, 1], rho[1, 0]) for rho in linear + exponential]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    fermi = [fixation_probabilities(game, size, w, "fermi") for w in (0.1, 1)]
    np.testing.assert_allclose(fermi, exponential, rtol=1e-12)


@pytest.mark.parametrize(
    ("r", "size", "wanted"),
    [(2, 10, 0.5004888), (1.1, 100, 0.0909157), (0.9, 20, 0.0153781), (1.5, 5, 0.3838863), (1, 7, 1 / 7)],
)
def test_constant_fitness(r, size, wanted):
    rho = fixation_probabilities([[r, r], [1, 1]], size, 1, fitness="linear")
    assert rho[0, 1] == pytest.approx(wanted, abs=1e-7)
    if r != 1:
        assert rho[0, 1] == pytest.approx((1 - 1 / r) / (1 - r**-size), rel=1e-12)
    assert np.diagonal(rho) == pytest.approx(1 / size, rel=1e-12)


@pytest.mark.parametrize(
    ("b", "size", "selection", "into", "reverse"),
    [
        (3, 10, 0.1, 0.0510550348763, None),
        (2, 100, 0.01, 0.00578109032957, 0.0158725674768),
        (5, 20, 1, 2.70767867163e-11, 0.717240310211),
    ],
)
def test_donation_has_a_closed_form(b, size, selection, into, reverse):
    rho = fixation_probabilities(donation(b), size, selection, "fermi")
    lost = selection * (1 + b / (size - 1))
    assert rho[0, 1] == pytest.approx(np.expm1(lost) / np.expm1(size * lost), rel=1e-11)
    assert rho[0, 1] == pytest.approx(into, rel=1e-11)
    assert reverse is None or rho[1, 0] == pytest.approx(reverse, rel=1e-11)


@pytest.mark.parametrize(
    ("selection", "wanted"), [(0.1, 0.09326412531683857), (0.5, 0.3402767350796423), (1, 0.595594799265183)]
)
def test_local_update(selection, wanted):
    assert fixation_probabilities(PD, 20, selection, "local_update")[1, 0] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(("size", "wanted"), [(5, 0.602070), (10, 0.490961), (20, 0.442365), (100, 0.407936)])
def test_fitness_of_zero_blocks_the_mutant_and_only_it(size, wanted):
    rho = fixation_probabilities(PD, size, 1, fitness="linear")
    assert rho[0, 1] == 0
    assert rho[1, 0] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("rounds", "wanted", "reverse"),
    [(2, 0.000730, 0.1181), (3, 0.014475, 0.01990), (5, 0.063118, 0.001258), (200, 0.187613, 1.86e-6)],
)
def test_tit_for_tat_into_defectors(rounds, wanted, reverse):
    game = [[3, (rounds - 1) / rounds], [(rounds + 4) / rounds, 1]]
    rho = fixation_probabilities(game, 20, 1, fitness="linear")
    assert rho[0, 1] == pytest.approx(wanted, abs=1e-6)
    assert rho[1, 0] == pytest.approx(reverse, rel=4e-3)
    if rounds == 200:
        half = fixation_probabilities(game, 20, 1, fitness="linear", mutants=10)
        assert half[0, 1] == pytest.approx(0.9899757, abs=1e-7)
        assert half + half.T == pytest.approx(np.ones((2, 2)), abs=1e-12)


@pytest.mark.parametrize(
    ("size", "s", "wanted"),
    [
        (10, 0.1, 0.204585472961),
        (20, 0.1, 0.178733891536),
        (50, 0.02, 0.0450933321897),
        (100, 0.05, 0.0935502029618),
        (20, -0.05, 0.015969744089),
        (10, 0, 0.1),
    ],
)
def test_wright_fisher(size, s, wanted):
    rho = fixation_probabilities([[1 + s, 1 + s], [1, 1]], size, 1, "wright_fisher", "linear")
    assert rho[0, 1] == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize(
    ("game", "selection", "pair", "wanted"),
    [
        (PD, 0.1, (1, 0), 0.343894724228),
        (PD, 0.1, (0, 1), 5.83773009101e-4),
        (STAG_HUNT, 0.5, (0, 1), 5.33062642802e-8),
    ],
)
def test_wright_fisher_depending_on_frequency(game, selection, pair, wanted):
    assert fixation_probabilities(game, 20, selection, "wright_fisher")[pair] == pytest.approx(wanted, rel=1e-11)


def test_one_third_rule():
    random = np.random.default_rng(3)
    for _ in range(500):
        (a, b), (c, d) = game = random.random((2, 2))
        size = int(random.integers(3, 40))
        stake = a * (size - 2) + b * (2 * size - 1) - c * (size + 1) - d * (2 * size - 4)
        if abs(stake) > 1e-3 * size:
            rho = fixation_probabilities(game, size, 1e-5, fitness="linear")
            assert (rho[0, 1] > 1 / size) == (stake > 0)


def test_all_pairs_at_once_are_each_pair_alone():
    payoffs = np.random.default_rng(1).random((6, 6))
    for process in ("moran", "fermi", "local_update", "wright_fisher"):
        rho = fixation_probabilities(payoffs, 9, 1, process)
        pair = fixation_probabilities(payoffs[np.ix_([2, 4], [2, 4])], 9, 1, process)
        if process != "local_update":  # whose scale is the whole table's
            assert rho[2, 4] == pytest.approx(pair[0, 1], rel=1e-12)


def test_large_populations_and_strong_selection_stay_in_logarithms():
    logs = log_fixation(process_of(donation(3), 2000, 10, "moran", "exponential"))
    lost = 10 * (1 + 3 / 1999)
    assert logs[0, 1] == pytest.approx(-1999 * lost + np.log(-np.expm1(-lost)), rel=1e-9)
    assert logs[1, 0] == pytest.approx(np.log(-np.expm1(-lost)), rel=1e-9)


def test_a_group_of_two_is_a_pair():
    pair = np.random.default_rng(2).random((3, 3))
    table = np.stack([pair, np.diag(pair)[:, None] + 0 * pair], axis=-1)
    three = np.concatenate([table, table[..., 1:]], axis=-1)
    three[..., 1] = (pair + np.diag(pair)[:, None]) / 2  # the mean of two games, in a group of three
    three[..., 0] = pair
    two = fixation_probabilities(pair, 12, 1)
    np.testing.assert_allclose(fixation_probabilities(table, 12, 1), two, rtol=1e-12)
    np.testing.assert_allclose(fixation_probabilities(three, 12, 1), two, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"payoffs": [[1, 2, 3], [4, 5, 6]]}, "shape"),
        ({"payoffs": [[1, np.nan], [0, 1]]}, "finite"),
        ({"size": 1}, "2 members or more, not 1"),
        ({"selection": -1}, "0 or more"),
        ({"selection": 2, "fitness": "linear"}, "from 0 to 1"),
        ({"payoffs": HAWK_DOVE, "selection": 1, "fitness": "linear"}, "Linear fitness"),
        ({"payoffs": [[0, 0], [0, 0]], "selection": 1, "fitness": "linear"}, "nobody is born"),
        ({"process": "voter"}, "process is one of 'moran'"),
        ({"mutants": 20}, "1 to 19 are mutants"),
    ],
)
def test_bad_input_is_told(arguments, told):
    with pytest.raises(ValueError, match=told):
        fixation_probabilities(**{"payoffs": PD, "size": 20, "selection": 0.1} | arguments)


@pytest.mark.parametrize("selection", [0.1, 1])
def test_who_also_plays_itself_only_pays_the_cost_of_giving(selection):
    """Donation game: with self-interaction a donor earns c less than others in every mixture, b cancels."""
    b, c, size = 3, 1, 20
    found = fixation_probabilities([[b - c, -c], [b, 0]], size, selection, "fermi", self_interaction=True)
    assert found[0, 1] == pytest.approx(np.expm1(selection * c) / np.expm1(size * selection * c), rel=1e-12)
