"""The report makes itself: what runs again and what does not, what a failure leaves behind, where results go.

These tests run the whole pipeline on a copy of the project with two short notebooks, one after the other.
"""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from colorlib import paths
from conftest import FIRST, INDEX, ROOT, SECOND, command, environment, run_colorlib, write_notebook

pytestmark = pytest.mark.slow
ONLY = ("--notebooks", "01_first", "02_second")  # builds no site


def report(project, *arguments: str):
    return run_colorlib("report", "--profile", "smoke", *arguments, root=project)


def executed(done) -> list[str]:
    assert done.returncode == 0, done.stderr
    return sorted(line.split()[0] for line in done.stdout.splitlines() if " done in " in line)


@pytest.fixture(scope="module")
def folder(project):
    """The folder of a first smoke run."""
    assert executed(report(project)) == ["01_first", "02_second"]
    return project / "build" / "bundled-smoke"


def test_numbers_figures_and_notebooks_reach_the_site(folder):
    page = (folder / "site" / "index.html").read_text("utf-8")
    assert "Built from 7 photos of the collection" in page and ": 42 and 5, in" in page
    assert "<math" in page and 'alt="A line"' in page
    assert 'Made by notebook <a class="reference internal" href="notebooks/01_first.html">' in page
    notebook = (folder / "site" / "notebooks" / "01_first.html").read_text("utf-8")
    assert 'alt="A line that rises"' in notebook and "Download this notebook</" in notebook
    assert len(list((folder / "site" / "_downloads").rglob("0*.ipynb"))) == 2


def test_executed_notebooks_hold_nothing_of_papermill(folder):
    for file in (folder / "notebooks").glob("*.ipynb"):
        text = file.read_text("utf-8")
        assert "papermill" not in text and "injected-parameters" not in text
        assert all(cell["execution_count"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")
    assert not list((folder / "notebooks").glob("*.part*"))


def test_nothing_runs_again_when_nothing_changed(project, folder):
    start = time.monotonic()
    assert executed(report(project)) == []
    assert time.monotonic() - start < 10


def test_new_prose_is_shown_without_running(project, folder):
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, prose="Another title")
    (project / "report" / "index.md").write_text(INDEX.replace("A report", "Another report"), "utf-8")
    assert executed(report(project)) == []
    assert "Another report" in (folder / "site" / "index.html").read_text("utf-8")
    page = (folder / "site" / "notebooks" / "01_first.html").read_text("utf-8")
    assert "Another title" in page and "A line that rises" in page


@pytest.mark.long
def test_of_new_prose_only_that_page_is_written_and_what_all_pages_show_reaches_all(project, folder):
    index, second = (folder / "site" / name for name in ("index.html", "notebooks/02_second.html"))
    (project / "report" / "index.md").write_text(INDEX, "utf-8")
    report(project)
    written = second.stat().st_mtime_ns
    text = INDEX.replace("The line.", "One line more.")
    (project / "report" / "index.md").write_text(text, "utf-8")
    report(project)
    assert "One line more." in index.read_text("utf-8") and second.stat().st_mtime_ns == written
    quick = pages_of(folder)
    (folder / "site.sha256").unlink()  # so that all is made anew
    report(project)
    assert pages_of(folder) == quick and second.stat().st_mtime_ns > written
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, prose="A new heading")
    report(project)
    assert "A new heading" in second.read_text("utf-8")  # beside it, among the other pages
    (project / "report" / "index.md").write_text(text.replace(":glob:", ":glob:\n:caption: All notebooks"), "utf-8")
    report(project)
    assert "All notebooks" in second.read_text("utf-8")


def pages_of(folder: Path) -> dict[str, str]:
    """Return all pages of the site, but for the hashes by which they tell browsers to load a file again."""
    pages = (folder / "site").rglob("*.html")
    return {str(page.relative_to(folder)): re.sub(r"\?v=\w+", "", page.read_text("utf-8")) for page in pages}


def test_changed_code_and_lost_results_run_again(project, folder):
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, "1 + 1")
    assert executed(report(project, "--notebooks", "02_second")) == []
    numbers = json.loads((folder / "figures" / "numbers.json").read_text())
    del numbers["n_photos"]
    (folder / "figures" / "numbers.json").write_text(json.dumps(numbers))
    assert executed(report(project, *ONLY)) == ["01_first", "02_second"]


def test_a_failing_notebook_is_kept_beside_and_named(project, folder):
    write_notebook(project / "notebooks" / "02_second.ipynb", SECOND + '\nrun.record_number("doubled", 1)')
    done = report(project, *ONLY)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "02_second failed in code cell 2 of 2: ValueError: 'doubled' is already recorded by 01_first" in done.stderr
    left = sorted(file.name for file in (folder / "notebooks").iterdir())
    assert left == ["01_first.ipynb", "01_first.json", "02_second.failed.ipynb"]
    write_notebook(project / "notebooks" / "02_second.ipynb", SECOND)
    assert executed(report(project, *ONLY)) == ["02_second"]
    assert not (folder / "notebooks" / "02_second.failed.ipynb").exists()


def test_a_notebook_executed_elsewhere_is_not_executed_again_unless_its_code_changed(
    project, folder, monkeypatch, pytestconfig
):
    keep_notebook = pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py")).keep_notebook
    kept = json.loads((folder / "notebooks" / "02_second.ipynb").read_text("utf-8"))
    (folder / "notebooks" / "02_second.json").unlink()
    for name, path in {
        "ROOT": project,
        "NOTEBOOKS": project / "notebooks",
        "BUILD": project / "build",
        "PROFILES": project / "notebooks" / "profiles.toml",
    }.items():
        monkeypatch.setattr(paths, name, path)
    keep_notebook("02_second", kept)
    assert executed(report(project, *ONLY)) == []
    write_notebook(project / "notebooks" / "02_second.ipynb", SECOND, "1 + 1")
    with pytest.raises(ValueError, match="code changed"):
        keep_notebook("02_second", kept)
    assert executed(report(project, *ONLY)) == ["02_second"]


def test_an_unknown_name_fails_the_site_and_leaves_the_old_one(project, folder):
    before = (folder / "site" / "index.html").read_bytes()
    wrong = "{{ tripled }} ![A cat](figures/fig-cat.png) [a page](elsewhere.md)"
    (project / "report" / "index.md").write_text(f"{INDEX}\n{wrong}\n", "utf-8")
    done = report(project)
    assert done.returncode == 1 and "the site was not built" in done.stderr
    assert all(name in done.stderr for name in ("tripled", "fig-cat.png", "elsewhere.md"))
    assert (folder / "site" / "index.html").read_bytes() == before
    (project / "report" / "index.md").write_text(INDEX, "utf-8")


MEETS = """from pathlib import Path
from colorlib.processors import processors
from time import monotonic, sleep

Path("{here}").touch()
began = monotonic()
while not Path("{there}").exists():
    assert monotonic() < began + 60, "it runs alone"
    sleep(0.05)
for i in range(100):
    run.record_number(f"n_{name}_{{i}}", i)
run.record_number("share_{name}", processors())"""


@pytest.mark.long
def test_notebooks_that_need_nothing_of_each_other_run_side_by_side_and_lose_no_results(project, folder, tmp_path):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, MEETS.format(here=one, there=two, name="one"))
    write_notebook(project / "notebooks" / "02_second.ipynb", SECOND, MEETS.format(here=two, there=one, name="two"))
    assert executed(report(project, *ONLY)) == ["01_first", "02_second"]
    numbers = json.loads((folder / "figures" / "numbers.json").read_text("utf-8"))
    assert all(numbers[f"n_{name}_{i}"]["value"] == i for name in ("one", "two") for i in range(100))
    assert numbers["share_one"]["value"] == numbers["share_two"]["value"] == max(1, (os.cpu_count() or 1) // 2)
    times = json.loads((folder / "figures" / "times.json").read_text("utf-8"))
    assert sorted(times) == ["01_first", "02_second"]
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST)
    write_notebook(project / "notebooks" / "02_second.ipynb", SECOND)
    assert executed(report(project, *ONLY)) == ["01_first", "02_second"]


@pytest.mark.long
def test_a_notebook_waits_for_the_one_that_it_needs_and_does_not_run_if_that_fails(project, folder):
    profiles = project / "notebooks" / "profiles.toml"
    as_it_was = profiles.read_text("utf-8")
    profiles.write_text(as_it_was.replace("needs = []", 'needs = ["01_first"]'), "utf-8")
    try:
        write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, "import time\ntime.sleep(3)\n1 / 0")
        done = report(project, *ONLY)
        assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
        assert "02_second" not in done.stdout
        write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, "import time\ntime.sleep(3)")
        done = report(project, *ONLY)
        assert [line.split()[0] for line in done.stdout.splitlines() if " done in " in line] == [
            "01_first",
            "02_second",
        ]
        (folder / "notebooks" / "01_first.json").unlink()  # what it made is gone, and so is what builds on it
        assert executed(report(project, *ONLY)) == ["01_first", "02_second"]
    finally:
        profiles.write_text(as_it_was, "utf-8")
        write_notebook(project / "notebooks" / "01_first.ipynb", FIRST)
    assert executed(report(project, *ONLY)) == ["01_first", "02_second"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.long
def test_interrupting_ends_all_kernels_and_leaves_nothing_half_made(project, folder, tmp_path):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so do theirs
    endless = """import os, time
from pathlib import Path

Path("{file}").write_text(str(os.getpid()))
time.sleep(600)"""
    files = tmp_path / "one", tmp_path / "two"
    for name, source, file in zip(("01_first", "02_second"), (FIRST, SECOND), files, strict=True):
        write_notebook(project / "notebooks" / f"{name}.ipynb", source, endless.format(file=file))
    process = subprocess.Popen(
        command("report", "--profile", "smoke", *ONLY),
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not all(file.exists() and file.read_text() for file in files):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        write_notebook(project / "notebooks" / "01_first.ipynb", FIRST)
        write_notebook(project / "notebooks" / "02_second.ipynb", SECOND)
    assert process.returncode == 130 and errors == "interrupted\n"
    assert not any(Path(f"/proc/{file.read_text()}").exists() for file in files)
    assert not list((folder / "notebooks").iterdir())
    assert executed(report(project, *ONLY)) == ["01_first", "02_second"]


@pytest.mark.long
def test_without_photos_and_network_the_bundled_ones_are_used_and_the_site_says_so(project):
    start = time.monotonic()
    process = subprocess.Popen(
        command("report"),
        cwd=project,
        env=environment(project) | {"COLORLIB_DATA_DIR": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    notice = process.stdout.readline()
    assert time.monotonic() - start < 10
    assert notice.startswith("Built from 7 bundled photos, because ")
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0 and printed.count(" done in ") == 2
    page = (project / "build" / "bundled-full" / "site" / "index.html").read_text("utf-8")
    assert "Built from 7 bundled photos, because " in page
    assert not (project / "figures").exists(), "only a run on the default collection may refresh figures/"


@pytest.mark.long
def test_a_full_run_on_the_default_collection_refreshes_the_figures_and_can_be_published(project):
    figures = project / "figures"
    assert run_colorlib("publish", root=project).returncode == 1
    module = project / "colorlib" / "photos" / "manifests.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace('("photos.csv", "photos")', '("bundled.csv", None)'), "utf-8")
    (figures / "tables").mkdir(parents=True)
    (figures / "fig-stale.png").write_bytes(b"of a former run")
    assert executed(run_colorlib("report", root=project)) == ["01_first", "02_second"]
    made = sorted(file.name for file in figures.iterdir())
    assert made == ["fig-line.svg", "numbers.json", "run.json", "sources.json", "tables", "times.json"]
    assert run_colorlib("publish", root=project).returncode == 0
    assert '"execution_count": 2' in (project / "notebooks" / "01_first.ipynb").read_text("utf-8")
    assert run_colorlib("site", root=project).returncode == 0
    assert "63 and 5" in (project / "build" / "site" / "index.html").read_text("utf-8")
    write_notebook(project / "notebooks" / "02_second.ipynb", SECOND, "from colorlib import paths\nprint(paths.ROOT)")
    done = run_colorlib("publish", root=project)
    assert done.returncode == 1 and "02_second did not run in full" in done.stderr
    assert executed(run_colorlib("report", *ONLY, root=project)) == ["02_second"]
    done = run_colorlib("publish", root=project)
    assert done.returncode == 1 and "02_second shows" in done.stderr
