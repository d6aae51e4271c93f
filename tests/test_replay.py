"""Replays: the match that is shown is the one that was played."""

import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w
import torch
from click.testing import CliRunner
from PIL import Image

from dilemma import Tournament
from dilemma.cli import main
from dilemma.envs.coins import Coins
from dilemma.envs.errors import DilemmaError
from dilemma.replay import gif, replay_gif, replayed, svg, text
from dilemma.results import stored
from dilemma.tournament.store import Store

torch.set_num_threads(1)


def run(folder, **config):
    (folder.parent / f"{folder.name}.toml").write_text(tomli_w.dumps(config))
    Tournament.from_config(folder.parent / f"{folder.name}.toml").run(folder)
    return Store.existing(folder)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Strategies in games of all kinds."""
    return run(
        tmp_path_factory.mktemp("replay") / "played",
        environments=[
            {"name": "prisoners_dilemma", "label": "noisy", "rounds": 30, "noise": 0.1, "continuation": 0.95},
            {"name": "battle_of_the_sexes", "rounds": 20, "discount": 0.9},
            {"name": "n_player_ipd", "label": "trio", "rounds": 10},
            {"name": "coins", "rounds": 12, "variant": "coin_per_player"},
            {"name": "cleanup", "rounds": 30, "players": 3},
            {"name": "common_pool_trust", "label": "pool", "rounds": 6, "players": 2, "levels": 3},
        ],
        agents=[{"name": "random", "label": "a:b"}, {"name": "random", "label": "c"}],
        schedule={"repetitions": 2, "self_play": True},
        evaluation={"mode": "played"},
    )


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Learners, in blocks of two."""
    return run(
        tmp_path_factory.mktemp("replay") / "learned",
        environments=[{"name": "prisoners_dilemma", "label": "ipd", "rounds": 12, "noise": 0.1}],
        agents=[{"name": "tit_for_tat"}, {"name": "reinforce", "learning_rate": 0.1}, {"name": "q_learning"}],
        schedule={"repetitions": 2},
        learning={"tables": 3, "episodes": 5, "window": 2, "block": 2},
    )


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """Automata in games without chance."""
    return run(
        tmp_path_factory.mktemp("replay") / "exact",
        environments=[
            {"name": "prisoners_dilemma", "label": "ipd", "rounds": 12},
            {"name": "prisoners_dilemma", "label": "endless", "rounds": float("inf")},
        ],
        agents=[{"name": "tit_for_tat"}, {"name": "alternator"}],
    )


@pytest.mark.parametrize("which", ["played", "learned"])
def test_every_match_is_replayed_bit_for_bit(which, request):
    store = request.getfixturevalue(which)
    seats = store.seats().sort_values(["match", "seat"])
    for match, rows in seats[seats["how"] != "exact"].groupby("match"):
        course, stored = replayed(store, str(match))
        assert (course.match, list(course.labels)) == (match, rows["agent"].tolist())
        assert list(course.payoff) == stored == rows["payoff"].tolist()


def test_the_table_that_is_shown_earned_the_stored_payoff(played):
    for match, rows in played.seats().groupby("match"):
        course, stored = replayed(played, str(match))
        assert course.per_round == pytest.approx(stored, abs=1e-12)
        assert len(course.action) == rows["rounds"].iloc[0]


def test_the_tables_and_episodes_that_are_shown_make_up_the_learning_curve(learned):
    curves = learned.curves()
    curve = curves[(curves["agent"] == "reinforce") & (curves["opponent"] == "q_learning")]
    curve = curve[curve["repetition"] == 1].sort_values("point")["payoff"].tolist()
    for episode in (0, 3, 4):
        courses = [replayed(learned, "reinforce:q_learning:1", table=t, episode=episode)[0] for t in range(3)]
        [seat] = {course.labels.index("reinforce") for course in courses}
        assert np.mean([course.per_round[seat] for course in courses]) == pytest.approx(curve[episode], abs=1e-12)
        assert (courses[0].payoff is None) == (episode < 4)
        assert not torch.equal(courses[0].action, courses[1].action)


def test_moves_as_text(exact):
    course, stored = replayed(exact, "tit_for_tat:alternator", "ipd")
    assert stored == pytest.approx(course.per_round)
    assert text(course) == (
        f"alternator against tit_for_tat in ipd: match {course.match}, repetition 0, table 0, episode 0\n"
        "alternator   CDCDCDCDCDCD\n"
        "tit_for_tat  CCDCDCDCDCDC\n"
        "per round: alternator 2.75, tit_for_tat 2.33333\n"
    )


def test_the_text_of_a_played_match_is_what_it_was(played):
    assert text(replayed(played, "a:b:c:1", "noisy")[0]) == NOISY


NOISY = """\
a:b against c in noisy: match 4902150715192947517, repetition 1, table 0, episode 0
a:b  CDCDDDDDDDDCCDDCCCDDDC
c    CCCDDCDDCCDDDDDDDDCDCD
per round: a:b 2, c 2
"""


def test_long_matches_are_broken_and_who_has_stopped_is_a_dot(exact):
    course, _ = replayed(exact, "alternator:tit_for_tat", "ipd")
    repeat = [torch.cat([tensor] * 10) for tensor in (course.action, course.reward, course.playing)]
    repeat[2][-1, 1] = False
    long = type(course)(**{**vars(course), **dict(zip(("action", "reward", "playing"), repeat, strict=True))})
    lines = text(long).splitlines()
    assert [len(line) for line in lines[1:7]] == [12, 113, 113, 14, 33, 33]
    assert lines[4] == "from round 101"
    assert lines[6].endswith("CD.")


def test_many_actions_are_written_round_by_round(tmp_path):
    store = run(
        tmp_path / "run",
        environments=[{"name": "tandem", "rounds": 2}],
        agents=[{"name": "naive_exact"}, {"name": "lola_exact"}],
        learning={"tables": 2},
    )
    match = str(store.seats()["match"].iloc[0])
    lines = text(replayed(store, match)[0]).splitlines()
    assert len(lines) == 1 + 3 + 1
    assert re.fullmatch(
        r"1  (naive|lola)_exact [-.\d]+ \([-.\d]+\)  (naive|lola)_exact [-.\d]+ \([-.\d]+\)", lines[1]
    )


@pytest.mark.parametrize("label", ["coins", "cleanup"])
def test_an_animation_has_a_frame_for_the_start_and_one_for_each_round(played, label):
    course, _ = replayed(played, "a:b:c", label)
    image = Image.open(io.BytesIO(gif(course)))
    assert image.n_frames == len(course.action) + 1 == len(course.pictures)
    scale = 320 // max(course.pictures[0].shape[:2])
    for frame in (0, 5, len(course.action)):
        image.seek(frame)
        board = np.asarray(image.convert("RGB"))[6:, 6:]
        rows, columns = course.pictures[0].shape[:2]
        cells = board[scale // 2 :: scale, scale // 2 :: scale][:rows, :columns]
        assert np.array_equal(cells, course.pictures[frame].numpy())
    match = str(course.match)
    assert replay_gif(played, match) == gif(course)


def test_a_strip_shows_the_board_from_start_to_end(played):
    course, _ = replayed(played, "c:a:b", "cleanup")
    root = ElementTree.fromstring(svg(course))
    images = root.findall("{*}image")
    said = [element.text for element in root.findall("{*}text")]
    assert len(images) == 24
    assert said[0] == "at the start"
    assert said[-4:] == [
        "after round 30 of 30",
        *(f"{label} {sum:g}" for label, sum in zip(course.labels, course.reward.sum(0).tolist(), strict=True)),
    ]
    assert len(said) == 24 * 4


def test_a_report_shows_the_casts_that_earn_most_and_least_and_differ_most(tmp_path):
    agents = [{"name": name} for name in ("coins_cooperator", "coins_defector", "random")]
    store = run(
        tmp_path / "run",
        environments=[{"name": "coins", "rounds": 20}],
        agents=agents,
        schedule={"repetitions": 5, "self_play": True},
    )
    seats = store.seats().sort_values(["match", "seat"])
    shown = stored(store).replays()["coins"]
    commands = [scene.command for scene in shown.scenes]
    keys = [int(command.split()[-1]) for command in commands]
    together = seats.groupby("match")["payoff"].sum()
    cast = seats.groupby("match")["agent"].agg(lambda agents: " ".join(sorted(agents)))
    means = together.groupby(cast).mean()
    earned = seats.groupby(["match", "agent"], observed=True)["payoff"].mean().unstack()
    gap = earned.max(axis=1) - earned.min(axis=1)
    apart = gap.groupby(cast).mean()
    assert [cast[key] for key in keys] == [means.idxmax(), means.idxmin(), apart.idxmax()]
    off = (together - means[cast].to_numpy()).abs() + (gap - apart[cast].to_numpy()).abs()
    for key in keys:
        assert off[key] == pytest.approx(off[cast == cast[key]].min(), abs=1e-12)
    assert all(scene.drawing.count("<image") == 12 for scene in shown.scenes)
    assert dilemma(*commands[1].split()[1:], "--out", tmp_path / "x.svg").exit_code == 0
    page = stored(store).report(tmp_path / "report").read_text()
    assert page.count("<summary>Replays</summary>") == 1
    assert all(f"<code>{command}</code>" in page for command in commands)


def test_a_report_of_learners_says_which_command_trains_them_again(tmp_path):
    store = run(
        tmp_path / "run",
        environments=[{"name": "coins", "rounds": 5}],
        agents=[{"name": "coins_defector"}, {"name": "random"}, {"name": "reinforce", "policy": "mlp"}],
        learning={"tables": 2, "episodes": 1},
    )
    shown = stored(store).replays()["coins"]
    assert [scene.title.split(":")[0] for scene in shown.scenes] == ["The only cast, coins_defector and random"]
    assert len(shown.remarks) == 1
    assert f"dilemma replay {store.path} LABEL:LABEL" in shown.remarks[0]


class Faded(Coins):
    """Its board can't be drawn."""

    def picture(self, state, match, table):
        raise RuntimeError("out of paint")


@pytest.mark.parametrize(
    ("game", "characters", "says"),
    [
        (Faded(rounds=4), 9999, "not shown: .*out of paint"),
        (Coins(rounds=4000), 9999, "not shown, for the time that it takes: dilemma replay RUN -?[0-9]+"),
        (Coins(rounds=20), 999, "not shown, for its size: dilemma replay RUN -?[0-9]+"),
    ],
    ids=["broken", "long", "large"],
)
def test_a_report_stands_without_its_pictures(game, characters, says, tmp_path, monkeypatch):
    monkeypatch.setattr("dilemma.replay_strips.CHARACTERS", characters)
    results = Tournament({"board": game}, ["random"], self_play=True).run()
    shown = results.replays()["board"]
    assert not shown.scenes
    assert re.search(says, shown.remarks[0])
    assert re.search(says, results.report(tmp_path).read_text())


def test_a_report_shows_no_match_that_pays_otherwise_now(played):
    results = stored(played)
    results.rows["payoff"] += 0.25
    shown = results.replays()
    assert set(shown) == {"coins", "cleanup"}
    assert not any(gallery.scenes for gallery in shown.values())
    assert "it pays otherwise now" in shown["coins"].remarks[0]


def test_a_report_stands_where_nothing_can_be_played_again(played, tmp_path):
    (tmp_path / "config.toml").write_text("agents = 3")
    assert replace(stored(played), run=tmp_path).replays() == {}
    assert replace(stored(played), run=None).replays() == {}


def test_a_run_says_which_environments_have_a_board(played):
    games = stored(played).games
    assert [label for label, game in games.items() if game["board"]] == ["coins", "cleanup"]


def dilemma(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def test_the_command_prints_moves_or_writes_files(played, tmp_path):
    folder = played.path
    seats = played.seats()
    match = seats.loc[seats["match"] < 0, "match"].iloc[0]
    done = dilemma("replay", folder, match, "--out", tmp_path / "moves.txt")
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{tmp_path}/moves.txt\n", "")
    assert f"match {match}," in Path(tmp_path / "moves.txt").read_text()
    done = dilemma("replay", folder, "a:b:c:1", "--env", "trio")
    assert done.exit_code == 0
    assert done.stdout == text(replayed(played, "a:b:c:1", "trio")[0])
    done = dilemma("replay", folder, "a:b:c", "--env", "coins")
    assert Path(done.stdout.strip()).read_bytes() == gif(replayed(played, "a:b:c", "coins")[0])
    assert Path(done.stdout.strip()).parent == folder / "replays"
    assert dilemma("replay", folder, "a:b:c", "--env", "coins", "--out", tmp_path / "x.svg").exit_code == 0
    assert (tmp_path / "x.svg").read_text().startswith("<svg")


def test_an_exact_payoff_is_told_apart_from_the_match_that_is_shown(exact):
    done = dilemma("replay", exact.path, "alternator:tit_for_tat", "--env", "ipd")
    assert done.exit_code == 0
    assert "payoffs are exact (2.75, 2.33333); this is one match" in done.stderr


def test_another_match_than_the_stored_one_is_told(tmp_path):
    store = run(
        tmp_path / "run",
        environments=[{"name": "prisoners_dilemma", "rounds": 5}],
        agents=[{"name": "tullock"}, {"name": "random"}],
    )
    [file] = store.seats_path.glob("*.parquet")
    rows = pd.read_parquet(file)
    rows["payoff"] += 0.25
    rows.to_parquet(file)
    done = dilemma("replay", store.path, "tullock:random")
    assert done.exit_code == 1
    assert "This is not the match that was played" in done.stderr


@pytest.mark.parametrize(
    ("which", "arguments", "says"),
    [
        ("played", ["12345"], "has no match 12345"),
        ("played", ["a:b:c"], "there are 6 environments: choose one with --env"),
        ("played", ["a:b:c", "--env", "nosy"], "there is no environment 'nosy'; there is noisy"),
        ("played", ["a:b:d", "--env", "noisy"], "'a:b:d' is no match; allowed: its key, or LABEL:LABEL"),
        ("played", ["a:b:c:2", "--env", "noisy"], "there is no repetition 2; allowed: 0 to 1"),
        ("played", ["a:b:c", "--env", "noisy", "--table", "1"], "there is no table 1; allowed: only 0"),
        ("played", ["a:b:c", "--env", "noisy", "--out", "x.gif"], "noisy has no board to draw"),
        (
            "played",
            ["a:b:c", "--env", "noisy", "--out", "x.mp4"],
            "allowed: a name that ends in .gif, .svg or .txt",
        ),
        ("learned", ["reinforce:q_learning", "--episode", "5"], "there is no episode 5; allowed: 0 to 4"),
        ("learned", ["reinforce:reinforce"], "ipd has no match of reinforce and reinforce"),
        ("exact", ["tit_for_tat:alternator", "--env", "endless"], "infinitely many rounds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_sentences(which, arguments, says, request):
    done = dilemma("replay", request.getfixturevalue(which).path, *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stdout == ""


def test_a_match_that_failed_has_nothing_to_compare_with(played, tmp_path):
    config = (played.path / "config.toml").read_text()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text(config)
    (tmp_path / "run" / "seats").mkdir()
    with pytest.raises(DilemmaError, match="it failed, or is yet to be played"):
        replayed(Store.existing(tmp_path / "run"), "a:b:c", "noisy")


def test_of_many_seats_agents_are_named_and_who_refuses_a_neighbour_is_small(tmp_path):
    lattice = {"graph": {"kind": "lattice", "rows": 4, "columns": 4}, "placement": "stripes", "selection": True}
    store = run(
        tmp_path / "lattice",
        environments=[{"name": "spatial_dilemma", "rounds": 2, **lattice}],
        agents=[{"name": "out_for_tat", "label": "out"}, {"name": "by_link", "label": "d", "strategy": "all_d"}],
        schedule={"kind": "shares", "shares": {"out": 0.5, "d": 0.5}},
    )
    record, _ = replayed(store, str(store.seats()["match"].iloc[0]))
    assert [line.split()[1] for line in text(record).splitlines()[1:17]] == ["Cc"] * 8 + ["DD"] * 8
    # Beside each of out stands a defector: it earns 3 twice, and the defector 1.2 once.
    assert "out (8) 6<" in svg(record)
    assert "d (8) 1.2<" in svg(record)


def test_a_move_is_shown_as_its_seat_makes_it(played):
    """A player's is one number, a mechanism's a share for each player."""
    rows = played.seats()
    match = rows.loc[rows["environment"] == "pool", "match"].iloc[0]
    shown = text(replayed(played, str(match))[0]).splitlines()[1:12]
    assert len(shown) == 2 * 6 - 1
    for line in shown:
        moves = [part.split()[1:-1] for part in line.split("  ")[1:]]
        assert [len(move) for move in moves] == [1, 1, 2]


def test_a_match_by_shares_is_found_by_the_labels_that_meet(tmp_path):
    lattice = {"graph": {"kind": "lattice", "rows": 4, "columns": 4}}
    store = run(
        tmp_path / "shares",
        environments=[{"name": "spatial_dilemma", "rounds": 2, **lattice}],
        agents=[{"name": "fermi", "label": "f"}, {"name": "by_link", "label": "d", "strategy": "all_d"}],
        schedule={"kind": "shares", "shares": {"f": 0.25, "d": 0.75}, "alone": True, "repetitions": 2},
    )
    record, _ = replayed(store, "d:f:1")
    assert (sorted(record.labels), record.repetition) == (["d"] * 12 + ["f"] * 4, 1)
    with pytest.raises(DilemmaError, match="no match of f and d: they don't meet"):
        replayed(store, "f:d:7")
