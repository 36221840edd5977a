"""All chapters on one page, to be printed: made from the pages of the site, so that both say the same."""

import re
from pathlib import Path

from .. import paths

__all__ = ["PRINTED", "write_printed"]

#: Pages of the site that are printed, in this order, as far as it has them.
PRINTED = (
    "index",
    "data",
    "evaluating",
    "training",
    "assessing",
    "any_resolution",
    "more_photos",
    "vivid_colors",
    "hints",
    "conclusion",
    "models",
    "glossary",
    "references",
)
_ARTICLE = re.compile(r'<article role="main"[^>]*>(.*?)</article>', re.S)
_HEAD = re.compile(r"<head>.*?</head>", re.S)


def write_printed(site: Path) -> Path:
    """Write ``report.html`` into a site: its chapters one after the other, and nothing else.

    Links between chapters lead to places on that page; links to other pages remain.

    Raises
    ------
    RuntimeError
        If a page has no article, so that the theme must have changed.
    """
    pages = {name: (site / f"{name}.html").read_text("utf-8") for name in PRINTED if (site / f"{name}.html").is_file()}
    chapters = []
    for name, page in pages.items():
        article = _ARTICLE.search(page)
        if article is None:
            raise RuntimeError(f"{name}.html has no article to print: see what the theme of the site calls it now")
        chapters.append(f'<section class="printed" id="{name}">{_own_places(article[1], name, set(pages))}</section>')
    head = _HEAD.search(pages["index"])
    content = (
        f'<!doctype html>\n<html lang="en">{head[0] if head else ""}'
        f'<body data-theme="light"><main class="printed"><article>{"".join(chapters)}</article></main></body></html>\n'
    )
    paths.write_whole(site / "report.html", content.encode())
    return site / "report.html"


def _own_places(article: str, name: str, printed: set[str]) -> str:
    """Make the names of places unique over all chapters, and let links lead to them."""

    def link(match: re.Match) -> str:
        page, _, place = match[1].partition("#")
        target = page.removesuffix(".html") if page else name
        if target not in printed or (page and not page.endswith(".html")):
            return match[0]
        return f'href="#{target}{"--" + place if place else ""}"'

    article = re.sub(r'\bid="([^"]+)"', rf'id="{name}--\1"', article)
    return re.sub(r'\bhref="([^":]*)"', link, article)
