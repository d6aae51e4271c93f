"""Genomes: what of an agent can evolve, how it changes, and that it stays within bounds."""

import numpy as np
import pytest
from scipy.stats import kstest

from dilemma.agents.automata import AllC, Cycler, NTitsForMTats
from dilemma.agents.finite_state_machine import FiniteStateMachine
from dilemma.agents.learners.policy_gradient.reinforce import Reinforce
from dilemma.agents.learners.tabular.q_learning import QLearning
from dilemma.agents.memory_n import MemoryN
from dilemma.agents.memory_one import MemoryOne, Reactive
from dilemma.agents.response import Response
from dilemma.agents.zero_determinant import ZeroDeterminant
from dilemma.envs.errors import DilemmaError
from dilemma.tournament.evolving.genome import evolvable

HALF = MemoryOne(p=(0.5,) * 5)
ROWS = Response(cooperation=(1, 0.5), transitions=((0, 1, 0, 1), (0, 1, 0, 1)))
MACHINE = FiniteStateMachine(table=("1: 1C 2D", "2: 1C 2D"))


@pytest.mark.parametrize(
    ("agent", "asked", "genes"),
    [
        (HALF, {}, [f"p[{place}]" for place in range(5)]),
        (Reactive(p=0.9, q=0.1), {"parameters": ["q"]}, ["q"]),
        (MemoryN(table=(0.5,) * 16), {"parameters": ["table"]}, [f"table[{place}]" for place in range(16)]),
        (NTitsForMTats(), {}, ["tits", "tats"]),
        (Cycler(sequence="CCD"), {}, [f"sequence[{place}]" for place in range(3)]),
        (
            MACHINE,
            {"parameters": ["table"]},
            [
                f"table[{state}] {what} after {move}"
                for state in "12"
                for move in "CD"
                for what in ("next", "move")
            ],
        ),
        (
            ROWS,
            {"parameters": ["transitions"], "bounds": {"transitions": (0, 1)}},
            [f"transitions[{state}][{outcome}]" for state in range(2) for outcome in range(4)],
        ),
        (ZeroDeterminant(chi=2, kappa=1), {"bounds": {"chi": (1, 10)}}, ["chi"]),
        (QLearning(), {}, ["discount", "learning_rate", "exploration", "epsilon"]),
        (
            Reinforce(),
            {"parameters": ["learning_rate", "baseline"], "bounds": {"learning_rate": (0.001, 1)}},
            ["learning_rate", "baseline"],
        ),
    ],
)
def test_an_agent_is_its_genome_and_back(agent, asked, genes):
    genome = evolvable(agent, **asked)
    assert [gene.name for gene in genome.genes] == genes
    assert genome.agent_of(genome.values_of(agent)) == agent
    rng = np.random.default_rng(1)
    for values in genome.drawn(rng.random((20, len(genes)))):
        assert genome.values_of(genome.agent_of(values)) == pytest.approx(values, abs=0)
        mutant = genome.mutated(values, rng.random(len(genes)), rng.random(len(genes)), 0.5, 0.3)
        genome.agent_of(mutant)


@pytest.mark.parametrize(
    ("agent", "asked", "said"),
    [
        (AllC(), {}, "AllC has no parameter that can evolve"),
        (HALF, {"parameters": ["q"]}, "found 'q'; allowed: p"),
        (HALF, {"bounds": {"p": (-1, 2)}}, r"found p\[0\] from -1 to 2; allowed: within 0 to 1"),
        (HALF, {"bounds": {"p": (0.6, 0.4)}}, r"found p\[0\] from 0.6 to 0.4"),
        (Reinforce(), {"parameters": ["learning_rate"]}, "'learning_rate', which can't evolve: it has no bounds"),
        (
            Reinforce(),
            {"parameters": ["policy", "discount"]},
            "'policy', which can't evolve: it is neither a number nor",
        ),
        (ZeroDeterminant(chi=2, kappa=1), {"parameters": ["phi"]}, "'phi', which can't evolve: it has no value"),
    ],
)
def test_what_can_t_evolve_is_said(agent, asked, said):
    with pytest.raises(ValueError, match=said):
        evolvable(agent, **asked)


def test_parameters_that_the_agent_refuses_together_are_said():
    genome = evolvable(ZeroDeterminant(chi=2, kappa=1), ["chi", "kappa"], {"chi": (1, 10), "kappa": (-5, 9)})
    with pytest.raises(
        DilemmaError, match=r"evolution came to chi = 2.0, kappa = 9.0, which ZeroDeterminant doesn't"
    ):
        genome.agent_of(np.array([2.0, 9.0]))


UNIFORM = (np.arange(4000) + 0.5)[:, None].repeat(5, axis=1) / 4000


def test_random_parameters_are_uniform_or_u_shaped_within_bounds():
    genome = evolvable(HALF, bounds={"p": (0.2, 0.6)})
    drawn = (genome.drawn(UNIFORM)[:, 0] - 0.2) / 0.4
    assert kstest(drawn, "uniform").statistic < 1e-3
    drawn = (genome.drawn(UNIFORM, "u_shaped")[:, 0] - 0.2) / 0.4
    assert kstest(drawn, "beta", (0.5, 0.5)).statistic < 1e-3


def test_choices_are_as_likely_each():
    genome = evolvable(Cycler(sequence="CCDCC"))
    assert genome.drawn(UNIFORM).mean(axis=0) == pytest.approx(0.5)


def test_mutations_are_as_frequent_and_as_large_as_was_asked():
    genome = evolvable(HALF, bounds={"p": (0, 1)})
    hit = np.random.default_rng(0).random(UNIFORM.shape)
    step = genome.mutated(np.full(UNIFORM.shape, 0.5), hit, UNIFORM, 0.25, 0.1) - 0.5
    changed = step != 0
    assert changed.mean() == pytest.approx(0.25, abs=3 * np.sqrt(0.25 * 0.75 / hit.size))
    assert step[changed].std() == pytest.approx(0.1, rel=0.03)
    whole = evolvable(NTitsForMTats())
    moved = whole.mutated(np.full((4000, 2), 20.0), np.zeros((4000, 2)), UNIFORM[:, :2], 1.0, 1e-3) - 20
    assert set(np.unique(moved)) == {-1, 1}


def test_each_gene_of_a_child_is_from_either_parent():
    genome = evolvable(HALF)
    child = genome.crossed(np.zeros(UNIFORM.shape), np.ones(UNIFORM.shape), UNIFORM)
    assert child.mean(axis=0) == pytest.approx(0.5)
