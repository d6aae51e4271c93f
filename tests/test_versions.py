"""Which agents of a tournament are said to be versions of one thing."""

from dilemma import Tournament
from dilemma.agents import CATALOGUE
from dilemma.agents.memory_one import MemoryOne
from dilemma.play import versions_of
from dilemma.tournament.plan import entrants


def test_agents_of_one_name_with_other_parameters_are_versions():
    some = {"soft": MemoryOne(p=[1, 1, 0, 1, 0.3]), "hard": MemoryOne(p=[1, 1, 0, 1, 0.0])}
    cast = entrants(
        [
            *((label, "memory_one", agent) for label, agent in some.items()),
            ("other", "all_c", CATALOGUE.build("all_c", {})),
        ]
    )
    assert versions_of(cast) == {"soft": "memory_one", "hard": "memory_one"}


def test_they_count_as_one_kind_where_they_behave_alike():
    near = {f"near {i}": MemoryOne(p=[1, 1, 0, 1, 0.3 + i / 50]) for i in range(3)}
    others = {name: name for name in ("all_c", "all_d", "alternator", "bully", "win_stay_lose_shift", "grudger")}
    kinds = Tournament(["prisoners_dilemma"], {**near, **others}, self_play=True).run().ranking["kinds"]
    assert set(kinds) == {7}
