"""Partner choice in Coins: learners of many social value orientations, whose hands tremble or not, as candidates.

Trains what isn't trained yet, eight times each, into run folders under FOLDER; then three scripted players choose
among the candidates, by three rules. `grid` has social value orientations with trembling hands, `learners` has
naive learners, Reciprocators, shapers and scripted players, each of whom is a chooser too. Prints keep rates, what
candidates are like, and which score of theirs goes with it. A run that was cut short goes on.

    python benchmarks/partner_choice.py runs grid
    python benchmarks/partner_choice.py runs learners
    python benchmarks/partner_choice.py runs learners --refusal rematched
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch

from dilemma import Results, Tournament
from dilemma.analysis.behaviour.partner_choice import keep_rates, partners, predictors
from dilemma.analysis.behaviour.partner_evidence import PartnerEvidence
from dilemma.tournament.config import parse

ANGLES = (0, 15, 30, 45, 60, 75, 90)
RATES = (0.0, 0.1, 0.25, 0.5)
ALONE = 0.3
"""Payoff per round of playing alone: half of what two have that leave each other's coins."""
SCRIPTED = {name: {"name": f"coins_{name}"} for name in ("cooperator", "defector", "tit_for_tat")}
POLICY = {"policy": "gru", "hidden": [16]}
NAIVE = {**POLICY, "clip": 0.15, "entropy_weight": 0.01}
SHAPER = {**POLICY, "gae": 0.95, "epochs": 3, "clip": 0.2, "entropy_weight": 0.15}
INFLUENCE = {"weight": 0.5, "normalise_influence": False}
LEARNERS: Mapping[str, Mapping[str, object]] = {
    "naive": {"name": "ppo", **NAIVE},
    "reciprocator": {"name": "reciprocator", **NAIVE, **INFLUENCE},
    "advantage_alignment": {"name": "advantage_alignment", **SHAPER},
    "loqa": {"name": "loqa", **SHAPER, "learning_rate": 0.005, "normalise": "advantages"},
}
"""As in the config `coins`."""
RULES = [{"kind": "own_return"}, {"kind": "fairness", "at_least": 0.7}, {"kind": "logistic"}]
ROOM = {"name": "coins", "variant": "coin_per_player", "rounds": 32, "view": "centred"}


def trained(folder: Path, label: str, entry: Mapping[str, object] = MappingProxyType({})) -> dict[str, object]:
    """The checkpoint of a learner against itself, trained where it isn't yet; SVO's entry has what differs."""
    config = tomllib.loads((files("dilemma.configs") / "partner_choice_train.toml").read_text(encoding="utf-8"))
    if label in LEARNERS:
        config["agents"] = [{"label": label, **LEARNERS[label]}]
        config["learning"] |= {"keep": [label], "episodes": 80}
    else:
        config["agents"][0] |= entry
    Tournament.of(parse(config)).run(folder / label)
    learner = config["agents"][0]["label"]
    return {"name": "checkpoint", "run": str(folder / label), "learner": learner, "label": label}


def grid(folder: Path) -> list[dict[str, object]]:
    """Social value orientations by angle, each with trembling hands."""
    steady = [trained(folder, f"svo_{angle}", {"angle": angle}) for angle in ANGLES]
    shaky = [
        {"name": "tremble", "of": entry["label"], "rate": rate, "label": f"{entry['label']} {rate:g}"}
        for rate in RATES[1:]
        for entry in steady
    ]
    return [*steady, *shaky]


def chosen(folder: Path, asked: argparse.Namespace, candidates: Sequence[Mapping[str, object]]) -> Results:
    """The run in which scripted players, and learners where those are candidates, choose."""
    scripted = [{**entry, "label": label} for label, entry in SCRIPTED.items()]
    everybody = asked.of == "learners"
    labels = [str(entry["label"]) for entry in (*candidates, *scripted)]
    config = {
        "seed": 2024,
        "environments": [ROOM, *([{**ROOM, "label": "alone", "absent": 1}] if asked.alone == "played" else [])],
        "agents": [*candidates, *scripted],
        "schedule": {
            "kind": "partner_choice",
            "choosers": labels if everybody else list(SCRIPTED),
            "candidates": labels if everybody else labels[: len(candidates)],
            "alone": "alone" if asked.alone == "played" else float(asked.alone),
            "refusal": asked.refusal,
            "matches": asked.matches,
            "repetitions": asked.paths,
            "rules": RULES,
        },
    }
    plan = parse(config, folder=Path())
    name = f"{asked.of}_{asked.alone}_{asked.refusal}_{asked.matches}"
    return Tournament.of(plan).run(folder / name)


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("of", choices=("grid", "learners"))
    parser.add_argument("--alone", default=str(ALONE), help="payoff per round of playing alone, or `played`")
    parser.add_argument("--refusal", choices=("alone", "rematched"), default="alone")
    parser.add_argument("--matches", type=int, default=2)
    parser.add_argument("--paths", type=int, default=200)
    asked = parser.parse_args()
    candidates = grid(asked.folder) if asked.of == "grid" else [trained(asked.folder, name) for name in LEARNERS]
    told(chosen(asked.folder, asked, candidates), asked.of)


def told(results: Results, of: str) -> None:
    """Print the choice matrix, what candidates are like, and what preference goes by."""
    seats = results.rows[results.rows["environment"] == "coins"]
    schedule = results.facts["schedule"]
    evidence = PartnerEvidence(results.choices, seats, results.games["coins"], schedule, 2000, 0)
    table, scores = partners(evidence).table, predictors(evidence)
    with pd.option_context("display.width", 250, "display.max_columns", 40, "display.max_rows", 400):
        print("Keep rates\n", keep_rates(table).round(2).T)
        names = ["own_payoff", "partner_payoff", "warmth", "competence"]
        alike = table[table["rule"] == "own_return"]
        like = alike.groupby("opponent", sort=False)[names].mean()
        print("Candidates, the mean over choosers\n", like.round(3))
        if of == "grid":
            print(monotone(alike))
        rates = freed(table, results.choices)
        print("Candidates by rule, the mean over choosers\n", rates.round(3).to_string())
        if scores is not None:
            print("Kendall's tau\n", scores.table.round(2).to_string())


def freed(table: pd.DataFrame, choices: pd.DataFrame, draws: int = 2000) -> pd.DataFrame:
    """What candidates earn in all matches, and after a choice, with its interval: means over choosers.

    It is that of percentiles of a bootstrap of a candidate's trained runs, or paths, the same for all choosers.
    """
    names = ["keep_rate", "partner_payoff", "free_payoff"]
    means = table.groupby(["rule", "opponent"], sort=False)[names].mean()
    unit = choices["run"].where(choices["run"] >= 0, choices["repetition"])
    for (rule, opponent), own in choices.assign(unit=unit).groupby(["rule", "opponent"], observed=True):
        sums = own.groupby(["agent", "unit"], observed=True)["partner_next_payoff"].agg(["sum", "count"]).unstack()
        paid, count = (sums[name].fillna(0).to_numpy() for name in ("sum", "count"))  # [chooser, unit]
        units = paid.shape[1]
        drawn = np.random.default_rng(0).multinomial(units, np.full(units, 1 / units), draws)
        low, high = np.quantile(((drawn @ paid.T) / (drawn @ count.T)).mean(axis=1), [0.025, 0.975])
        means.loc[(rule, opponent), ["free_low", "free_high"]] = low, high
    return means


def monotone(table: pd.DataFrame) -> str:
    """How warmth rises with the angle and competence falls with trembling, from step to step."""
    said = []
    for chooser, own in table.groupby("agent", sort=False):
        warmth, competence = (
            own[name].to_numpy(np.float64).reshape(len(RATES), len(ANGLES)) for name in ("warmth", "competence")
        )
        rises, falls = np.diff(warmth, axis=1), -np.diff(competence, axis=0)
        said.append(
            f"{chooser}: warmth rises in {(rises > 0).sum()} of {rises.size} steps of the angle, "
            f"least {rises.min():.3f}; competence falls in {(falls > 0).sum()} of {falls.size} steps "
            f"of trembling, least {falls.min():.3f}"
        )
    return "\n".join(said)


if __name__ == "__main__":
    main()
