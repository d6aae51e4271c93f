"""The pages of the reference that are made from the code: agents, environments, and the keys of a config."""

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias, TypeVar

from pydantic import BaseModel

from dilemma.agents import CATALOGUE as AGENTS
from dilemma.agents import GROUPS as AGENT_GROUPS
from dilemma.envs import CATALOGUE as ENVIRONMENTS
from dilemma.envs import GROUPS as ENVIRONMENT_GROUPS
from dilemma.envs.catalogue import Catalogue
from dilemma.listing import defaults, describe, type_in_words
from dilemma.properties import Properties, shipped
from dilemma.tournament.config import shipped as shipped_configs
from dilemma.tournament.config_file import File
from dilemma.tournament.schedules import CATALOGUE as SCHEDULES
from dilemma.tournament.sections import (
    AgentEntry,
    Analysis,
    Evaluation,
    Execution,
    Learning,
    Named,
    Population,
)

T = TypeVar("T", bound=BaseModel)
Groups: TypeAlias = Mapping[str, Mapping[str, str]]
SECTIONS: Mapping[str, type[BaseModel]] = {
    "[[environments]]": Named,
    "[[agents]]": AgentEntry,
    "[evaluation]": Evaluation,
    "[learning]": Learning,
    "[analysis]": Analysis,
    "[analysis.population]": Population,
    "[execution]": Execution,
}
ABOUT_AGENTS = """\
# Agents

With their properties by default, or as in the first example of a parameter that has no default.
`dilemma agents --where nice --where "memory<=2"` finds them in the terminal.

- *memory*: past rounds that may decide a move; ∞ where it counts, learns, or looks back without bound
- *stochastic*: it draws its moves
- *nice*: it is never the first to defect
- *learns*: from episode to episode
- *game*: it reads the rules of the game
- *states*: of the smallest finite automaton that plays alike
- *year*: the first that its source names
"""
ABOUT_ENVIRONMENTS = """\
# Environments

`dilemma envs NAME` prints the same. The longer rules are in [Rules of environments](../environments.md).
"""
ABOUT_CONFIGS = """\
# Config keys

A config is TOML: keys at the top, then sections. `dilemma schema` prints all of this as JSON schema, with which
editors complete configs and check them.

## At the top
"""
ABOUT_SHIPPED_CONFIGS = """\
# Shipped configs

`dilemma run NAME` plays them. Those of a published study say in their comments what comes out as published, what
does not, and why; [Results](../results.md) has the figures.
"""
SCRIPTS = "".join(
    f'<script defer src="../_static/{name}.js"></script>\n' for name in ("datatables", "filtered_tables")
)
WRITTEN = "known"
"""The key of an entry that only run folders have."""


def write_reference_pages(folder: Path) -> None:
    """Write all pages into `folder`, where nothing else stays; those that are unchanged aren't built again."""
    pages = {
        "agents.md": agents_page(),
        "environments.md": environments_page(),
        "config.md": config_page(),
        "shipped_configs.md": shipped_configs_page(),
        **dict(group_pages("agents", AGENTS, AGENT_GROUPS)),
        **dict(group_pages("environments", ENVIRONMENTS, ENVIRONMENT_GROUPS)),
    }
    for old in {*folder.rglob("*.md")} - {folder / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def agents_page() -> str:
    """A table of all agents by group, with their properties."""
    known = shipped()
    rows = [
        (
            f"agents/{group}.html#{anchor(name)}",
            name,
            group,
            *_cells(known[name].properties if name in known else None),
        )
        for group, names in AGENT_GROUPS.items()
        for name in names
    ]
    heads = ("agent", "group", "memory", "stochastic", "nice", "learns", "game", "states", "year")
    return f"{ABOUT_AGENTS}\n{_table(heads, rows)}\n{_toctree('agents', AGENT_GROUPS)}"


def environments_page() -> str:
    """A table of all environments by group."""
    rows = [
        (f"environments/{group}.html#{anchor(name)}", name, group, _summary(ENVIRONMENTS, name))
        for group, names in ENVIRONMENT_GROUPS.items()
        for name in names
    ]
    table = _table(("environment", "group", "what it is"), rows)
    return f"{ABOUT_ENVIRONMENTS}\n{table}\n{_toctree('environments', ENVIRONMENT_GROUPS)}"


def group_pages(kind: str, catalogue: Catalogue[T], groups: Groups) -> Iterator[tuple[str, str]]:
    """A page for each group: what each of it is, with its parameters."""
    for group, names in groups.items():
        parts = [f"# {group}\n"]
        for name in names:
            said = describe(catalogue, name).partition("\n\n")[2]
            parts.append(f"({anchor(name)})=\n## {name}\n\n```text\n{said}\n```\n")
        yield f"{kind}/{group}.md", "\n".join(parts)


def config_page() -> str:
    """Every key of a config file, by section."""
    parts = [ABOUT_CONFIGS, _keys(File, ("name", "seed"))]
    for section, model in SECTIONS.items():
        parts.append(f"## {section}\n\n{_first(model)}\n")
        parts.append(_keys(model, [key for key in model.model_fields if key != WRITTEN]))
        if model in (Named, AgentEntry):
            parts.append("And its parameters.\n")
    parts.append("## [schedule]\n\n`kind` says which; `round_robin` where left out.\n")
    for kind in SCHEDULES.names:
        found = SCHEDULES.model(kind)
        assert found
        parts.append(f'### kind = "{kind}"\n\n{_first(found)}\n')
        parts.append(_keys(found, found.model_fields))
    return "\n".join(parts)


def shipped_configs_page() -> str:
    """The shipped configs, in full."""
    parts = [ABOUT_SHIPPED_CONFIGS]
    for name in shipped_configs():
        text = (files("dilemma.configs") / f"{name}.toml").read_text(encoding="utf-8")
        parts.append(f"## {name}\n\n```toml\n{text.strip()}\n```\n")
    return "\n".join(parts)


def anchor(name: str) -> str:
    """Where the name is on its page."""
    return name.replace("_", "-")


def _keys(model: type[BaseModel], keys: Iterable[str]) -> str:
    known, of = model.model_json_schema()["properties"], defaults(model)
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key in keys:
        field = model.model_fields[key]
        kind = type_in_words(known[key]).replace(" or null", "")
        default = _default(of[key]) if key in of else "required"
        lines.append(f"| `{key}` | {kind} | {default} | {field.description or ''} |")
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    """A default as in TOML, which has no word for nothing."""
    if value is None or isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(value, default=lambda section: section.model_dump(mode='json'))}`"


def _first(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", "\n")


def _summary(catalogue: Catalogue[T], name: str) -> str:
    return escape((getattr(catalogue.find(name), "__doc__", "") or "").strip().partition("\n")[0])


def _cells(found: Properties | None) -> tuple[str, ...]:
    """What the table says of properties; nothing where they are unknown."""
    if found is None:
        return ("",) * 7
    memory = "∞" if found.memory == float("inf") else f"{found.memory:g}"
    answers = [found.stochastic, found.nice, found.learns, found.game]
    words = ["" if answer is None else ("no", "yes")[answer] for answer in answers]
    return memory, *words, str(found.states or ""), str(found.year or "")


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in HTML with filters, whose first cells are links; each row begins with their target."""
    head = "".join(f"<th>{each}</th>" for each in heads)
    body = "\n".join(
        f'<tr><td><a href="{target}"><code>{name}</code></a></td><td>{"</td><td>".join(rest)}</td></tr>'
        for target, name, *rest in rows
    )
    table = f'<table class="filtered">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    return f'<div class="table-wrapper" tabindex="0" role="region" aria-label="table">\n{table}\n</div>\n{SCRIPTS}'


def _toctree(kind: str, groups: Groups) -> str:
    pages = "\n".join(f"{kind}/{group}" for group in groups)
    return f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"
