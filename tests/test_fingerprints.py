"""What a notebook's results depend on, and what not."""

import json

import pytest

from colorlib import paths
from colorlib.photos import list_photos
from colorlib.pipeline import fingerprints
from colorlib.pipeline.packages import missing_packages, package_versions
from conftest import FIRST, write_notebook


@pytest.fixture
def changed(project, monkeypatch):
    """A function that tells which notebooks' results are out of date since it was last called."""
    monkeypatch.setattr(paths, "ROOT", project)
    monkeypatch.setattr(paths, "PROFILES", project / "notebooks" / "profiles.toml")
    before, profiles = {}, paths.PROFILES.read_text("utf-8")

    def changed() -> list[str]:
        notebooks = {
            name: json.loads((project / "notebooks" / f"{name}.ipynb").read_text())
            for name in ("01_first", "02_second")
        }
        now = fingerprints.fingerprint_notebooks(notebooks, "smoke", "bundled")
        names = [name for name in now if now[name] != before.get(name)]
        before.update(now)
        return names

    changed()
    yield changed
    (project / "notebooks" / "profiles.toml").write_text(profiles, "utf-8")


def edit(file, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_prose_comments_and_docstrings_change_nothing(project, changed):
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, prose="Another title")
    plots = project / "colorlib" / "plots" / "images.py"
    plots.write_text("# a comment\n" + plots.read_text("utf-8"), "utf-8")
    edit(project / "colorlib" / "pipeline" / "ledger.py", '"""Record a number', '"""Note a number')
    assert changed() == []


def test_code_and_settings_concern_their_own_notebook(project, changed):
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, "1 + 1")
    assert changed() == ["01_first"]
    edit(paths.PROFILES, "smoke = 2", "smoke = 4")
    assert changed() == ["01_first"]
    edit(paths.PROFILES, "full = 3", "full = 5")
    assert changed() == []


def test_a_module_concerns_those_that_import_it_directly_or_through_others(project, changed):
    library = project / "colorlib"
    edit(library / "scores" / "metrics.py", "import numpy", "MORE = 1\nimport numpy")  # only the second imports it
    assert changed() == ["02_second"]
    edit(library / "photos" / "manifests.py", "import csv", "MORE = 1\nimport csv")  # through the ledger
    assert changed() == ["01_first", "02_second"]
    edit(library / "pipeline" / "site.py", "import json", "MORE = 1\nimport json")
    assert changed() == []


def test_a_notebook_depends_on_all_before_it_unless_it_names_those_it_needs(project, changed):
    edit(paths.PROFILES, "needs = []\n", "")
    assert changed() == ["02_second"]
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST, "2 + 2")
    assert changed() == ["01_first", "02_second"]
    edit(paths.PROFILES, "[02_second]", '[02_second]\nneeds = ["03_third"]')
    with pytest.raises(ValueError, match=r"\[02_second\].*needs 03_third"):
        changed()
    edit(paths.PROFILES, '["03_third"]', "[]")
    write_notebook(project / "notebooks" / "01_first.ipynb", FIRST)
    assert changed() == ["01_first", "02_second"]


def test_photos_and_packages_concern_all(project, changed, monkeypatch):
    photos = list_photos("bundled")
    monkeypatch.setattr(fingerprints, "list_photos", lambda collection: photos[1:])
    assert changed() == ["01_first", "02_second"]
    monkeypatch.setattr(fingerprints, "package_versions", lambda: {"numpy": "1.0"})
    assert changed() == ["01_first", "02_second"]


def declare(reads: str) -> None:
    edit(paths.PROFILES, "[02_second]", f"[02_second]\nreads = {reads}")


def test_a_notebook_that_reads_another_collection_depends_on_whether_it_is_there(project, changed, monkeypatch):
    declare('["bsds500"]')
    assert changed() == ["02_second"]
    monkeypatch.setattr(fingerprints, "missing_photos", lambda collection: list(range(7)))
    assert changed() == ["02_second"]
    monkeypatch.setattr(fingerprints, "missing_photos", lambda collection: [])
    assert changed() == ["02_second"]


@pytest.mark.parametrize("source, folder, name", [("answers", "ANSWERS", "a.csv"), ("weights", "WEIGHTS", "unet.onnx")])
def test_a_notebook_that_reads_files_depends_on_their_content(
    project, changed, monkeypatch, tmp_path, source, folder, name
):
    declare(f'["{source}"]')
    monkeypatch.setattr(paths, folder, tmp_path)
    assert changed() == ["02_second"]
    for content in ("one", "another"):
        (tmp_path / name).write_text(content)
        assert changed() == ["02_second"]
    (tmp_path / "README.md").write_text("nothing that it reads")
    assert changed() == []


def test_reading_what_there_is_not_is_refused(project, changed):
    declare('["weather"]')
    with pytest.raises(ValueError, match=r"\[02_second\].* reads 'weather': use .*unsplash36, .*weights, answers"):
        changed()


def test_every_package_is_pinned_and_installed():
    pins = (paths.ROOT / "constraints.txt").read_text("utf-8").lower()
    versions = package_versions()
    assert missing_packages() == [] and len(versions) > 12
    assert all(f"\n{name}==" in pins for name in versions if name != "python")
