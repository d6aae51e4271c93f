"""The pictures of reports in figures/, taken in chromium: python docs/screenshots.py

The tournament of the tutorial in a wide window and on a phone; the heat map of a hundred memory-one agents, sorted
by likeness; the curves of three learners.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from dilemma import Tournament
from dilemma.agents.memory_one import MemoryOne
from dilemma.envs.matrix_game import PrisonersDilemma

DOCS = Path(__file__).parent
FIGURES = DOCS / "figures"


def tutorial(folder: Path) -> Path:
    [config] = re.findall(r"```toml\n(# sixteen\.toml\n.*?)```", (DOCS / "tutorial.md").read_text(), re.DOTALL)
    (folder / "sixteen.toml").write_text(config)
    tournament = Tournament.from_config(folder / "sixteen.toml", ["schedule.repetitions=100"])
    return tournament.run(folder / "sixteen").report(folder / "sixteen" / "report")


def hundred(folder: Path) -> Path:
    drawn = np.random.default_rng(0).random((100, 5)).round(3).tolist()
    agents = {f"drawn {number:03}": MemoryOne(p=p) for number, p in enumerate(drawn)}
    game = {"prisoners_dilemma": PrisonersDilemma(noise=0.01)}
    return Tournament(game, agents, self_play=True).run(folder / "hundred").report(folder / "hundred" / "report")


def learners(folder: Path) -> Path:
    agents = ["reinforce", "q_learning", "actor_critic", "tit_for_tat", "all_d"]
    learning = {"tables": 16, "episodes": 100, "window": 20}
    game = {"prisoners_dilemma": PrisonersDilemma(rounds=10)}
    tournament = Tournament(game, agents, repetitions=8, self_play=True, learning=learning)
    return tournament.run(folder / "learners").report(folder / "learners" / "report")


def visit(browser: Browser, report: Path, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.goto(report.as_uri())
    return page


def figure(page: Page, caption: str, name: str, order: str = "") -> None:
    """A picture of the first figure with this caption, as scripts draw it."""
    found = page.locator("figure", has_text=caption).first
    found.scroll_into_view_if_needed()
    found.locator(".still").wait_for(state="hidden")
    if order:
        found.locator("select").select_option(order)
        page.wait_for_timeout(500)
    found.locator(".live").screenshot(path=FIGURES / name)


def shrink(name: str) -> None:
    """A third of the size, by a palette of its own."""
    with Image.open(FIGURES / name) as picture:
        picture.convert("RGB").quantize(256).save(FIGURES / name, optimize=True)


def main() -> None:
    with TemporaryDirectory() as passing, sync_playwright() as playwright:
        folder = Path(passing)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        report = tutorial(folder)
        visit(browser, report, 1100, 1130).screenshot(path=FIGURES / "report.png")
        phone = visit(browser, report, 390, 844)
        phone.locator(".ranking").first.evaluate("ranking => ranking.previousElementSibling.scrollIntoView()")
        phone.screenshot(path=FIGURES / "report_phone.png")
        wide = visit(browser, hundred(folder), 1280, 1400)
        figure(wide, "against the column", "heatmap.png", "likeness of payoffs")
        figure(visit(browser, learners(folder), 1100, 900), "Payoff of each learner", "learners.png")
        browser.close()
    for name in ("report.png", "report_phone.png"):
        shrink(name)


if __name__ == "__main__":
    main()
