"""Sphinx extension: every figure and table of the ledger links to the notebook that made it.

``csv-table`` also rounds what the ledger's tables hold to what a reader can use.
"""

import json
import math
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.directives.patches import CSVTable


def setup(app):
    app.add_directive("csv-table", LedgerTable, override=True)
    app.connect("doctree-read", link_figures)
    return {"parallel_read_safe": True}


class LedgerTable(CSVTable):
    """A table from a file, its numbers rounded, with a link to the notebook that made it."""

    def run(self):
        result = super().run()
        for table in result:
            rows = [[entry.astext() for entry in row.findall(nodes.entry)] for row in table.findall(nodes.row)]
            written = [max(map(decimals_of, column)) for column in zip(*rows, strict=True)]
            for row in table.findall(nodes.row):
                for entry, decimals in zip(row.findall(nodes.entry), written, strict=True):
                    for text in list(entry.findall(nodes.Text)):
                        if (number := shown_number(text.astext(), decimals)) is not None:
                            text.parent.replace(text, nodes.Text(number))
                            entry["classes"].append("number")
        env = self.state.document.settings.env
        notebook = _sources(env.srcdir)["tables"].get(Path(self.options.get("file", "")).stem)
        return result + ([_made_by(notebook["notebook"], env.docname)] if notebook else [])


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


def shown_number(text: str, decimals: int) -> str | None:
    """Return a number with four significant digits, at most three of them decimals; None for any other text.

    ``decimals`` are those of its column: CSV drops a zero at the end, and no digit is shown that the
    column didn't have.
    """
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return "–"
    if text.lstrip("-").isdigit():
        return f"{int(text):,}".replace("-", "−")
    magnitude = math.floor(math.log10(abs(number))) if number else 0
    decimals = min(3, decimals, max(0, 3 - magnitude))
    return f"{number:,.{decimals}f}".replace("-", "−")


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
