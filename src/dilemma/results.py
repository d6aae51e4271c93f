"""Results: what a tournament gave, as pandas DataFrames. Nothing that plays is imported to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .analysis.cells import Game
from .analysis.judgement import Judgement
from .analysis.ranking.held_out import rivals
from .analysis.ranking.mean_weights import mean_payoffs, mean_weights
from .analysis.ranking.payoffs import payoff_table
from .analysis.ranking.ranking import rank
from .analysis.report.gallery import Gallery
from .analysis.report.report import Facts, Tell, write_report
from .envs.errors import DilemmaError
from .tournament.config_file import analysis_of
from .tournament.run_folder import RunFolder, accepted

if TYPE_CHECKING:
    from .tournament.plan import Plan


@dataclass(frozen=True, eq=False)
class Results:
    """What a tournament gave."""

    rows: pd.DataFrame
    """`seats` as it is stored, without `mean_weight`."""
    failures: Sequence[Mapping[str, Any]]
    """Matches that could not be played, each with its reason."""
    games: Mapping[str, Game]
    """What the analysis has to know of each environment."""
    facts: Facts
    """What was run, for the report."""
    asked: Judgement
    """What is to be worked out."""
    curves: pd.DataFrame | None = None
    """A row for each point of the learning curve of each seat of each match; None where nobody learned."""
    costs: pd.DataFrame | None = None
    """What each agent took, a row for each chunk; None where nobody played."""
    exploits: Sequence[Mapping[str, Any]] = ()
    """What came of each search for an exploiter: a card, or the reason why there is none."""
    plan: Plan | None = None
    """By which matches can be played again, if at hand."""
    run: Path | None = None
    """The folder that keeps all this, if there is one."""
    faults: Sequence[str] = ()
    """Agents whose matches were found to depend on what else was played, a sentence each."""

    @cached_property
    def seats(self) -> pd.DataFrame:
        """A row for each seat of each match; payoff per round.

        Rows don't weigh alike: an exact payoff is one row, a played one as many as there are repetitions.
        `mean_weight` is what a row counts for in its agent's mean payoff in the environment (`mean_payoffs`).
        """
        ranked = rivals(self.rows, self.asked.background)
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

        It has the payoff per round, its standard error, cooperation.
        """
        return payoff_table(self.rows, self.games)

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """A row for each environment, role and agent, the best first, with 95 % intervals.

        Roles that the same agents take are ranked together, under the names of all of them.
        """
        return rank(rivals(self.rows, self.asked.background), self.games, self.asked, self.failures)

    def report(self, folder: Path | str, tell: Tell = lambda step: None) -> Path:
        """Write the report into `folder`; returns its page. `tell` hears of each step before it is taken.

        Raises DilemmaError where it can't be written.
        """
        tell("ranking")
        ranked = self.ranking
        tell("replays")
        replays = self.replays()
        try:
            return write_report(
                folder,
                self.rows,
                self.games,
                self.facts,
                asked=self.asked,
                curves=self.curves,
                costs=self.costs,
                cards=self.exploits,
                replays=replays,
                ranked=ranked,
                tell=tell,
            )
        except OSError as error:
            again = f": dilemma report {self.run} --out DIR" if self.run else ""
            raise DilemmaError(
                f"the report can't be written to {folder} ({error.strerror or error}). All results are kept; "
                f"choose another folder{again}"
            ) from error

    def replays(self) -> dict[str, Gallery]:
        """What the report shows of matches, by environment; nothing where they can't be played again.

        Of a run that has not been played in this process, only what comes with this package is built and played.
        """
        if not any(game.get("board", True) for game in self.games.values()):
            return {}
        from .replay_strips import galleries
        from .tournament.config import of_catalogue

        try:
            plan = self.plan or (of_catalogue(RunFolder(self.run).asked(), self.run) if self.run else None)
            return galleries(plan, self.rows, self.run) if plan else {}
        except Exception:  # an agent that is gone, say: the report must stand without it
            return {}


def stored(store: RunFolder, changes: Sequence[str] = ()) -> Results:
    """The results in a run folder; `changes` (KEY=VALUE) are to what its config asks of the analysis."""
    asked, manifest, failures = store.asked(), store.manifest(), store.failures()
    facts = _facts(asked, failures, manifest)
    return Results(
        store.seats(),
        failures,
        {label: _game(told) for label, told in manifest["games"].items()},
        facts,
        _judgement(asked, str(store.config_path), changes),
        store.curves(),
        store.costs(),
        list(store.exploits().values()),
        run=store.path,
        faults=list(manifest.get("faults", {}).values()),
    )


def open_run(folder: Path | str) -> Results:
    """The results of a run folder, finished or not. Raises DilemmaError where there is none."""
    return stored(RunFolder.existing(Path(folder)))


def _game(told: Mapping[str, Any]) -> Game:
    """What a manifest says of an environment; an older one has no roles, but whether seats are alike."""
    game: Any = {key: value for key, value in told.items() if key != "symmetric"}
    if "roles" not in told:
        names = ["player" if told["symmetric"] else f"player {seat + 1}" for seat in range(told["seats"])]
        game["roles"] = names
    found: Game = game
    return found


def _judgement(asked: Mapping[str, Any], path: str, changes: Sequence[str]) -> Judgement:
    """What a run's config asks of the analysis."""
    section = analysis_of(asked, path, changes)
    named = section.model_dump(include={field.name for field in fields(Judgement)})
    return Judgement(**named, background=asked["schedule"].get("background", ()))


def _facts(
    asked: Mapping[str, Any], failures: Sequence[Mapping[str, object]], manifest: Mapping[str, Any]
) -> Facts:
    return Facts(
        title=asked["name"],
        seed=asked["seed"],
        agents={entry["label"]: _parameters(entry) for entry in asked["agents"]},
        environments={entry["label"]: _parameters(entry) for entry in asked["environments"]},
        versions=manifest.get("versions", {}),
        counts=manifest.get("counts", {}),
        failures=[
            {key: failure[key] for key in ("setting", "cast", "blamed", "repetition", "reason")}
            for failure in failures
        ],
        notes=[
            *manifest.get("faults", {}).values(),
            *(f"{label}: {game['note']}" for label, game in manifest["games"].items() if game.get("note")),
            *(
                f"{label}: its code has changed (its digest was {known['digest']}, now it is {known['code']}), "
                "and that was accepted: rows of the old code are among those of the new one"
                for label, known in accepted(asked)
            ),
        ],
    )


def _parameters(entry: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in entry.items() if key not in ("label", "known")}
