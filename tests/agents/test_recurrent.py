"""The recurrent policy: its values and gradient, against torch's, and the memory that it works in."""

import pytest
import torch
from torch import nn

from dilemma.agents.agent import Chairs
from dilemma.agents.learners.nets.encoding import OutcomeEncoder
from dilemma.agents.learners.nets.histories import histories
from dilemma.agents.learners.nets.policies import GRU
from dilemma.agents.learners.nets.recurrence import Recurrence
from dilemma.envs.chance import Chance, derive
from dilemma.envs.matrix_game import PrisonersDilemma

ROUNDS, CHAIRS, TABLES, INPUTS, UNITS, OUTPUTS = 6, 2, 3, 5, 4, 2


def uniform(*shape, seed=0):
    return 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


@pytest.fixture
def form():
    chairs = Chairs(
        PrisonersDilemma(rounds=ROUNDS),
        torch.tensor([0, 1]),
        Chance.at_tables(derive(torch.arange(CHAIRS), 5), TABLES),
    )
    return GRU(OutcomeEncoder(chairs), UNITS, OUTPUTS)


def torchs(form, theta, features):
    """Outputs of torch's own cell and of a linear layer, chair by chair."""
    found = []
    for chair, (weight_in, bias_in, weight, bias, weight_out, bias_out) in enumerate(
        zip(*form.unpack(theta), strict=True)
    ):
        cell = nn.GRUCell(INPUTS, UNITS).double()
        leaves = {"weight_ih": weight_in.T, "weight_hh": weight.T, "bias_ih": bias_in}
        leaves["bias_hh"] = torch.cat((bias.new_zeros(2 * UNITS), bias))
        hidden, course = None, []
        for fed in features[:, chair]:
            hidden = torch.func.functional_call(cell, leaves, (fed, hidden))
            course.append(hidden @ weight_out + bias_out)
        found.append(torch.stack(course))
    return torch.stack(found, 1)


@pytest.mark.parametrize("smoothly", [False, True])
def test_values_and_gradients_are_torchs(form, smoothly):
    theta = uniform(CHAIRS, form.size).requires_grad_()
    features, slope = (
        uniform(ROUNDS, CHAIRS, TABLES, INPUTS, seed=1),
        uniform(ROUNDS, CHAIRS, TABLES, OUTPUTS, seed=2),
    )
    unroll = form.unroll_smoothly if smoothly else form.unroll
    ours, theirs = unroll(theta, features), torchs(form, theta, features)
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-13)
    found, expected = (
        torch.autograd.grad((out * slope).sum(), theta, create_graph=smoothly)[0] for out in (ours, theirs)
    )
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    if smoothly:
        twice, expected = (torch.autograd.grad((first**2).sum(), theta)[0] for first in (found, expected))
        assert torch.allclose(twice, expected, rtol=0, atol=1e-11)


def test_states_are_their_one_hot_code_and_steps_the_course(form):
    theta = uniform(CHAIRS, form.size)
    seen = torch.randint(INPUTS, (ROUNDS, CHAIRS, TABLES), generator=torch.Generator().manual_seed(3))
    features = nn.functional.one_hot(seen, INPUTS).double()
    course = form.unroll(theta, features)
    assert torch.allclose(form.unroll(theta, seen), course, rtol=0, atol=1e-14)
    for fed in (seen, features):
        memory = None
        for at, expected in zip(fed, course, strict=True):
            out, memory = form.step(theta, at, memory)
            assert torch.allclose(out, expected, rtol=0, atol=1e-14)


def seldom(rounds, tables, chance):
    """States that mostly are 1, so that many tables have seen the same for long."""
    draws = torch.rand(rounds, CHAIRS, tables, generator=torch.Generator().manual_seed(4))
    return torch.where(draws < chance, (draws * 1e4).long() % INPUTS, 1)


@pytest.mark.parametrize("chance", [0.0, 0.05, 0.4])
def test_tables_that_have_seen_the_same_share_a_history(chance):
    seen = seldom(8, 20, chance)
    found = histories(seen, INPUTS)
    assert len(found.state) == len(found.parent) == found.first[-1, -1]
    for chair in range(CHAIRS):
        for t in range(8):
            of_table, (begin, end) = found.of_table[t, chair], found.first[chair, t : t + 2]
            pasts = {tuple(past) for past in seen[: t + 1, chair].T.tolist()}
            assert end - begin == len(pasts) == len(set(of_table))
            assert begin <= of_table.min() <= of_table.max() < end
            assert (found.state[of_table] == seen[t, chair].numpy()).all()
            assert (found.parent[of_table] == found.of_table[max(t - 1, 0), chair]).all()


@pytest.mark.parametrize("chance", [0.0, 0.05, 0.4])
def test_what_is_computed_once_is_what_each_table_computes(form, chance):
    """In single precision, once for each history, and in double precision, for each table."""
    theta = 3 * uniform(CHAIRS, form.size)
    seen, slope = seldom(8, 20, chance), uniform(8, CHAIRS, 20, OUTPUTS, seed=2)
    outs, gradients = [], []
    for leaf in (theta.float().requires_grad_(), theta.requires_grad_()):
        out = form.unroll(leaf, seen)
        gradient = torch.autograd.grad((out * slope).sum(), leaf)[0]
        outs.append(out.double())
        gradients.append(gradient.double())
    alone = torchs(form, theta, nn.functional.one_hot(seen, INPUTS).double())
    (expected,) = torch.autograd.grad((alone * slope).sum(), theta)
    assert torch.allclose(outs[1], alone, rtol=0, atol=1e-13)
    assert torch.allclose(gradients[1], expected, rtol=0, atol=1e-12)
    assert torch.allclose(outs[0], alone, rtol=0, atol=1e-5)
    assert torch.allclose(gradients[0], expected, rtol=1e-5, atol=1e-4)


def test_steps_that_share_histories_are_the_course(form):
    theta, seen = 3 * uniform(CHAIRS, form.size).float(), seldom(8, 20, 0.05)
    memory, found = None, []
    for states in seen:
        out, memory = form.step(theta, states, memory)
        found.append(out)
    assert torch.allclose(torch.stack(found), form.unroll(theta, seen), rtol=0, atol=1e-6)
    counts = [len(set(of_table)) for of_table in histories(seen, INPUTS).of_table[-1]]
    assert [len(set(row)) for row in memory[:, -1].tolist()] == counts


def test_outputs_are_of_the_histories_asked_for_and_large_inputs_saturate(form):
    theta, seen = 1e4 * uniform(CHAIRS, form.size).float(), seldom(8, 20, 0.4)
    whole = form.unroll(theta, seen)
    assert torch.allclose(whole.double(), form.unroll(theta.double(), seen), rtol=1e-5, atol=1e-2)
    every = histories(seen, INPUTS)
    some = form.unroll_histories(theta, every._replace(of_table=every.of_table[5:7, :, 3:9].copy()))
    assert torch.equal(some, whole[5:7, :, 3:9])


@pytest.mark.parametrize("rounds", [1, 4])
def test_the_gradient_is_that_of_small_differences(rounds):
    net = Recurrence(3)
    weight, fed = uniform(2, 3 + 2 + 1, 4 * 3 + 2), uniform(rounds, 2, 2, 3, seed=1)
    assert torch.autograd.gradcheck(lambda weight: net.unroll(weight, fed), weight.requires_grad_())


def test_in_single_precision_it_keeps_to_double_precision(form):
    theta = uniform(CHAIRS, form.size)
    features = uniform(ROUNDS, CHAIRS, TABLES, INPUTS, seed=1)
    found = form.unroll(theta.float(), features.float())
    assert (found - form.unroll(theta, features)).abs().max() < 1e-6


def test_a_chair_moves_by_its_own_parameters_alone(form):
    theta = uniform(CHAIRS, form.size).requires_grad_()
    out = form.unroll(theta, uniform(ROUNDS, CHAIRS, TABLES, INPUTS, seed=1))
    (gradient,) = torch.autograd.grad(out[:, 1].sum(), theta)
    assert (gradient[0] == 0).all()
    assert (gradient[1] != 0).any()


# The memory that is kept from call to call.


@pytest.mark.parametrize("of_states", [False, True])
def test_courses_of_any_size_may_be_open_at_once(form, of_states):
    theta = uniform(CHAIRS, form.size).float().requires_grad_()
    courses = [
        uniform(rounds, CHAIRS, tables, INPUTS, seed=1) for rounds, tables in ((5, 3), (5, 3), (2, 7), (5, 3))
    ]
    courses = [fed.argmax(-1) if of_states else fed.float() for fed in courses]
    alone = [torch.autograd.grad(form.unroll(theta, fed).square().sum(), theta)[0] for fed in courses]
    outs = [form.unroll(theta, fed) for fed in courses]
    with torch.no_grad():
        form.unroll(theta, courses[0])
    for out, expected in zip(outs, alone, strict=True):
        assert torch.equal(torch.autograd.grad(out.square().sum(), theta)[0], expected)


@pytest.mark.parametrize("of_states", [False, True])
def test_what_was_returned_stays_and_what_was_overwritten_is_refused(form, of_states):
    theta = uniform(CHAIRS, form.size).float().requires_grad_()
    fed = uniform(ROUNDS, CHAIRS, TABLES, INPUTS, seed=1).float()
    fed, after = (fed.argmax(-1), (-fed).argmax(-1)) if of_states else (fed, -fed)
    out = form.unroll(theta, fed)
    before = out.detach().clone()
    (first,) = torch.autograd.grad(out.sum(), theta, retain_graph=True)
    assert torch.equal(torch.autograd.grad(out.sum(), theta, retain_graph=True)[0], first)
    form.unroll(theta, after)
    assert torch.equal(out, before)
    with pytest.raises(RuntimeError, match="inplace"):
        torch.autograd.grad(out.sum(), theta)
