"""Snapshots of populations on graphs: what is stored is what is drawn."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from dilemma import Tournament, open_run
from dilemma.analysis.report.snapshot_figures import agent_colours, lattice_snapshots, population_picture
from dilemma.cli import main
from dilemma.tournament.config import parse
from dilemma.tournament.store import Store, to_table

torch.set_num_threads(1)

NAMES = (
    "all_d",
    "all_c",
    "tit_for_tat",
    "grudger",
    "random",
    "alternator",
    "gradual",
    "tullock",
    "win_stay_lose_shift",
)
ROWS, COLUMNS = 3, 5


def placed(count, width=COLUMNS):
    """Columns and rows of a lattice."""
    return np.arange(count) % width, np.arange(count) // width


def snapshot(x, y, agents, generation=0):
    return pd.DataFrame({"generation": generation, "x": x, "y": y, "agent": pd.Categorical(agents)})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A short run of two environments; in one, snapshots are added by hand: a lattice that `all_d` takes."""
    folder = tmp_path_factory.mktemp("population") / "run"
    raw = {
        "environments": [
            {"name": "prisoners_dilemma", "label": label, "rounds": 3} for label in ("plain", "grid")
        ],
        "agents": [{"name": name} for name in NAMES[:3]],
        "schedule": {"kind": "moran", "size": 15, "generations": 12, "mutation": 0.01},
    }
    plan = parse(raw)
    Tournament.of(plan).run(folder)
    x, y = placed(ROWS * COLUMNS)
    vertex = np.arange(ROWS * COLUMNS)
    rows = {
        "setting": np.full(13 * 15, 1),
        "replicate": np.zeros(13 * 15),
        "generation": np.repeat(np.arange(13), 15),
        "vertex": np.tile(vertex, 13),
        "x": np.tile(x, 13),
        "y": np.tile(y, 13),
        "agent": np.concatenate([np.where(vertex < taken, 0, 1 + vertex % 2) for taken in range(13)]),
    }
    store = Store.existing(folder)
    store.snapshots_path.mkdir()
    pq.write_table(to_table(rows, plan), store.snapshots_path / "some.parquet")
    return store


def dilemma(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def test_snapshots_are_read_as_they_are_asked_for(store, tmp_path):
    assert store.snapshot_generations() == {"grid": list(range(13))}
    assert len(store.snapshots()) == 13 * 15
    some = store.snapshots({"grid": [3, 7]})
    assert some["generation"].unique().tolist() == [3, 7]
    assert (some["agent"] == "all_d").groupby(some["generation"]).sum().tolist() == [3, 7]
    assert store.snapshots({"plain": [3]}).empty
    results = open_run(store.path)
    assert results.snapshots(8)["generation"].unique().tolist() == [0, 2, 3, 5, 7, 9, 10, 12]
    none = Store(tmp_path)
    assert none.snapshot_generations() == {}
    assert none.snapshots().empty
    assert {"environment", "generation", "vertex", "x", "y", "agent"} <= set(none.snapshots())


def test_a_lattice_is_a_pixel_a_site():
    x, y = placed(6, 3)
    order = np.random.default_rng(1).permutation(6)
    agents = np.array(["a", "b", "b", "b", "a", "a"])
    drawn = population_picture(snapshot(x[order], y[order], agents[order]), ["b", "a"])
    b, a = [(*colour, 255) for colour in agent_colours(["b", "a"]).tolist()]
    assert drawn.tolist() == [[list(a), list(b), list(b)], [list(b), list(a), list(a)]]


@pytest.mark.parametrize(
    ("x", "y"),
    [([0, 1, 2, 0, 1], [0, 0, 0, 1, 1]), ([0, 1, 0, 0], [0, 0, 1, 1]), ([0, 0.5, 0, 0.5], [0, 0, 1, 1])],
    ids=["a gap", "two at one place", "between"],
)
def test_what_is_no_lattice_is_drawn_as_dots(x, y):
    drawn = population_picture(snapshot(np.array(x, float), np.array(y, float), ["a"] * len(x)), ["a"])
    assert max(drawn.shape[:2]) == 480
    assert not drawn[..., 3].all()


def test_a_graph_is_a_dot_a_vertex_where_it_is():
    places = np.array(list(nx.circular_layout(nx.cycle_graph(12)).values()))
    agents = ["a" if up else "b" for up in places[:, 1] > 0.1]
    drawn = population_picture(snapshot(*places.T, agents), ["a", "b"])
    a, b = agent_colours(["a", "b"])
    above, below = drawn[:200], drawn[280:]
    assert (above[above[..., 3] > 0][:, :3] == a).all()
    assert (below[below[..., 3] > 0][:, :3] == b).all()
    assert (drawn[..., 3] > 0).sum() == pytest.approx(12 * np.pi * 14.3**2, rel=0.1)
    alone = population_picture(snapshot(np.zeros(1), np.full(1, 0.3), ["b"]), ["a", "b"])
    assert alone[alone.shape[0] // 2, alone.shape[1] // 2].tolist() == [*b.tolist(), 255]


@pytest.mark.parametrize("count", [2, 12, 24])
def test_agents_have_colours_of_their_own(count):
    colours = agent_colours([f"agent {index}" for index in range(count)]).astype(int)
    apart = np.abs(colours[:, None] - colours).sum(-1) + 1000 * np.eye(count)
    assert apart.min() > 30


@pytest.mark.parametrize(("pictures", "shape"), [(1, (1, 1)), (3, (1, 3)), (8, (2, 4))])
def test_a_figure_has_a_picture_for_each_generation(pictures, shape):
    x, y = placed(12, 4)
    agents = [f"agent {index}" for index in range(12)]
    shown = pd.concat([snapshot(x, y, np.roll(agents, 10 * k), 10 * k) for k in range(pictures)])
    figure = lattice_snapshots(shown, ["nobody", *agents])
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == shape
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(images) == pictures
    assert (
        images[-1].reshape(-1, 4)[:, :3].tolist()
        == np.roll(agent_colours(["nobody", *agents])[1:], 10 * (pictures - 1), axis=0).tolist()
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == agents
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert said == ["generation 0", "10", "20", "30", "40", "50", "60", "70"][:pictures]


def test_an_animation_has_all_snapshots_with_shares(store, tmp_path):
    done = dilemma("replay", store.path, "population")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{store.path}/replays/population-grid.gif\n"
    image = Image.open(done.stdout.strip())
    assert image.n_frames == 13
    scale = 320 // COLUMNS
    for generation in (0, 4, 12):
        image.seek(generation)
        board = np.asarray(image.convert("RGB"))[6:, 6:]
        sites = board[scale // 2 :: scale, scale // 2 :: scale][:ROWS, :COLUMNS].reshape(-1, 3)
        codes = [0 if site < generation else 1 + site % 2 for site in range(15)]
        assert np.array_equal(sites, agent_colours(NAMES[:3])[codes])


def test_a_strip_says_generations_and_shares(store, tmp_path):
    done = dilemma("replay", store.path, "population", "--env", "grid", "--out", tmp_path / "x.svg")
    assert done.exit_code == 0
    root = ElementTree.fromstring((tmp_path / "x.svg").read_text())
    assert len(root.findall("{*}image")) == 13
    said = [element.text for element in root.findall("{*}text")]
    assert said[-4:] == ["generation 12", "all_d: 80.0 %", "all_c: 13.3 %", "tit_for_tat: 6.7 %"]
    [png] = re.findall(r'base64,([^"]+)"', (tmp_path / "x.svg").read_text())[:1]
    assert Image.open(io.BytesIO(base64.b64decode(png))).size == (COLUMNS, ROWS)


def test_a_report_shows_snapshots_where_there_are_some(store, tmp_path):
    page = open_run(store.path).report(tmp_path).read_text()
    assert page.count("<figcaption>The first population, a pixel a site, in some of its generations.") == 1
    assert "what became of the first 3 populations, played out" in page
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert [name for name in drawn if "snapshots" in name] == ["2-grid-snapshots.svg"]
    assert (tmp_path / "figures" / "2-grid-snapshots.svg").read_text().count("<image") == 8


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--env", "plain"], "--env: there is no environment 'plain'; there is grid"),
        (["--out", "x.txt"], "--out: found x.txt; allowed for a population: a name that ends in .gif or .svg"),
    ],
)
def test_mistakes_are_sentences(store, arguments, says):
    done = dilemma("replay", store.path, "population", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr


def test_a_run_without_snapshots_says_so(tmp_path):
    Tournament(["prisoners_dilemma"], ["all_c", "all_d"]).run(tmp_path / "run")
    done = dilemma("replay", tmp_path / "run", "population")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "has no snapshots of a population: only populations on graphs have" in done.stderr
    assert open_run(tmp_path / "run").snapshots() is None
