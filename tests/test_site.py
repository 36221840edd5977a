"""The whole report, made in the smoke profile, and what of it is committed."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from site_browser import SCHEMES, SIZES, Reader

from colorlib import paths
from colorlib.pipeline import read_ledger
from conftest import run_colorlib

#: Attributes whose address a browser loads by itself, in any element, and elements whose ``href`` it loads.
LOADED = ("src", "srcset", "poster", "data")
LOADED_HREF = ("link", "use", "image")
WRITE_UP = sorted(paths.REPORT.glob("*.md"))
#: Pages that are looked at in a browser: those with the most formulas, tables and figures.
READ = ["index.html", "data.html", "evaluating.html", "training.html", "assessing.html"]
READ += [f"notebooks/{name}.html" for name in ("02_lab_theory", "03_linear_regression", "04_mlp", "06_evaluation")]


class Page(HTMLParser):
    """What a page loads and links to, its anchors and its pictures."""

    def __init__(self, file: Path):
        super().__init__()
        self.loads, self.links, self.anchors, self.images, self.text = [], [], set(), [], ""
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id"))
        self.loads += [attributes[name] for name in LOADED if attributes.get(name)]
        self.text += attributes.get("style") or ""
        if "href" in attributes:
            (self.loads if tag in LOADED_HREF else self.links).append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def site() -> Path:
    """The site of a smoke report, which executes the notebooks that nbval did not just execute."""
    done = run_colorlib("report", "--profile", "smoke")
    assert done.returncode == 0, done.stderr
    return paths.run_folder("bundled", "smoke") / "site"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {file: Page(file) for file in site.rglob("*.html")}


@pytest.mark.slow
def test_every_chapter_and_notebook_has_its_page(site, pages):
    expected = {site / f"{file.stem}.html" for file in WRITE_UP}
    expected |= {site / "notebooks" / f"{file.stem}.html" for file in committed_notebooks()}
    assert expected <= set(pages)


@pytest.mark.slow
def test_nothing_is_loaded_from_another_host(site, pages):
    for file, page in pages.items():
        remote = [address for address in page.loads if re.match(r"(https?:)?//", address)]
        assert remote == [] and "@import" not in page.text and not re.search(r"url\(\W?(https?:)?//", page.text), file
    for file in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", file.read_text("utf-8")), file
    for file in site.rglob("*.js"):
        assert not re.search(
            r"(fetch|import|importScripts)\(\s*['\"`](https?:)?//|\.src\s*=\s*['\"`](https?:)?//",
            file.read_text("utf-8"),
        ), file


@pytest.mark.slow
def test_every_link_inside_the_site_leads_somewhere(site, pages):
    broken = []
    for file, page in pages.items():
        for address in page.links + page.loads:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchors = pages[target].anchors | {""} if target in pages else {unquote(parts.fragment)}
            if not target.is_file() or unquote(parts.fragment) not in anchors:
                broken.append((file.name, address))
    assert broken == []


@pytest.mark.slow
def test_every_picture_has_an_alternative_text(pages):
    images = [
        (file.name, image.get("src"))
        for file, page in pages.items()
        for image in page.images
        if not (image.get("alt") or "").strip()
    ]
    assert images == []
    assert sum(len(page.images) for page in pages.values()) > 20


@pytest.mark.slow
def test_no_substitution_is_left_and_the_front_page_says_what_it_was_built_from(site, pages):
    assert [file for file, page in pages.items() if "{{" in page.text and "notebooks" not in file.parts] == []
    assert "built from 7 photos of the collection bundled, profile smoke" in " ".join(
        pages[site / "index.html"].text.split()
    )


@pytest.mark.slow
def test_every_figure_of_the_write_up_links_to_its_notebook(site):
    ledger = read_ledger(site.parent / "figures")
    text = "".join(file.read_text("utf-8") for file in WRITE_UP)
    shown = set(re.findall(r"\{figure\} figures/(fig-[\w-]+)\.", text))
    assert shown and shown <= set(ledger["figures"])
    html = "".join(file.read_text("utf-8") for file in site.glob("*.html"))
    assert html.count("Made by notebook <a ") >= len(shown)


@pytest.mark.slow
def test_names_in_the_ledger_are_unique(site):
    names = [name for entries in read_ledger(site.parent / "figures").values() for name in entries]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    reader = Reader(tmp_path_factory.mktemp("browser"))
    yield reader
    reader.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_cut_shredded_or_scrolled_sideways_in_a_browser(site, reader, size, scheme):
    for file in READ:
        assert reader.faults(site / file, size, scheme) == [], file
        behind, contrast = reader.contrast()
        assert contrast > 7 and (behind > 0.9 if scheme == "light" else behind < 0.05), file


def test_the_browser_finds_what_is_wrong(tmp_path, reader):
    page = tmp_path / "page.html"
    page.write_text(
        "<article><div class='math' style='width: 5px'><math style='display: block'><mi>a</mi><mi>b</mi></math></div>"
        "<img src='none.png'><table style='width: 3000px'><tr><td>1</td></tr></table></article>",
        "utf-8",
    )
    found = reader.faults(page, "telephone", "light")
    starts = ("the page is", "a formula is", "no alternative text", "not loaded", "cut: TABLE")
    assert [start for start in starts if not any(fault.startswith(start) for fault in found)] == []


@pytest.mark.slow
def test_making_it_again_executes_nothing(site):
    done = run_colorlib("report", "--profile", "smoke")
    assert done.returncode == 0 and " done in " not in done.stdout


def committed_solutions() -> list[Path]:
    return sorted((paths.NOTEBOOKS / "solutions").glob("*.ipynb"))


@pytest.mark.slow
def test_solutions_are_folded_and_linked_from_their_notebooks(site, pages):
    for file in committed_solutions():
        page = site / "notebooks" / "solutions" / f"{file.stem}.html"
        html = page.read_text("utf-8")
        exercises = re.findall(r"<h2>Exercise \d", html)
        assert exercises and html.count('<details class="solution">') == len(exercises), file
        notebook = site / "notebooks" / f"{file.stem.removesuffix('_solutions')}.html"
        assert f"solutions/{page.name}" in pages[notebook].links


@pytest.mark.parametrize("file", committed_solutions(), ids=lambda file: file.stem)
def test_every_exercise_has_its_solution_which_was_executed(file):
    notebook = json.loads((paths.NOTEBOOKS / f"{file.stem.removesuffix('_solutions')}.ipynb").read_text("utf-8"))
    asked = re.findall(r"^(\d)\. ", "".join(notebook["cells"][-1]["source"]), re.M)
    cells = json.loads(file.read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert re.findall(r"^## Exercise (\d)$", text, re.M) == asked
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell["outputs"] if output.get("name") == "stderr"]


def committed_notebooks() -> list[Path]:
    return sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("file", committed_notebooks(), ids=lambda file: file.stem)
def test_committed_notebooks_are_executed_and_show_no_folder_of_a_machine(file):
    notebook = json.loads(file.read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not re.search(r"(?<![\w.:/])/(home|Users|root|tmp|work|usr|opt|var)/|[A-Z]:\\\\", json.dumps(code))
    assert any("nbval-check-output" in cell["metadata"].get("tags", []) for cell in code)
    assert not [output for cell in code for output in cell["outputs"] if output.get("name") == "stderr"]


def test_committed_figures_are_those_of_the_committed_notebooks():
    ledger = read_ledger(paths.FIGURES)
    assert {entry["notebook"] for entries in ledger.values() for entry in entries.values()} == {
        file.stem for file in committed_notebooks()
    }
    assert {file.stem for file in paths.FIGURES.glob("fig-*")} == set(ledger["figures"])
    assert {file.stem for file in (paths.FIGURES / "tables").glob("*.csv")} == set(ledger["tables"])
    assert max(file.stat().st_size for file in paths.FIGURES.glob("fig-*")) < 1_500_000
    about = json.loads((paths.FIGURES / "run.json").read_text("utf-8"))
    assert (about["profile"], about["collection"], about["notice"]) == ("full", "unsplash36", "")
