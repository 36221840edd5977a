"""Sphinx extension: every figure and table of the ledger links to the notebook that made it.

``figure`` takes a recorded figure in whatever format it was recorded; ``csv-table`` rounds what the ledger's tables
hold to what a reader can use.
"""

import json
import math
import re
import struct
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.directives.patches import CSVTable, Figure

from colorlib.plots import in_words

WIDE = 5  # columns; a table of more may have to be scrolled on a telephone
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def setup(app):
    app.add_directive("csv-table", LedgerTable, override=True)
    app.add_directive("figure", LedgerFigure, override=True)
    app.connect("doctree-read", link_figures)
    return {"parallel_read_safe": True}


class LedgerFigure(Figure):
    """A figure whose ending may be that of any format: ``figures/fig-x.png`` takes ``fig-x.svg`` or ``fig-x.jpg``, too.

    A picture of pixels is shown at half its size, so that it is sharp on screens of twice the density.
    """

    def run(self):
        wanted = Path(self.arguments[0])
        for ending in (".svg", ".jpg", ".png"):
            place = Path(self.state.document.settings.env.srcdir) / wanted.with_suffix(ending)
            if wanted.parent.name == "figures" and place.is_file():
                self.arguments[0] = wanted.with_suffix(ending).as_posix()
                if ending == ".jpg":
                    self.options.setdefault("width", f"{_jpeg_width(place.read_bytes()) // 2}px")
        return super().run()


class LedgerTable(CSVTable):
    """A table from a file, its numbers rounded, with a link to the notebook that made it."""

    def run(self):
        result = super().run()
        for table in result:
            _show_numbers(table)
        env = self.state.document.settings.env
        notebook = _sources(env.srcdir)["tables"].get(Path(self.options.get("file", "")).stem)
        return result + ([_made_by(notebook["notebook"], env.docname)] if notebook else [])


def _show_numbers(table: nodes.Element) -> None:
    """Round the numbers of a table's columns, and align the columns that hold nothing else."""
    rows = [list(row.findall(nodes.entry)) for body in table.findall(nodes.tbody) for row in body.findall(nodes.row)]
    columns = list(zip(*rows, strict=True))
    if len(columns) > WIDE:
        table["classes"].append("wide")
    for text in [text for head in table.findall(nodes.thead) for text in head.findall(nodes.Text)]:
        text.parent.replace(text, nodes.Text(in_words(text)))
    for column in columns:
        texts = [entry.astext() for entry in column]
        numbers = [text for text in texts if is_number(text)]
        only_numbers = bool(numbers) and all(is_number(text) or text in ("", "–") for text in texts)
        decimals = max(map(decimals_of, texts))
        largest = max((abs(float(text)) for text in numbers if math.isfinite(float(text))), default=0)
        for entry in column:
            if only_numbers:
                entry["classes"].append("number")
            for text in list(entry.findall(nodes.Text)):
                shown = shown_number(text, decimals, largest) if only_numbers and is_number(text) else shown_text(text)
                text.parent.replace(text, nodes.Text(shown))


def link_figures(app, doctree):
    figures = _sources(app.srcdir)["figures"]
    for figure in doctree.findall(nodes.figure):
        for image in figure.findall(nodes.image):
            if source := figures.get(Path(image["uri"]).stem):
                legend = next(figure.findall(nodes.legend), None)
                if legend is None:
                    legend = nodes.legend()
                    figure += legend
                legend += _made_by(source["notebook"], app.env.docname)


def decimals_of(text: str) -> int:
    """Count the decimals of a written number: 0 for any other text, 3 for one with an exponent."""
    if not re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", text):
        return 0
    return 3 if "e" in text else len(text.partition(".")[2])


def is_number(text: str) -> bool:
    """Tell whether a text is a number, infinite and undefined ones included."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def shown_number(text: str, decimals: int, largest: float) -> str:
    """Return a number with four significant digits.

    Parameters
    ----------
    text : str
    decimals : int
        Decimals of its column, which no number exceeds: CSV drops a zero at the end.
    largest : float
        Largest size in its column. Small numbers get no more than three decimals beside one of at least 0.1, so that
        they can be compared; where all are small, they keep what tells them apart.
    """
    number = float(text)
    if not math.isfinite(number):
        return "–"
    if text.lstrip("-").isdigit():
        return shown_text(f"{int(text):,}")
    most = max(3, 3 - _magnitude(largest))
    return shown_text(f"{number:,.{min(most, decimals, max(0, 3 - _magnitude(number)))}f}")


def shown_text(text: str) -> str:
    """Return a text with code names in words, minus signs before its numbers, and powers of ten written out."""
    text = in_words(text)
    text = re.sub(r"\b(\d+(?:\.\d+)?)e([+-]\d+)\b", lambda match: f"{match[1]} × 10{_superscript(int(match[2]))}", text)
    return re.sub(r"(?<![\w.,)–-])-(?=\d)", "−", text)


def _magnitude(number: float) -> int:
    return math.floor(math.log10(abs(number))) if number else 0


def _superscript(number: int) -> str:
    return str(number).translate(SUPERSCRIPTS)


def _jpeg_width(content: bytes) -> int:
    """Read the width of a JPEG from the header of its frame."""
    place = 2
    while content[place + 1] not in (0xC0, 0xC1, 0xC2):
        place += 2 + struct.unpack(">H", content[place + 2 : place + 4])[0]
    return struct.unpack(">H", content[place + 7 : place + 9])[0]


def _made_by(notebook: str, document: str) -> nodes.paragraph:
    link = addnodes.pending_xref(
        "",
        nodes.inline("", notebook),
        refdomain="std",
        reftype="doc",
        refexplicit=True,
        refwarn=True,
        reftarget=f"/notebooks/{notebook}",
        refdoc=document,
    )
    return nodes.paragraph("", "Made by notebook ", link, nodes.Text("."), classes=["made-by"])


def _sources(source_folder) -> dict:
    return json.loads((Path(source_folder) / "figures" / "sources.json").read_text("utf-8"))
