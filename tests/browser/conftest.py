"""Reports of every kind of run in a real browser: Debian's chromium, driven by Playwright.

`reports("coins")` is the page of a run, played and written once; `visit("coins", width=390)` opens it. At the end
of each test no page that it visited may have complained, or asked for anything but itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dilemma import Results, Tournament, open_run
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.reciprocity.reciprocator import Reciprocator
from dilemma.envs.coins import Coins
from dilemma.envs.matrix_game import PrisonersDilemma

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PATIENCE = 60_000
"""Milliseconds that anything may take before it counts as not there: far more than on a busy machine."""

NOISY = ["prisoners_dilemma"]
HOSTILE = (
    "<script>alert('a')</script>",
    "quotes \" and ' and `",
    "a,comma;semicolon",
    "two\nlines\tand a tab",
    r"$x^2$ \textbf{b} %_&#{}~",
    '=HYPERLINK("file:///etc")',
    "\u202eright to left שלום",
    "囚徒困境" * 20,
    "W" * 80,
    "</style></table><b>",
)
"""Labels that would break a page, a spreadsheet or a paper where they are taken for more than text."""


class Broken:
    """An agent that never gets to play."""

    def act(self, history: object) -> int:
        raise ValueError("no <move> today")


def quickstart(folder: Path) -> Results:
    return Tournament.from_config("quickstart", ["execution.jobs=1"]).run(folder)


def learning(folder: Path) -> Results:
    agents = ["reinforce", "q_learning", "actor_critic", "tit_for_tat", "all_d"]
    lessons = {"tables": 4, "episodes": 12, "window": 4}
    short = {"prisoners_dilemma": PrisonersDilemma(rounds=10, noise=0.01)}
    tournament = Tournament(short, agents, repetitions=3, self_play=True, learning=lessons, name="learning")
    return tournament.run(folder, _unwatched)


def coins(folder: Path) -> Results:
    games = {"coins": Coins(rounds=8, view="centred")}
    learners = [kind(policy="gru", hidden=[4]) for kind in (PPO, Reciprocator)]
    agents = [*learners, "coins_cooperator", "coins_defector"]
    lessons = {"tables": 2, "episodes": 4, "window": 2, "block": 2}
    return Tournament(games, agents, repetitions=2, self_play=True, learning=lessons, name="coins").run(
        folder, _unwatched
    )


def many(agents: int) -> Callable[[Path], Results]:
    """Memory-one agents drawn at random, with exact payoffs."""

    def run(folder: Path) -> Results:
        drawn = np.random.default_rng(0).random((agents, 5)).round(3).tolist()
        lines = [f'name = "{agents} agents"\n[[environments]]\nname = "prisoners_dilemma"\nnoise = 0.01\n']
        for number, p in enumerate(drawn):
            lines.append(f'[[agents]]\nname = "memory_one"\nlabel = "drawn {number:03d}"\np = {p}\n')
        config = folder.with_suffix(".toml")
        config.write_text("".join(lines))
        return Tournament.from_config(config).run(folder)

    return run


def half_done(folder: Path) -> Results:
    """A run that was interrupted after its first chunk."""

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    agents = ["tit_for_tat", "all_d", "random", "grudger", "win_stay_lose_shift"]
    tournament = Tournament(NOISY, agents, mode="played", repetitions=3, chunk=10, name="half done")
    try:
        tournament.run(folder, interrupt)
    except KeyboardInterrupt:
        return open_run(folder)
    raise AssertionError("the run was over in one chunk")


def only_failures(folder: Path) -> Results:
    return Tournament(NOISY, {"broken": Broken, "also broken": Broken}, name="only failures").run()


def one_agent(folder: Path) -> Results:
    return Tournament(NOISY, ["random"], self_play=True, repetitions=3, name="one agent").run(folder)


def one_repetition(folder: Path) -> Results:
    agents = ["tit_for_tat", "all_d", "random", "grudger", "win_stay_lose_shift"]
    return Tournament(NOISY, agents, mode="played", name="one repetition").run(folder)


def three_partners(folder: Path) -> Results:
    agents = ["tit_for_tat", "all_d", "random", "grudger"]
    return Tournament([*NOISY, "stag_hunt"], agents, mode="played", repetitions=4, name="three partners").run(
        folder
    )


def hostile(folder: Path) -> Results:
    kinds = ["tit_for_tat", "all_d", "random", "grudger", "all_c"]
    agents = {label: kinds[number % len(kinds)] for number, label in enumerate(HOSTILE)}
    return Tournament(
        NOISY, agents | {"broken <i>": Broken}, mode="played", repetitions=2, name="<i>hostile</i> & more"
    ).run()


RUNS: dict[str, Callable[[Path], Results]] = {
    "quickstart": quickstart,
    "learning": learning,
    "coins": coins,
    "agents_100": many(100),
    "agents_200": many(200),
    "half_done": half_done,
    "only_failures": only_failures,
    "one_agent": one_agent,
    "one_repetition": one_repetition,
    "three_partners": three_partners,
    "hostile": hostile,
}


def _unwatched(done: int, total: int) -> None:
    """Nobody looks at a terminal here."""


@dataclass
class Visit:
    """A page in a browser, and what should not have happened there."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)
    """Errors of scripts and of the console, and requests for anything but the page itself."""

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", lambda request: self._ask(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(f"console: {text}")

    def _ask(self, url: str) -> None:
        if url.partition("#")[0] != self.address and not url.startswith(("data:", "blob:")):
            self.faults.append(f"request: {url}")


Visits = Callable[..., "Page"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def reports(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a run by its name in `RUNS`."""
    folder, written = tmp_path_factory.mktemp("runs"), dict[str, Path]()

    def page_of(name: str) -> Path:
        if name not in written:
            written[name] = RUNS[name](folder / name).report(folder / name / "report")
        return written[name]

    return page_of


@pytest.fixture
def visit(browser: Browser, reports: Callable[[str], Path]) -> Iterator[Visits]:
    """Opens the page of a run, or any address."""
    visits = list[Visit]()

    def open_page(name: str, *, width: int = 1280, scheme: Any = "light", scripts: bool = True) -> Page:
        address = name if "://" in name else reports(name).as_uri()
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        visits.append(Visit(context.new_page(), address))
        visits[-1].page.goto(address)
        return visits[-1].page

    yield open_page
    for each in visits:
        each.page.context.close()
    assert [fault for each in visits for fault in each.faults] == []
