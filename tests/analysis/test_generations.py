"""Populations that were played out: tables of a hand-written history."""

import pandas as pd
import pytest

from dilemma.analysis.behaviour.generations import final_shares, first_passage, fixation, paths

HISTORIES = {  # of ten: how many are "a" in generations 0, 2, 4, 6
    0: (2, 4, 5, 10),
    1: (2, 6, 4, 3),
    2: (2, 0),
    3: (2, 3, 3, 4),
}


@pytest.fixture
def generations():
    rows = [
        {"replicate": replicate, "generation": 2 * look, "step": 20 * look, "agent": agent, "count": count}
        for replicate, history in HISTORIES.items()
        for look, number in enumerate(history)
        for agent, count in (("a", number), ("b", 10 - number))
        if count
    ]
    table = pd.DataFrame(rows).assign(process="moran", payoff=1.0, cooperation=1.0)
    table["agent"] = pd.Categorical(table["agent"], ["c", "b", "a"])  # c never is there
    return table.assign(share=table["count"] / 10, fixed=table["count"] == 10)


def test_first_passage_is_the_first_row_with_half(generations):
    [row] = first_passage(generations).table.to_dict("records")  # b has half at first
    assert (row["agent"], row["start"], row["reached"], row["replicates"]) == ("a", 0.2, 2, 4)
    assert (row["generation"], row["time"]) == (3, 30)
    assert (row["low"], row["high"]) == pytest.approx((0.15003899, 0.84996101))  # Wilson of 2 in 4, z = 1.96


def test_populations_of_one_agent_are_counted(generations):
    found = final_shares(generations)
    assert found.table.set_index("agent")["alone"].to_dict() == {"a": 1, "b": 1}
    assert "At the end: 1 of b alone, 1 of a alone, 2 still mixed." in found.remarks
    infinite = final_shares(generations.assign(count=float("nan")))
    assert "alone" not in infinite.table


def test_fixation_is_open_with_few_populations(generations):
    found = fixation(generations)
    assert found.table["verdict"].tolist() == ["open", "open"]
    assert any("2 of 4 populations were not fixed" in remark for remark in found.remarks)


def test_who_might_yet_take_over_is_not_opposed(generations):
    early = generations[(generations["replicate"] != 1) | (generations["generation"] < 6)]
    many = pd.concat([early.assign(replicate=early["replicate"] + 4 * k) for k in range(20)])
    fixed = fixation(many).table.set_index("mutant")  # each took over 20 of 80, 40 are mixed
    assert fixed["high"]["b"] < fixed["neutral"]["b"] == 0.8
    assert fixed["verdict"].to_dict() == {"a": "open", "b": "open"}
    over = many[many["replicate"] % 4 < 3]
    assert fixation(over).table.set_index("mutant")["verdict"]["b"] == "opposed"


def test_paths_are_of_the_first_populations_and_of_known_agents(generations):
    found = paths(generations, ["b", "a"], most=3)
    assert [path[:, 1].tolist() for path in found] == [[0.2, 0.4, 0.5, 1], [0.2, 0.6, 0.4, 0.3], [0.2, 0]]
    assert all(path.sum(axis=1) == pytest.approx(1) for path in found)
    assert paths(generations, ["a", "c"]) == []
