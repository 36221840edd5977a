"""The write-up: no result typed by hand, every figure described, every name one that a notebook records."""

import importlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "report").glob("*.md"))
#: Those for all readers; the others are lists, or of use to whoever runs the programs.
READ = [
    file
    for file in CHAPTERS
    if file.stem not in {"api", "beyond", "glossary", "print", "recipe", "references", "speed", "survived"}
]
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


#: Entry of the glossary → how a chapter may say it, in any case.
TERMS = {
    "a,b": r"a,b|a\\\*",
    "AuC": "AuC",
    "Adam": "Adam",
    "CIELAB": "CIELAB|Lab",
    "PSNR": "PSNR",
    "R²": "R²",
    "SSIM": "SSIM",
    "U-Net": "U-Nets?",
    "activation function": "activation functions?",
    "augmentation": "augmentation",
    "backpropagation": "backpropagation",
    "batch": "batch(?:es)?",
    "chroma": "chroma",
    "colorfulness gap": "colorfulness gap",
    "complementary colors": "complementary colors?",
    "convergence": "converge[sd]?|convergence",
    "convolution": "convolution(?:s|al)?",
    "decibel": "decibels?",
    "encoder, decoder": "(?:en|de)coders?",
    "epoch": "epochs?",
    "gamut": "gamut",
    "held out": "held[ -]out",
    "hue": "hues?",
    "interval": "intervals?",
    "iteration": "iterations?",
    "lightness": "lightness(?:es)?",
    "luma": "luma",
    "overfitting": "overfit(?:s|ting)?",
    "parameter": "parameters?",
    "perceptron": "perceptron",
    "residual block": "residual",
    "seed": "seeds?",
    "skill": "skill|dB over (?:leaving|gray)",
    "skip connection": "skip connections?",
    "validation photos": "validation photos",
    "weight decay": "weight decay",
    "ΔE2000": "ΔE2000",
}
#: Chapter → what it explains itself, where it says it first.
EXPLAINED = {
    "data": {"a,b"},
    "evaluating": {"AuC", "PSNR", "R²", "SSIM", "colorfulness gap", "convergence", "gamut", "interval", "overfitting"}
    | {"skill", "ΔE2000"},
    "more_photos": {"augmentation"},
    "training": {"Adam"},
}
#: What holds no sentences, or says what is explained elsewhere: formulas, captions, tables from files, headings, links.
NO_SENTENCES = re.compile(
    r"^```(?!\{list-table\}).*?^```$|^(?:```|#|:[\w-]+:)[^\n]*$|\$[^$]+\$|\[[^\]]*\]\([^)]*\)|<a .*?</a>"
    r"|\{\w+\}`[^`]*`|\{\{.*?\}\}|`[^`\n]*`",
    re.M | re.S,
)


def first_uses(text: str) -> dict[str, bool]:
    """For each term that a chapter's sentences and lists use: whether it is linked where it is used first."""
    text = re.sub(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", lambda link: f"\0{link[1].lower()}\0", text)
    text = NO_SENTENCES.sub("", text)
    sentences = re.sub(r"\0.*?\0", lambda link: "\0" * len(link[0]), text)
    found = {}
    for term, pattern in TERMS.items():
        plain = re.search(rf"(?<!\w)(?:{pattern})(?!\w)", sentences, re.I)
        linked = text.find(f"\0{term.lower()}\0")
        if plain or linked >= 0:
            found[term] = linked >= 0 and (not plain or linked < plain.start())
    return found


@pytest.mark.parametrize(
    "text, expected",
    [
        ("# Hue\n\nThe {term}`hue`, the hues.", {"hue": True}),
        ("The hues, then the {term}`hue`.", {"hue": False}),
        ("{term}`Hues <hue>` at `chroma` 1, [lightness](data.md)", {"hue": True}),
        ("```{figure} figures/x.png\n:name: fig-x\n\nLuma.\n```\n\n$chroma$", {}),
        ("```{list-table} Luma.\n:name: tab-x\n\n* - a\\*, in dB over gray\n```", {"a,b": False, "skill": False}),
    ],
)
def test_first_uses_of_terms_are_found(text, expected):
    assert first_uses(text) == expected


@pytest.mark.parametrize("chapter", READ, ids=lambda chapter: chapter.name)
def test_terms_of_the_glossary_are_linked_where_a_chapter_says_them_first(chapter):
    uses = first_uses(chapter.read_text("utf-8"))
    explained = EXPLAINED.get(chapter.stem, set())
    assert explained <= uses.keys()
    unlinked = {term for term, linked in uses.items() if not linked} - explained
    assert not unlinked, f"write {{term}}`…` where {chapter.name} says these first: {sorted(unlinked)}"


def test_every_term_that_is_linked_stands_in_the_glossary():
    glossary = (ROOT / "report" / "glossary.md").read_text("utf-8")
    entries = set(re.findall(r"^(\S.*)\n(?=  \S)", glossary, re.M))
    assert TERMS.keys() <= entries
    links = {(file.name, link) for file in CHAPTERS for link in re.findall(r"\{term\}`(.+?)`", file.read_text("utf-8"))}
    terms = {(name, link.rpartition("<")[2].removesuffix(">")) for name, link in links}
    entries = {entry.lower() for entry in entries}
    assert not (missing := {(name, term) for name, term in terms if term.lower() not in entries}), missing


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
