"""Model-free opponent shaping (M-FOS) in sampled games: a policy that each episode of a trial modulates anew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pad_sequence

from ...agent import Chairs, Observation, Player, Round
from ..nets.encoding import Encoder, FeatureEncoder
from ..nets.policies import GRU, MLP, Form, FormName
from ..nets.policy_and_value import PolicyAndValue
from ..policy_gradient.policy_gradient import Positive, Widths
from .shaper import Shaper, ShaperPlayer


class MFOSSampled(Shaper):
    """A shaper whose last hidden layer is scaled, in each episode, by what the episode before came to.

    In episode k of a trial the logits and the value in a round are linear in
        th[k] * tanh(body(what it sees)),   th[0] = 1,   th[k] = sigmoid(mean over tables of summary[k - 1])
    where summary is a linear layer on the last state of a GRU that has read episode k - 1 at a table, and the mean
    is over the `batch` tables that share a co-player, which learns from them all. th alone passes from one episode
    to the next; the body is a GRU that begins anew with each, or an MLP. Both see, beside the observation, what it
    and each other earned in the round before, and whether an episode starts. All of it is trained by PPO on
    returns of whole trials, as in `shaper`: `credit = "mean"` is as published, and `"sum"` gives what an action
    teaches the co-player its full weight, which is `batch` times as much (COALA-PG).

    The authors have convolutions before the GRUs, an actor and a critic apart, 16 passes over 512 tables with one
    co-player, a step size of 0.0002 and a discount of .995. Here body and summary serve both, the summary lacks
    the rewards of an episode's last round, and returns are less their mean over tables.
    """

    source: ClassVar[str] = "Lu et al. 2022, the coin game and its code's parameters"

    policy: FormName = Field("gru", description='the body: "gru" or "mlp"')
    hidden: Widths = Field((16,), description="widths of the MLP; the last is that of the GRUs and of th")
    learning_rate: Positive = Field(0.002, description="step size")
    credit: Literal["mean", "sum"] = Field(
        "mean", description='of later rewards of all tables with its co-player: "mean" or "sum"'
    )

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override] # a property of all policy-gradient learners
        return super().needs | {"others_rewards"}

    @model_validator(mode="after")
    def _has_a_body_and_whole_batches(self) -> Self:
        if self.policy not in ("gru", "mlp"):
            raise ValueError(f'its body is "gru" or "mlp", found "{self.policy}"')
        if self.minibatches > 1:
            raise ValueError("tables that share a co-player can't be split: set minibatches = 1")
        return self

    def sit(self, chairs: Chairs) -> Player:
        return MFOSSampledPlayer(self, chairs)


class MFOSSampledPlayer(ShaperPlayer):
    """M-FOS on its chairs."""

    agent: MFOSSampled

    @property
    def later_weight(self) -> float:
        return 1 / self.agent.batch if self.agent.credit == "mean" else 1.0

    def make_policy(self) -> PolicyAndValue:
        agent, units = self.agent, self.agent.hidden[-1]
        self.encoder = RewardEncoder(self.encoder, self.chairs)
        if agent.policy == "gru":
            body: Form = GRU(self.encoder, units, units)
        else:
            body = MLP(self.encoder, agent.hidden[:-1], units, agent.activation)
        summary = GRU(self.encoder, units, units)
        return PolicyAndValue(ScaledForm(body, summary, self.actions + 1, agent.batch), None, self.actions)


class RewardEncoder(Encoder):
    """What another encoder gives, then the last rewards, its own first, and whether an episode starts."""

    def __init__(self, seen: Encoder, chairs: Chairs):
        self._seen, self._chairs = seen, chairs
        self.states, self.inputs = None, seen.inputs + chairs.others + 2

    def begin(self) -> None:
        self._seen.begin()
        self._starts = True
        self._rewards = torch.zeros(*self._chairs.shape, self._chairs.others + 1, device=self._chairs.device)

    def encode(self, observation: Observation) -> Tensor:
        seen = self._seen.encode(observation)
        if self._seen.states is not None:
            seen = one_hot(seen, self._seen.states)
        starts = torch.full_like(self._rewards[..., :1], self._starts)
        return torch.cat((seen.float(), self._rewards, starts), -1)

    def observe(self, round: Round) -> None:
        self._seen.observe(round)
        self._starts = False
        self._rewards = torch.cat((round.reward[..., None], round.others_reward.mT), -1).float()


class ScaledForm(Form):
    """Outputs linear in th * tanh(body), over the episodes of a trial, which start where the last input is 1.

    Its memory is a tensor [chair, row, table]: th, the summary so far, and the states of both GRUs.
    """

    states = None
    dtype = torch.float32

    def __init__(self, body: Form, summary: GRU, outputs: int, batch: int):
        units = body.outputs
        self.outputs, self._units, self._batch = outputs, units, batch
        self._body, self._summary = body, summary
        self._head = MLP(FeatureEncoder(units), (), outputs, "tanh")
        self._parts: tuple[Form, ...] = (body, summary, self._head)
        self.shapes = [shape for part in self._parts for shape in part.shapes]

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        first = len(self._parts) * component
        return torch.cat([part.initial(chairs, first + i) for i, part in enumerate(self._parts)], 1)

    def unroll(self, theta: Tensor, encoded: Tensor) -> Tensor:
        body, summary, head = self.by_part(theta)
        lengths = lengths_of_episodes(encoded)
        chairs, tables = encoded.shape[1:3]
        aside = (-1, chairs, len(lengths), tables)
        # All episodes side by side: [round, chair, episode * table, ...]
        inputs = pad_sequence(list(torch.split(encoded, lengths))).movedim(1, 2).flatten(2, 3)
        said = self._summary.unroll(summary, inputs).reshape(*aside, self._units)
        last = [said[length - 1, :, episode] for episode, length in enumerate(lengths)]
        scale = [torch.ones_like(last[0]), *(self.scale(each) for each in last[:-1])]
        hidden = self._body.unroll(body, inputs).tanh() * torch.cat(scale, 1)
        outputs = self._head.unroll(head, hidden).reshape(*aside, self.outputs)
        return torch.cat([outputs[:length, :, episode] for episode, length in enumerate(lengths)])

    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        body, summary, head = self.by_part(theta)
        units = self._units
        read: Tensor | None = None
        held: Tensor | None = None
        if memory is None:
            scale = torch.ones(*encoded.shape[:2], units, device=encoded.device)
        elif encoded[0, 0, -1]:
            scale = self.scale(memory[:, units : 2 * units].mT)
        else:
            scale, read, held = memory[:, :units].mT, memory[:, 2 * units : 3 * units], memory[:, 3 * units :]
        said, read = self._summary.step(summary, encoded, read)
        hidden, held = self._body.step(body, encoded, held)
        kept = [each for each in (scale.mT, said.mT, read, held) if each is not None]
        return self._head.step(head, hidden.tanh() * scale, None)[0], torch.cat(kept, 1)

    def scale(self, said: Tensor) -> Tensor:
        """th [chair, table, unit] from the summaries of an episode: of all tables with one's co-player."""
        batches = said.reshape(len(said), -1, self._batch, self._units)
        return batches.mean(2, keepdim=True).sigmoid().expand_as(batches).reshape(said.shape)

    def by_part(self, theta: Tensor) -> Sequence[Tensor]:
        """The parameters of body, summary and head, each [chair, parameter]."""
        return torch.split(theta, [part.size for part in self._parts], 1)


def lengths_of_episodes(encoded: Tensor) -> list[int]:
    """The rounds of each episode of a trial [round, chair, table, input]."""
    starts = encoded[:, 0, 0, -1].nonzero().flatten().tolist()
    return [end - start for start, end in pairwise([*starts, len(encoded)])]
