"""The write-up: no result typed by hand, every figure described, every name one that a notebook records."""

import importlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "report").glob("*.md"))
DIRECTIVE = re.compile(r"^```\{(figure|csv-table)\}[^\n]*\n.*?^```$", re.M | re.S)


def recorded(kind: str) -> list[re.Pattern]:
    """Patterns of the names that the notebooks record; a part that a notebook fills in, ``{split}``, matches any."""
    code = "\n".join(
        "".join(cell["source"])
        for file in sorted((ROOT / "notebooks").glob("*.ipynb"))
        for cell in json.loads(file.read_text("utf-8"))["cells"]
        if cell["cell_type"] == "code"
    )
    names = [name for _, name in re.findall(rf"record_{kind}\(\s*f?([\"'])(.+?)\1,", code)]
    return [re.compile(re.sub(r"\\\{.*?\\\}", r"\\w+", re.escape(name))) for name in names]


def prose(chapter: Path) -> str:
    """A chapter's text without what isn't prose: substitutions, code, addresses, options of directives."""
    text = chapter.read_text("utf-8")
    return re.sub(r"\{\{.*?\}\}|`[^`\n]*`|\]\([^)]*\)|<[^>]*>|^:[a-z-]+:.*$", "", text, flags=re.M)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_no_result_is_typed_by_hand(chapter):
    typed = re.findall(r"[^\n]*(?<![\w.])\d+[.,]\d+[^\n]*", prose(chapter).replace("arXiv:", "arXiv"))
    assert not typed, f"decimals typed into {chapter.name}: record them in a notebook and write {{{{ name }}}}: {typed}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_number_is_recorded(chapter):
    names = set(re.findall(r"\{\{ *(\w+) *\}\}", chapter.read_text("utf-8"))) - {"built_from"}
    known = recorded("number")
    unfilled = [code for code in re.findall(r"`[^`\n]*`", chapter.read_text("utf-8")) if "{{" in code]
    assert not unfilled, f"nothing is filled in within code: {unfilled}"
    missing = sorted(name for name in names if not any(pattern.fullmatch(name) for pattern in known))
    assert not missing, f"{chapter.name} uses numbers that no notebook records: {missing}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_figure_and_table_is_recorded_named_and_described(chapter):
    for match in DIRECTIVE.finditer(chapter.read_text("utf-8")):
        block, kind = match[0], match[1]
        file = re.search(r"figures/(?:tables/)?([\w-]+)\.(?:png|csv)", block)
        known = recorded("figure" if kind == "figure" else "table")
        assert any(pattern.fullmatch(file[1]) for pattern in known), f"no notebook records {file[0]}"
        assert re.search(r"^:name: (fig|tab)-\S+$", block, re.M), f"{file[0]} has no :name:"
        if kind == "figure":
            assert re.search(r"^:alt: \S.{10,}$", block, re.M), f"{file[0]} has no alternative text"


def test_every_reference_is_there():
    texts = {chapter.name: chapter.read_text("utf-8") for chapter in CHAPTERS}
    labels = {label for text in texts.values() for label in re.findall(r"^\((.+?)\)=$|^:name: (\S+)$", text, re.M)}
    labels = {name for pair in labels for name in pair if name}
    for name, text in texts.items():
        used = set(re.findall(r"\]\(#([\w-]+)\)|\{numref\}`([\w-]+)`", text))
        missing = {label for pair in used for label in pair if label} - labels
        assert not missing, f"{name} refers to {missing}, which nothing is named"


def test_every_work_in_the_references_is_cited():
    references = (ROOT / "report" / "references.md").read_text("utf-8")
    texts = "".join(chapter.read_text("utf-8") for chapter in CHAPTERS)
    uncited = [label for label in re.findall(r"^\((.+?)\)=$", references, re.M) if f"(#{label})" not in texts]
    assert not uncited, f"in the references, though no chapter cites it: {uncited}"


@pytest.fixture
def shown(monkeypatch):
    """The module of the site that shows numbers."""
    monkeypatch.syspath_prepend(str(ROOT / "report"))
    return importlib.import_module("ledger")


@pytest.mark.parametrize(
    "column, expected",
    [
        (["0.00028", "0.00066", "0.00342"], ["0.00028", "0.00066", "0.00342"]),  # errors that are all small
        (["0.0351", "0.245"], ["0.0351", "0.2450"]),
        (["20.328899", "3.8926"], ["20.33", "3.893"]),
        (["-3.7089", "0.0023"], ["−3.709", "0.002"]),
        (["9363600", "12"], ["9,363,600", "12"]),
        (["nan", "1.5"], ["–", "1.5"]),
        (["3840.0", "0.4"], ["3,840", "0.4"]),
    ],
)
def test_numbers_of_a_table_keep_what_tells_them_apart(shown, column, expected):
    decimals = max(map(shown.decimals_of, column))
    largest = max(abs(float(text)) for text in column if text != "nan")
    assert [shown.shown_number(text, decimals, largest) for text in column] == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("-0.001", "−0.001"),
        ("ΔE -0.05 in a,b", "ΔE −0.05 in a,b"),
        ("4e-14", "4 × 10⁻¹⁴"),
        ("1.5e+06", "1.5 × 10⁶"),
        ("16-32-64", "16-32-64"),
        ("CC0-1.0", "CC0-1.0"),
        ("2010-2020", "2010-2020"),
        ("cnn_early", "CNN, stopped early"),
        ("mlp, cnn", "perceptron, CNN"),
        ("unet_gan, cnn", "U-Net, adversarial; CNN"),
        ("the cnn", "the cnn"),
    ],
)
def test_texts_have_minus_signs_powers_and_words(shown, text, expected):
    assert shown.shown_text(text) == expected
