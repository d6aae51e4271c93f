"""An agent's page within the page: what it earned with whom, its conduct, what it learned, and what it is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from .chapters import WrittenChapter
from .facts import Facts
from .headline import headline
from .learning import LearningSection
from .page_table import PageTable, page_table
from .tables import payoffs_text

PARTNERS = 40
"""With more partners only those are listed with which an agent earned most and least."""
ENDS = 10
"""How many of either."""


@dataclass(frozen=True)
class AgentSection:
    """An agent in one environment."""

    label: str
    anchor: str
    standing: Mapping[str, str]
    """Its line of the ranking: heading -> value."""
    conduct: Mapping[str, str]
    tables: Mapping[str, PageTable]
    """Title -> table."""
    replay: str
    """The command that shows a match with its best partner; "" where there is none."""


@dataclass(frozen=True)
class AgentPage:
    """All that the page knows of an agent."""

    label: str
    anchor: str
    sections: Sequence[AgentSection]
    source: str
    properties: Mapping[str, str]
    parameters: Mapping[str, object]


@dataclass(frozen=True, eq=False)
class Standing:
    """The part of a report on one environment, from which its agents' pages are made."""

    label: str
    environment: str
    anchor: str
    ranking: pd.DataFrame
    payoffs: pd.DataFrame
    exploits: pd.DataFrame | None
    chapters: Sequence[WrittenChapter]
    learning: LearningSection | None


def anchors(agents: Sequence[str]) -> dict[str, str]:
    """Label -> id of its page."""
    return {agent: f"agent-{number}" for number, agent in enumerate(agents, start=1)}


def agent_pages(standings: Sequence[Standing], links: Mapping[str, str], facts: Facts) -> Iterator[AgentPage]:
    """The page of each agent in `links`, in their order."""
    found: dict[str, list[AgentSection]] = {label: [] for label in links}
    for standing in standings:
        for label, section in _sections(standing, links, facts.get("run", "")):
            if label in found:
                found[label].append(section)
    for label, anchor in links.items():
        parameters = facts.get("agents", {}).get(label, {})
        properties = facts.get("properties", {}).get(label, {})
        if found[label] or parameters:
            source = facts.get("sources", {}).get("agents", {}).get(label, "")
            yield AgentPage(label, anchor, found[label], source, properties, parameters)


def _sections(standing: Standing, links: Mapping[str, str], run: str) -> Iterator[tuple[str, AgentSection]]:
    """Each agent of an environment, and its part there."""
    lines = headline(standing.ranking, standing.exploits).set_index("agent")
    partners = _by_agent(payoffs_text(_ends(standing.payoffs)))
    chapters = {chapter.name: chapter for chapter in standing.chapters}
    conduct = _by_agent(chapters["conduct"].text()) if "conduct" in chapters else {}
    exploiters = _by_agent(chapters["exploitability"].text()) if "exploitability" in chapters else {}
    learned = _by_agent(standing.learning.late_text) if standing.learning else {}
    policies = _by_agent(standing.learning.policies_text) if standing.learning else {}
    for label, line in lines.iterrows():
        agent = str(label)
        own_conduct = conduct[agent].iloc[0] if agent in conduct else pd.Series(dtype=str)
        tables = {
            "Payoff by partner": partners.get(agent),
            "What it learned: the last tenth of its curves": learned.get(agent),
            "Policy learned": policies.get(agent),
            "Its exploiters": exploiters.get(agent),
        }
        yield (
            agent,
            AgentSection(
                standing.label,
                standing.anchor,
                {
                    heading: value
                    for heading, value in (
                        ("Rank", line["rank"]),
                        ("Payoff per round", f"{line['payoff']} {line['interval']}".rstrip()),
                        ("Rank with other partners", line["others"]),
                        ("Cooperation", line["cooperation"]),
                        ("Exploitability", line["exploitability"]),
                    )
                    if value
                },
                {str(name): str(value) for name, value in own_conduct.items()},
                {title: page_table(table, links) for title, table in tables.items() if table is not None},
                _replay(run, standing.environment, agent, partners.get(agent)),
            ),
        )


def _replay(run: str, environment: str, agent: str, partners: pd.DataFrame | None) -> str:
    """The command for a match with the first of its partners; names with a colon have no such command."""
    if not run or partners is None or "Opponent" not in partners:
        return ""
    names = [agent, partners["Opponent"].iloc[0]]
    if any(":" in name for name in names):
        return ""
    return shlex.join(["dilemma", "replay", run, ":".join(names), "--env", environment])


def _by_agent(text: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each agent, without the columns that are empty there."""
    if "Agent" not in text:
        return {}
    rest = text.drop(columns="Agent")
    filled = (rest != "").groupby(text["Agent"], sort=False).any()
    columns = {agent: rest.columns[row] for agent, row in zip(filled.index, filled.to_numpy(), strict=True)}
    return {str(agent): rows[columns[agent]] for agent, rows in rest.groupby(text["Agent"], sort=False)}


def _ends(payoffs: pd.DataFrame) -> pd.DataFrame:
    """The payoff table, best partner of each agent first; of many partners the first and last few."""
    ordered = payoffs.sort_values("payoff", ascending=False, kind="stable")
    of = ordered.groupby("agent", observed=True)
    place, size = of.cumcount(), of["payoff"].transform("size")
    return ordered[(size <= PARTNERS) | (place < ENDS) | (place >= size - ENDS)]
