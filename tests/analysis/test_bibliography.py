"""Every source resolves to an entry of the bibliography."""

import re
from pathlib import Path

import pytest

from dilemma import __version__
from dilemma.agents import CATALOGUE as AGENTS
from dilemma.agents.axelrod_library import AxelrodLibrary
from dilemma.analysis.ratings.ratings import RATINGS
from dilemma.analysis.report.bibliography import bibtex, cited, in_latex, in_words, mark, references, uncited
from dilemma.envs import CATALOGUE as ENVIRONMENTS

SHIPPED = {
    name: getattr(catalogue.model(name), "source", "")
    for catalogue in (AGENTS, ENVIRONMENTS)
    for name in catalogue.builtin
}
SHIPPED |= {rating.name: rating.source for rating in RATINGS.values()} | {"axelrod:": AxelrodLibrary.source}
YEAR = re.compile(r"\b(?:1[79]|20)\d\d")


@pytest.mark.parametrize("name", [name for name, source in SHIPPED.items() if YEAR.search(source)])
def test_every_year_in_a_source_is_of_an_entry(name):
    left = re.sub(r"doi \S+|the CEC 2006 competition", "", uncited(SHIPPED[name]))
    assert cited(SHIPPED[name])
    assert not YEAR.findall(left)


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("Ashlock 2006", ["ashlock2006"]),
        ("Ashlock and Ashlock 2006, doi 10", ["ashlock2006b"]),
        ("Grisell, in Axelrod 1980b; Axelrod 1980", ["axelrod1980b", "axelrod1980"]),
        ("Foerster et al. 2018, DiCE, section 5.2", ["foerster2018dice"]),
        ("parameters of Foerster et al. 2018's tournament", ["foerster2018"]),
        ("Finn, Abbeel and Levine 2017 and Kim et al. 2021", ["finn2017", "kim2021"]),
        ("Axelrod library (Harper)", ["knight2016"]),
        ("Dal Bó and Fréchette 2011; Dempster, Laird and Rubin 1977", ["dalbo2011", "dempster1977"]),
        ("Rousseau 1755. Also published: [1] (Foerster et al. 2018)", ["rousseau1755"]),
        ("Smith and Ashlock 2006; Axelrod 19800", []),
        ("this project", []),
    ],
)
def test_a_source_names_entries_by_authors_and_year(source, keys):
    assert cited(source) == keys


def test_entries_are_told_apart_by_what_cites_them():
    names = [name for entry in references().values() for name in entry.names]
    assert len(names) == len(set(names))
    assert all(re.search(rf"{YEAR.pattern}|dilemma|library|Python", name) for name in names)


def test_bibtex_has_each_entry_once_and_the_version():
    text = bibtex(["fehr2000", "axelrod1980", "fehr2000"], __version__)
    assert re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE) == ["dilemma", "axelrod1980", "fehr2000"]
    assert f"note = {{Version {__version__}}}" in text
    assert "cited" not in bibtex(references())


def test_the_software_is_cited_as_its_citation_file_says():
    citation = (Path(__file__).parents[2] / "CITATION.cff").read_text()
    [title], [author] = (re.findall(rf'{field}: "(.*)"', citation) for field in ("title", "name"))
    assert title in references()["dilemma"].text
    assert author in references()["dilemma"].text


def test_citations_in_words_and_in_latex():
    text = f"As said{mark(['szabo1998', 'kim2021'])}, 5 %{mark([])} [@nobody] a [@kim2021; @nobody]."
    assert in_words(text) == "As said (Szabó and Tőke 1998; Kim et al. 2021), 5 % [@nobody] a [@kim2021; @nobody]."
    assert in_latex(text) == (r"As said~\cite{szabo1998,kim2021}, 5 \% {[}@nobody{]} a {[}@kim2021; @nobody{]}.")
