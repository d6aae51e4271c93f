"""The result card of an environment: what a reader asks first, each answered in a sentence or two."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd

from ..game import Game
from ..statistics.kinds import MIN_KINDS
from .failures import Failures, failure_kinds
from .headline import gains
from .remarks import FEW_KINDS, named
from .tables import decimals, in_sentence, one_line, rank_set

NEGLIGIBLE = 1e-9


def result_card(
    ranking: pd.DataFrame,
    table: pd.DataFrame,
    game: Game,
    exploits: pd.DataFrame | None = None,
    background: Collection[str] = (),
    failures: Failures = (),
) -> dict[str, str]:
    """Question -> answer, of one environment's ranking, payoff table and table of exploitability.

    Who earns most in this field and how sure that is, what carries over to other partners, who can be exploited,
    who cooperates, and who was left out and why.
    """
    ranked = ranking[ranking["rank"].notna()]
    left_out = " ".join(_left_out(ranking, background, failures))
    if not len(ranked):
        return {"Who earns most?": "No agent has a payoff.", "Who was left out?": left_out}
    return {
        "Who earns most?": _first(ranked, bool((table["how"] == "exact").all())),
        "And with other partners?": _elsewhere(ranked),
        "Who can be exploited?": _exploited(ranked, exploits),
        "Who cooperates?": _cooperation(ranked, game),
        "Who was left out?": left_out,
    }


def _first(ranked: pd.DataFrame, exact: bool) -> str:
    """The agent that earns most with these partners, and how sure that is."""
    first, size = ranked.iloc[0], len(ranked)
    label, digits = in_sentence(str(first["agent"])), decimals(ranked["payoff"])
    payoff = f"{first['payoff']:.{digits}f} per round"
    winners = int((ranked["rank"] == 1).sum())
    if winners == size > 1:
        return f"All {size} agents earn the same, {payoff}."
    if winners > 1:
        return f"{named(ranked['agent'].head(winners))} share the first place with {payoff}."
    if size == 1:
        return f"{label}, the only one that is ranked: {payoff}."
    if exact:
        certain = "With these partners the order is certain: payoffs are exact expectations."
        return f"{label}, {payoff}. {certain}"
    if pd.isna(first["fixed_low"]):
        return f"{label}, {payoff}, but of single matches: chance can't be told from skill."
    interval = f"95 % interval {first['fixed_low']:.{digits}f} to {first['fixed_high']:.{digits}f}"
    return f"{label}, {payoff} ({interval}). {_open_ranks(ranked, 'fixed_rank', 'With these partners')}"


def _elsewhere(ranked: pd.DataFrame) -> str:
    """What carries over to other partners of their kind."""
    first, kinds = ranked.iloc[0], int(ranked["kinds"].max())
    if kinds < MIN_KINDS:
        count = "is 1 kind" if kinds == 1 else f"are {kinds} kinds"
        return f"Nothing is known of other partners: there {count} of them here, and {MIN_KINDS} are the least."
    if ranked["payoff"].round(12).nunique() == 1:
        return "Nothing is known of other partners: these make no difference."
    label, digits = in_sentence(str(first["agent"])), decimals(ranked["payoff"])
    known = pd.notna(first["low"])
    interval = f" ({first['low']:.{digits}f} to {first['high']:.{digits}f} for {label})" if known else ""
    said = [_open_ranks(ranked, "rank", f"With others of their kind{interval}")]
    if kinds < FEW_KINDS:
        said.append(f"That rests on {kinds} kinds of partners, so it is rough.")
    return " ".join(said)


def _open_ranks(ranked: pd.DataFrame, name: str, where: str) -> str:
    """What is certain about the order, from the rank sets of this name."""
    first, size = ranked.iloc[0], len(ranked)
    low, high = ranked[f"{name}_low"], ranked[f"{name}_high"]
    if size == 1:
        return ""
    if ((low == 1) & (high == size)).all():
        return f"{where} no agent is surely better than another."
    if (low == high).all():
        return f"{where} every rank is settled."
    if (low == 1).sum() == 1:
        return f"{where} it surely ranks 1 of {size}."
    ranks = rank_set(first[f"{name}_low"], first[f"{name}_high"], " to ")
    others = ranked["agent"][low == 1].iloc[1:]
    return f"{where} it may rank {ranks} of {size}, and {named(others)} may be first as well."


def _exploited(ranked: pd.DataFrame, exploits: pd.DataFrame | None) -> str:
    """From whom an exploiter gains most and least, and what that leaves them."""
    gain = gains(exploits, ranked)
    known = gain.notna().to_numpy()
    if exploits is None:
        return "Not known, as it was not looked for: exploitability in the section [analysis] names ways."
    if not known.any():
        return "Not known: the chapter on who can be exploited says why."
    order = gain[known].sort_values(ascending=False, kind="stable")
    digits = decimals(ranked["payoff"])
    worst = str(ranked["agent"].loc[order.index[0]])
    here = (exploits["environment"].isin(ranked["environment"])) & (exploits["agent"].astype(str) == worst)
    mine = exploits[here].sort_values("gain").iloc[-1]
    if order.iloc[0] <= NEGLIGIBLE:
        return "Nobody, as far as was looked: no exploiter earns more from an agent than its own kind does."
    left, own = (f"{mine[name]:.{digits}f}" for name in ("victim_payoff", "self_play"))
    harmed = mine["victim_payoff"] < mine["self_play"] - NEGLIGIBLE
    harm = f" and leaves it {left} instead of {own}" if harmed else ""
    takes = f"an exploiter takes {order.iloc[0]:.{digits}f} more than its own kind earns{harm}"
    said = f"{in_sentence(worst)} most: {takes}."
    if len(order) > 1:
        least = ranked["agent"].loc[order[order <= order.iloc[-1] + NEGLIGIBLE].index]
        said += f" Least {named(least)} ({order.iloc[-1]:.{digits}f})."
    return said


def _cooperation(ranked: pd.DataFrame, game: Game) -> str:
    """Who cooperates most and least, and what all earn together."""
    share = ranked["cooperation"].dropna()
    digits = decimals(ranked["payoff"])
    together, best = ranked["payoff"].mean(), game.get("optimum")
    earned = f"On average they earn {together:.{digits}f} per round"
    earned += f"; all together can reach {best:.{digits}f}." if best is not None else "."
    if not len(share):
        return f"Cooperation has no measure in this game. {earned}"
    if len(share) == 1:
        return f"It does, in {share.iloc[0]:.1%} of its moves. {earned.replace('they earn', 'it earns')}"
    if share.max() - share.min() < 0.0005:
        return f"All alike, in {share.iloc[0]:.1%} of their moves. {earned}"
    by_share = ranked["agent"].loc[share.sort_values(kind="stable").index]
    least, most = (in_sentence(str(by_share.iloc[place])) for place in (0, -1))
    return f"{most} most ({share.max():.1%} of its moves), {least} least ({share.min():.1%}). {earned}"


def _left_out(ranking: pd.DataFrame, background: Collection[str], failures: Failures) -> Iterator[str]:
    """Who has no rank, or a mean over fewer partners, and why."""
    known = {*ranking["agent"].astype(str), *background}
    environments = set(ranking["environment"].astype(str))
    here = [failure for failure in failures if failure["setting"] in environments]
    lost = [(kind, [agent for agent in kind.agents if agent not in known]) for kind in failure_kinds(here)]
    for kind, agents in lost:
        if agents:
            yield f"{named(agents)}: no match was finished ({one_line(kind.reason)})."
    out = ranking[ranking["rank"].isna()]
    for note, unranked in out.groupby("note", sort=False)["agent"]:
        said = str(note).removeprefix("not ranked: ")
        yield f"{named(unranked)}: {said or 'no payoff is known'}."
    if background:
        yield f"{named(sorted(background))}, by the config: partners only."
    if not len(out) and not background and not any(agents for _, agents in lost):
        yield "Nobody." if len(ranking) else "Nobody played."
    some = ranking[ranking["rank"].notna() & (ranking["missing"].fillna(0) > 0)]
    if len(some):
        lack = "lacks" if len(some) == 1 else "lack"
        yield f"{named(some['agent'])} {lack} matches, so means are over common partners."
