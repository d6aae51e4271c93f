import contextlib
import json
import math
import re
import tomllib

import pytest
import tomli_w
from pydantic import ValidationError

from dilemma.agents import CATALOGUE as AGENTS
from dilemma.envs import CATALOGUE as ENVIRONMENTS
from dilemma.envs.errors import DilemmaError
from dilemma.tournament.config import as_config, load, parse, shipped
from dilemma.tournament.config_file import ConfigError
from dilemma.tournament.schedules import CATALOGUE as SCHEDULES
from dilemma.tournament.schema import schema

GOOD = """
[[environments]]
name = "prisoners_dilemma"
rounds = 20

[[agents]]
name = "tit_for_tat"

[[agents]]
name = "memory_one"
label = "forgiving"
p = [1, 0.9, 0.1, 0.9, 0.2]
"""


def mistakes(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    return str(caught.value)


def test_every_mistake_is_reported_at_once_with_line_finding_and_what_is_allowed(tmp_path):
    text = GOOD + '\n[[agents]]\nname = "tft"\n\n[schedule]\nrepetitions = 0\nself_plai = true\n'
    text = text.replace("rounds = 20", 'rounds = "many"').replace("0.9, 0.1", "1.9, 0.1")
    said = mistakes(tmp_path, text)
    for expected in (
        "has 5 mistakes",
        "line 4, environments[0].rounds: found 'many'; allowed: a number",
        "line 12, agents[1].p[1]: found 1.9; allowed: less than or equal to 1",
        "line 15, agents[2].name: there is no agent 'tft'; did you mean tit_for_tat?",
        "line 18, schedule.repetitions: found 0; allowed: a whole number from 1 to 1,000,000, or 'until resolved'",
        "line 19, schedule.self_plai: there is no key 'self_plai' here",
        "did you mean 'self_play'?",
    ):
        assert expected in said


def test_defaults_that_follow_from_a_mistake_are_no_mistakes(tmp_path):
    said = mistakes(tmp_path, f'{GOOD}\n[[agents]]\nname = "reinforce"\npolicy = "table"\n')
    assert "agents[2].policy: found 'table'; allowed:" in said
    assert "mistakes" not in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('label = "forgiving"', "the label 'tit_for_tat' is taken by agents[0]"),
        ("p = [1, 0.9, 0.1, 0.9, 0.2]", "'p' is missing"),
        ("rounds = 20", None),
    ],
    ids=["clash", "missing", "nothing"],
)
def test_a_line_left_out(tmp_path, change, said):
    text = GOOD.replace(change, "" if "label" not in change else 'label = "tit_for_tat"')
    if said is None:
        assert parse(tomllib.loads(text)).settings[0].game.rounds == 200
    else:
        assert said in mistakes(tmp_path, text)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ('name = "public_goods"', "tit_for_tat can't play in public_goods: it plays games of two, not of 4"),
        ('name = "rock_paper_scissors"', "it knows two actions"),
        ('name = "prisoners_dilemma"\nrounds = inf\n[evaluation]\nmode = "played"', "infinitely many rounds"),
        ('name = "n_player_ipd"\n[evaluation]\nmode = "exact"', "plays games of two"),
    ],
)
def test_pairings_that_cannot_be_are_refused_with_a_sentence(tmp_path, environment, said):
    text = GOOD.replace('name = "prisoners_dilemma"\nrounds = 20', "")
    text = text.replace("[[environments]]", "", 1) + f"\n[[environments]]\n{environment}\n"
    assert said in mistakes(tmp_path, text)


@pytest.mark.parametrize(
    ("addition", "said"),
    [
        ('[schedule]\nbackground = ["tft"]', "schedule.background: there is no agent 'tft'; there is"),
        (
            "[schedule]\nbackground = {all_d = -1}",
            "found {'all_d': -1}; allowed: a list of labels, or label = share",
        ),
        ("[analysis]\nanchors = {chess = [0, 1]}", "analysis.anchors: there is no environment 'chess'"),
        (
            "[analysis]\nanchors = {prisoners_dilemma = [3, 1]}",
            "found prisoners_dilemma = [3, 1]; allowed: a lower",
        ),
        ('[analysis]\nratings = ["glicko"]', "analysis.ratings[0]: found 'glicko'; allowed:"),
        ('[schedule]\nrepetitions = "until solved"', "or 'until resolved'"),
    ],
)
def test_mistakes_about_partners_and_analysis(tmp_path, addition, said):
    text = GOOD.partition("[schedule]")[0] + addition + "\n"
    assert said in mistakes(tmp_path, text)


def test_agents_in_the_background_meet_only_the_others():
    agents = ["tit_for_tat", "all_c", "all_d", "random"]
    asked = {"environments": [{"name": "prisoners_dilemma"}], "agents": [{"name": name} for name in agents]}
    plan = parse({**asked, "schedule": {"background": ["all_d", "random"], "self_play": True}})
    [request] = plan.schedule.most(plan)
    met = {frozenset(plan.entrants[i].label for i in cast) for cast in request.casts}
    assert len(met) == 2 + 1 + 4
    assert not {frozenset({"all_d", "random"}), frozenset({"all_d"}), frozenset({"random"})} & met


def test_shares_of_the_background_change_no_match_and_come_back():
    asked = {"environments": [{"name": "prisoners_dilemma"}], "agents": [{"name": "all_c"}, {"name": "all_d"}]}
    plans = [parse({**asked, "schedule": {"background": each}}) for each in (["all_d"], {"all_d": 0.3})]
    listed, shared = ([request.casts.tolist() for request in plan.schedule.most(plan)] for plan in plans)
    assert listed == shared
    assert as_config(plans[1])["schedule"]["background"] == {"all_d": 0.3}
    assert parse(as_config(plans[1])) == plans[1]


def test_a_config_with_its_defaults_filled_in_is_the_same_config():
    config = parse(tomllib.loads(GOOD))
    assert parse(as_config(config)) == config


def test_settings_change_a_config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    plan = load(str(path), ["schedule.repetitions=7", "environments.0.noise=0.1", "name=other"])
    assert (plan.schedule.repetitions, plan.settings[0].game.noise, plan.name) == (7, 0.1, "other")


@pytest.mark.parametrize("name", shipped())
def test_shipped_configs_have_no_mistakes_and_come_back_as_they_are_written(name, tmp_path):
    plan = load(name)
    written = tomllib.loads(tomli_w.dumps(as_config(plan, tmp_path)))
    assert parse(written, folder=tmp_path) == plan
    assert as_config(parse(written, folder=tmp_path), tmp_path) == written


def test_the_schema_knows_every_agent_and_its_parameters():
    agents = schema()["properties"]["agents"]["items"]["anyOf"]
    memory_one = next(entry for entry in agents if entry.get("title") == "memory_one")
    assert memory_one["properties"]["p"]["maxItems"] == 5
    assert "p" in memory_one["required"]
    assert json.dumps(schema())


@pytest.mark.parametrize("learning", [{}, {"learning": {"tables": 8}}])
def test_learners_need_to_be_told_for_how_many_episodes(learning):
    config = {"environments": [{"name": "prisoners_dilemma"}], "agents": [{"name": "ppo"}, {"name": "all_d"}]}
    with pytest.raises(ConfigError, match=r"ppo learns from episode to episode in prisoners_dilemma"):
        parse({**config, **learning})
    assert parse({**config, "learning": {"episodes": 1}}).learning.episodes == 1
    policies = {"environments": [{"name": "policy_game"}], "agents": [{"name": "naive_exact"}, {"name": "all_d"}]}
    assert parse({**policies, **learning}).learning.episodes == 1  # there, they learn from round to round


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"seed = {'9' * 5000}", "has a number of more than 4,300 digits"),
        (f"seed = 0x{'f' * 5000}", "found something too long to be shown; allowed: "),
        (f"name = {'[' * 5000}", "has lists or tables within each other, too deep to be read"),
        ("x" * 2**27, "is longer than 64 MiB"),
    ],
)
def test_what_is_too_long_or_too_deep_is_refused_with_a_sentence(tmp_path, text, said):
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(DilemmaError, match=re.escape(said)):
        load(str(tmp_path / "my.toml"))


ODD = [{}, {"kind": {}}, [], [[]], [{"kind": []}], math.nan, -1, 10**30, 10**400, 0, "", "x" * 100, True, [1, 2]]


@pytest.mark.parametrize(
    "catalogue", [AGENTS, ENVIRONMENTS, SCHEDULES], ids=["agents", "environments", "schedules"]
)
def test_any_value_of_any_parameter_is_taken_or_refused(catalogue):
    for name in catalogue.builtin:
        for parameter in catalogue.model(name).model_fields if catalogue.model(name) else ():
            for value in ODD:
                with contextlib.suppress(ValidationError, DilemmaError):
                    catalogue.build(name, {parameter: value})
