"""Prose and code are spelled the American way; titles of works keep their own spelling."""

import json
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

VERBS = "color|colour|general|initial|maxim|memor|minim|normal|optim|organ|recogn|summar|util|visual"
BRITISH = re.compile(
    r"\b\w*(?:colour|favour|grey(?!hound)|honour|neighbour|behaviour)\w*"
    rf"|\b(?:{VERBS})is(?:e[drs]?|ers|ing|ations?)\b"
    r"|\b(?:artefact|catalogue|centre|labelled|labelling|modelled|modelling)s?\b",
    re.IGNORECASE,
)
#: In prose only: in code it is the name of a column of the manifests.
BRITISH_NOUN = re.compile(r"\blicences?\b", re.IGNORECASE)
#: Titles that are quoted, or the part of them that matters, and names that others gave.
NAMES = (
    "Measuring colourfulness in natural images",
    "Colour measurement and management",
    "Default RGB colour space",
    "color to greyscale images",
    '"Greys"',  # one of matplotlib's colormaps
)


def prose_of_notebook(text: str) -> str:
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def code_of_notebook(text: str) -> str:
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")


def without_code(prose: str) -> str:
    """Prose without code, substitutions, addresses and targets of links."""
    return re.sub(r"```\w*\n.*?```|`[^`\n]*`|\{\{.*?\}\}|\]\([^)]*\)|https?://\S+", "", prose, flags=re.DOTALL)


def misspelled(name: str, text: str) -> list[str]:
    """The words of a file that are not spelled the American way; outputs of notebooks are not looked at."""
    prose, code = {
        ".md": (text, ""),
        ".ipynb": (prose_of_notebook(text), code_of_notebook(text)) if name.endswith(".ipynb") else ("", ""),
        ".py": ("", text),
    }[name[name.rindex(".") :]]
    for known in NAMES:
        prose, code = (re.sub(re.escape(known).replace(r"\ ", r"\s+"), "", part) for part in (prose, code))
    prose = without_code(prose)
    return BRITISH.findall(prose) + BRITISH_NOUN.findall(prose) + BRITISH.findall(code)


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a clone, or no git: there is no list of the project's own files")
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.ipynb"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    here = f"tests/{__name__}.py"  # it names what it looks for
    return [name for name in listed.stdout.splitlines() if name != here and (ROOT / name).is_file()]


def test_words_are_spelled_the_american_way(tracked):
    assert len(tracked) > 80
    found = {name: words for name in tracked if (words := misspelled(name, (ROOT / name).read_text("utf-8")))}
    assert found == {}


NOTEBOOK = '{"cells": [{"cell_type": "%s", "source": ["A %s"], "outputs": [{"text": "grey"}]}]}'


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("a.md", "The neighbourhood of a Colour, memorised and normalised: grey.", 5),
        ("a.md", "The neighborhood of a color, memorized and normalized: gray; precise noise is raised.", 0),
        ("a.md", "Each has a licence; `licence` is a column, [like this](licence.csv).", 1),
        ("a.md", 'Hasler, "Measuring colourfulness\nin natural images", and the colourfulness of others.', 1),
        ("a.py", "neighbours = 3  # the centre is honoured", 3),
        ("a.py", "photo.licence", 0),
        ("a.ipynb", NOTEBOOK % ("markdown", "colour's licence"), 2),
        ("a.ipynb", NOTEBOOK % ("code", "colour's licence"), 1),
        ("a.ipynb", NOTEBOOK % ("code", "color"), 0),
    ],
)
def test_other_spellings_are_found(name, text, words):
    assert len(misspelled(name, text)) == words
