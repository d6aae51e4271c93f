"""Replays of populations on graphs: who was where, generation by generation, from the snapshots of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .analysis.behaviour.generations import agents_of
from .analysis.report.snapshot_figures import agent_colours, population_picture
from .envs.errors import DilemmaError
from .pictures import PANELS, Frame, Line, animation, evenly, short_label, strip
from .replay import chosen_environment
from .tournament.run_folder import RunFolder


def environment_with_snapshots(store: RunFolder, wanted: str | None) -> str:
    """The environment that is wanted, or the only one. Raises DilemmaError if it has no snapshots."""
    there = list(store.snapshot_generations())
    if not there:
        raise DilemmaError(f"{store.path} has no snapshots of a population: only populations on graphs have")
    return chosen_environment(there, wanted)


def population_gif(store: RunFolder, environment: str) -> bytes:
    """All snapshots of the first population in an environment, as an animated GIF."""
    generations = store.snapshot_generations()[environment]
    return animation(_frames(store, environment, generations, str))


def population_svg(store: RunFolder, environment: str) -> str:
    """At most `PANELS` snapshots of the first population in an environment, side by side."""
    generations = evenly(store.snapshot_generations()[environment], PANELS)
    return strip(_frames(store, environment, generations, short_label))


def _frames(
    store: RunFolder, environment: str, generations: Sequence[int], named: Callable[[str], str]
) -> list[Frame]:
    """Each generation with the shares of those who are anywhere to be seen; colours are the report's."""
    history = store.generations()
    agents = [] if history is None else agents_of(history[history["environment"] == environment])
    pictures, shares = [], []
    for generation in generations:  # one at a time: together they may not fit in memory
        snapshot = store.snapshots({environment: [generation]})
        agents = list(dict.fromkeys([*agents, *agents_of(snapshot)]))
        pictures.append(population_picture(snapshot, agents))
        shares.append(snapshot["agent"].value_counts(normalize=True).to_dict())
    seen = [agent for agent in agents if any(here.get(agent) for here in shares)]
    colours = dict(zip(agents, map(tuple, agent_colours(agents).tolist()), strict=True))
    frames = []
    for picture, generation, here in zip(pictures, generations, shares, strict=True):
        lines = [Line(f"{named(agent)}: {100 * here.get(agent, 0):.1f} %", colours[agent]) for agent in seen]
        frames.append(Frame(picture, f"generation {generation:,}", lines))
    return frames
