"""Results of a tournament, as pandas DataFrames. Reading them imports nothing that plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .analysis.behaviour.exploitability import COLUMNS, exploitability
from .analysis.cells import cells_by_league
from .analysis.game import Game
from .analysis.options import AnalysisOptions
from .analysis.ranking.field import common_field
from .analysis.ranking.held_out import rivals
from .analysis.ranking.mean_weights import mean_payoffs, mean_weights
from .analysis.ranking.payoffs import payoff_table
from .analysis.ranking.ranking import rank
from .analysis.report.facts import Facts
from .analysis.report.gallery import Gallery
from .analysis.report.report import Progress, write_report
from .analysis.report.tables import one_line
from .envs.errors import DilemmaError
from .pictures import evenly
from .run_summary import matches_left
from .tournament.config_file import analysis_of
from .tournament.damage import damaged
from .tournament.run_folder import RunFolder, accepted

if TYPE_CHECKING:
    from .plots import Plots
    from .tournament.plan import Plan

PICTURES = 8
"""Snapshots of each population in a report."""


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """The results of a tournament."""

    rows: pd.DataFrame
    """`seats` as it is stored, without `mean_weight`."""
    failures: Sequence[Mapping[str, Any]]
    """Matches that could not be played, each with its reason."""
    games: Mapping[str, Game]
    """What the analysis needs to know of each environment."""
    facts: Facts
    """Facts on the run, for the report."""
    options: AnalysisOptions
    """Options of the analysis."""
    curves: pd.DataFrame | None = None
    """A row for each point of the learning curve of each seat of each match; None if nobody learned."""
    costs: pd.DataFrame | None = None
    """Costs of each agent in each chunk; None if nobody played."""
    selections: pd.DataFrame | None = None
    """A row for each two seats of which one chose to meet the other; None if nobody chose."""
    generations: pd.DataFrame | None = None
    """A row for each replicate, generation and agent of populations that evolved; None if none did."""
    histories: pd.DataFrame | None = None
    """A row for each environment, replicate and generation of agents whose parameters evolve; None if none do."""
    genealogies: pd.DataFrame | None = None
    """A row for each of those who evolved, and their ancestors; None if none did."""
    choices: pd.DataFrame | None = None
    """A row for each choice of a partner; None if nobody chose."""
    exploits: Sequence[Mapping[str, Any]] = ()
    """The result of each search for an exploiter: a card, or the reason why there is none."""
    explained: Sequence[Mapping[str, Any]] = ()
    """What explains the allocations of mechanisms, a record for each mechanism and environment."""
    plan: Plan | None = None
    """The plan, for playing matches again, if available."""
    run: Path | None = None
    """The run folder, if there is one."""
    faults: Sequence[str] = ()
    """A sentence for each agent whose matches depend on what else was played."""

    def __repr__(self) -> str:
        lines = [self._played(), *(f"{label}: {leader}" for label, leader in self._leaders().items())]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><th>{escape(label)}</th><td>{escape(said)}</td></tr>" for label, said in self._leaders().items()
        ]
        return f"<table><caption>{escape(self._played())}</caption>{''.join(rows)}</table>"

    def _played(self) -> str:
        """How much was played, and how much failed."""
        matches, exact = (
            self.rows["match"].nunique(),
            self.rows.loc[self.rows["how"] == "exact", "match"].nunique(),
        )
        played = "1 match" if matches - exact == 1 else f"{matches - exact:,} matches"
        known_exactly = "1 exact payoff" if exact == 1 else f"{exact:,} exact payoffs"
        parts = [played, known_exactly, f"{len(self.failures):,} failed"]
        known = [part for part in parts if not part.startswith("0 ")]
        agents, title = len(self.facts.get("agents", ())), one_line(self.facts.get("title", "tournament"))
        return f"{title}: {agents} agents, {', '.join(known) or 'nothing played'}"

    def _leaders(self) -> dict[str, str]:
        """Who earns most, by environment and league, in words."""
        said, roles = (
            dict[str, str](),
            self.ranking.groupby("environment", observed=True)["role"].nunique().to_dict(),
        )
        first = self.ranking[self.ranking["rank"] == 1]
        for (environment, role), best in first.groupby(["environment", "role"], observed=True, sort=False):
            label = f"{environment}, {role}" if roles[environment] > 1 else str(environment)
            agents = " and ".join(one_line(str(agent)) for agent in best["agent"])
            said[label] = f"{agents}, {best['payoff'].iloc[0]:.4g} per round"
        return said

    @property
    def plot(self) -> Plots:
        """`plot.ranking()`, `plot.payoffs()` and `plot.curves()` draw on matplotlib Axes, and return them."""
        from .plots import Plots

        return Plots(self)

    @cached_property
    def seats(self) -> pd.DataFrame:
        """A row for each seat of each match; payoff per round.

        Rows have different weights: an exact payoff is one row, a played one has a row for each repetition.
        `mean_weight` is the weight of a row in its agent's mean payoff in the environment (`mean_payoffs`).
        """
        ranked = rivals(self.rows, self.options.background)
        weights = pd.Series(mean_weights(ranked, self.games, self.failures), ranked.index)
        return self.rows.assign(mean_weight=weights.reindex(self.rows.index, fill_value=0.0))

    def mean_payoffs(self) -> pd.DataFrame:
        """A row for each environment, role and agent, the best first: its mean payoff, as in the ranking.

        It is the sum of `payoff * mean_weight` over the agent's rows of `seats`; NaN for agents without a rank.
        """
        return mean_payoffs(self.seats, self.games)

    @cached_property
    def payoffs(self) -> pd.DataFrame:
        """A row for each environment, role, agent and opponent or company.

        Columns are the payoff per round, its standard error, cooperation and further measures.
        """
        return payoff_table(self.rows, self.games)

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """A row for each environment, role and agent, the best first, with 95 % intervals.

        Roles that the same agents take are ranked together, under the names of all of them.
        """
        return rank(rivals(self.rows, self.options.background), self.games, self.options, self.failures)

    @cached_property
    def exploitability(self) -> pd.DataFrame:
        """A row for each environment, agent and kind of exploiter: its gain, and what is left for the agent."""
        parts = []
        for cells in cells_by_league(rivals(self.rows, self.options.background), self.games):
            field = common_field(cells, self.failures).cells
            within = "population" in self.options.exploitability and field is not None and field.square
            agents = [str(agent) for agent in cells.agents[cells.roster]]
            cards = [card for card in self.exploits if card["agent"] in agents]
            parts.append(exploitability(cells.environment, agents, cards, field if within else None).table)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))

    def report(
        self,
        folder: Path | str,
        progress: Progress = lambda step: None,
        tell: Callable[[str], None] = lambda gap: None,
    ) -> Path:
        """Write the report into `folder`; returns its page. `progress` is called with each step before it is
        computed, `tell` with a sentence on each thing that was asked for and can't be worked out.

        A report that is interrupted leaves the folder as it was. Raises DilemmaError if it cannot be written.
        """
        progress("ranking")
        ranked = self.ranking
        progress("replays")
        replays, snapshots = self.replays(), self.snapshots(PICTURES)
        folder = Path(folder)
        try:
            return write_report(
                folder,
                self.rows,
                self.games,
                self.facts,
                options=self.options,
                curves=self.curves,
                costs=self.costs,
                generations=self.generations,
                snapshots=snapshots,
                histories=self.histories,
                genealogies=self.genealogies,
                choices=self.choices,
                selections=self.selections,
                cards=self.exploits,
                explained=self.explained,
                replays=replays,
                ranked=ranked,
                progress=progress,
                tell=tell,
            )
        except OSError as error:
            again = f": dilemma report {self.run} --out DIR" if self.run else ""
            raise DilemmaError(
                f"the report can't be written to {folder} ({error.strerror or error}). All results are kept; "
                f"choose another folder{again}"
            ) from error

    def snapshots(self, most: int | None = None) -> pd.DataFrame | None:
        """Who was where in the first population on a graph, a row for each vertex; None where nothing is stored.

        Of each environment all generations of which there are snapshots, or `most` of them, evenly spaced.
        """
        if self.run is None:
            return None
        store = RunFolder(self.run)
        there = store.snapshot_generations()
        wanted = {label: these if most is None else evenly(these, most) for label, these in there.items()}
        return store.snapshots(wanted) if there else None

    def replays(self) -> dict[str, Gallery]:
        """The replays in the report, by environment; empty if matches cannot be played again.

        For a run that was not played in this process, only agents and environments of this package are created and
        played.
        """
        if not any(game.get("board", True) for game in self.games.values()):
            return {}
        from .replay_strips import galleries
        from .tournament.config import builtin_plan

        try:
            plan = self.plan or (builtin_plan(RunFolder(self.run).asked(), self.run) if self.run else None)
            return galleries(plan, self.rows, self.run) if plan else {}
        except Exception:  # for example a missing agent: the report is written without replays
            return {}


def stored(store: RunFolder, changes: Sequence[str] = ()) -> Results:
    """The results in a run folder; `changes` (KEY=VALUE) are applied to its [analysis] section."""
    config, manifest, failures = store.asked(), store.manifest(), store.failures()
    labels = [entry["label"] for entry in config["environments"]]
    games = {label: manifest["games"][label] for label in labels if label in manifest["games"]}
    seats = store.seats()
    done, finished = int(seats["match"].nunique()), bool(manifest.get("finished"))
    facts = _facts(config, failures, manifest, games, store.calls())
    facts["left"] = matches_left(manifest.get("asked"), done, len(failures), finished=finished)
    facts["damaged"] = [
        f"{file.relative_to(store.path)} can't be read ({why})" for file, why in damaged(store.path)
    ]
    facts["run"] = str(store.path)
    return Results(
        seats,
        failures,
        {label: game_of(entry) for label, entry in games.items()},
        facts,
        _options(config, str(store.config_path), changes),
        store.curves(),
        store.costs(),
        store.selections(),
        store.generations(),
        store.histories(),
        store.genealogies(),
        store.choices(),
        list(store.exploits().values()),
        store.explained(),
        run=store.path,
        faults=list(manifest.get("faults", {}).values()),
    )


def open_run(folder: Path | str) -> Results:
    """The results of a run folder, finished or not. Raises DilemmaError if there is none."""
    return stored(RunFolder.existing(Path(folder)))


def game_of(entry: Mapping[str, Any]) -> Game:
    """A manifest's entry of an environment; older ones have no roles, but whether seats are interchangeable."""
    game: Any = {key: value for key, value in entry.items() if key != "symmetric"}
    if "roles" not in entry:
        names = ["player" if entry["symmetric"] else f"player {seat + 1}" for seat in range(entry["seats"])]
        game["roles"] = names
    found: Game = game
    return found


def _options(config: Mapping[str, Any], path: str, changes: Sequence[str]) -> AnalysisOptions:
    """The analysis options of a run's config."""
    section = analysis_of(config, path, changes)
    named = section.model_dump(include={field.name for field in fields(AnalysisOptions)})
    return AnalysisOptions(**named, background=config["schedule"].get("background", ()))


def _facts(
    config: Mapping[str, Any],
    failures: Sequence[Mapping[str, object]],
    manifest: Mapping[str, Any],
    games: Mapping[str, Mapping[str, Any]],
    calls: Sequence[Any],
) -> Facts:
    labels = [entry["label"] for entry in config["agents"]]
    return Facts(
        title=config["name"],
        seed=config["seed"],
        agents={entry["label"]: _parameters(entry) for entry in config["agents"]},
        environments={entry["label"]: _parameters(entry) for entry in config["environments"]},
        sources={
            kind: {entry["label"]: named[entry["label"]] for entry in config[kind] if entry["label"] in named}
            for kind, named in manifest.get("sources", {}).items()
        },
        learners=[label for label in manifest.get("learners", ()) if label in labels],
        schedule=config["schedule"],
        evaluation=config["evaluation"],
        learning=config.get("learning", {}),
        calls=calls,
        properties=manifest.get("properties", {}),
        versions=manifest.get("versions", {}),
        counts=manifest.get("counts", {}),
        failures=[
            {key: failure[key] for key in ("setting", "cast", "blamed", "repetition", "reason")}
            for failure in failures
        ],
        notes=[
            *manifest.get("evolution", ()),
            *manifest.get("choosing", ()),
            *manifest.get("faults", {}).values(),
            *(f"{label}: {game['note']}" for label, game in games.items() if game.get("note")),
            *(
                f"{label}: its code has changed (its digest was {known['digest']}, now it is {known['code']}), "
                "and that was accepted: rows of the old code are among those of the new one"
                for label, known in accepted(config)
            ),
        ],
    )


def _parameters(entry: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in entry.items() if key not in ("label", "known")}
