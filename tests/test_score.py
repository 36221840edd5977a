"""Photos scored file by file: which belong together, what counts, and what is said where that can't be told."""

import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from colorlib.cli import main
from colorlib.color import merge_lab, split_lab, to_gray
from colorlib.commands.score import pair_files, score_files
from colorlib.images import read_image, write_image
from colorlib.scores.metrics import score_photo
from conftest import ROOT, command, environment


def half_as_colorful(photo: np.ndarray) -> np.ndarray:
    lightness, ab = split_lab(photo)
    return merge_lab(lightness, ab / 2)[0]


def rows_of(*pairs: tuple) -> list[dict]:
    return list(score_files(pairs, pytest.fail))


def test_score_of_two_folders(photo, tmp_path, capsys):
    gray = np.dstack([to_gray(photo)] * 3)
    for name, predicted in (("perfect", photo), ("gray", gray)):
        write_image(tmp_path / "true" / f"{name}.png", photo, bits=16)
        write_image(tmp_path / "predicted" / f"{name}.tif", predicted, bits=16)
    assert main(["score", str(tmp_path / "true"), str(tmp_path / "predicted"), "--csv", str(tmp_path / "all.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = {line[:16].strip(): line[16:].split() for line in lines[1:]}
    psnr = {name: float(row[0]) for name, row in table.items()}
    assert psnr["perfect.png"] == 60 and psnr["gray.png"] == pytest.approx(psnr["mean, left gray"], abs=0.002)
    assert psnr["mean"] == pytest.approx((60 + psnr["gray.png"]) / 2, abs=0.001)
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 5


def test_scores_of_files_are_rows_of_the_leaderboards_scores(photo, tmp_path):
    write_image(tmp_path / "true.png", photo, bits=16)
    write_image(tmp_path / "half.png", half_as_colorful(photo), bits=16)
    rows = rows_of((tmp_path / "true.png", tmp_path / "half.png"))
    assert [(row["photo"], row["version"]) for row in rows] == [("true.png", "predicted"), ("true.png", "gray")]
    true, predicted = (read_image(tmp_path / f"{name}.png").rgb() for name in ("true", "half"))
    expected = score_photo(true, predicted)
    del expected["out_of_gamut_pct"]  # which a file does not tell
    assert {name: rows[0][name] for name in rows[0] if name not in ("photo", "version")} == expected
    assert rows[1].keys() == rows[0].keys() and rows[1]["psnr_rgb"] < rows[0]["psnr_rgb"]


def test_score_tells_what_it_cannot_score(photo, tmp_path, capsys):
    write_image(tmp_path / "true" / "a.png", photo)
    write_image(tmp_path / "true" / "b.png", photo)
    write_image(tmp_path / "true" / "c.png", photo)
    write_image(tmp_path / "predicted" / "a.png", photo[:50])
    write_image(tmp_path / "predicted" / "b.png", photo)
    assert main(["score", str(tmp_path / "true"), str(tmp_path / "predicted")]) == 1
    missing, wrong_size = capsys.readouterr().err.splitlines()
    assert "has no photo of its name" in missing and "c.png" in missing
    assert "can't be scored" in wrong_size and "a.png" in wrong_size
    for pair in (("true", "true/a.png"), ("true/a.png", "nowhere.png")):
        assert main(["score", *(str(tmp_path / name) for name in pair)]) == 1


# Which belong together


def pairs_of(tmp_path, true: str, predicted: str) -> tuple[dict[str, str], list[str]]:
    """The names that are paired in two folders of files with these names, and the errors."""
    errors = []
    for folder, names in (("true", true), ("predicted", predicted)):
        (tmp_path / folder).mkdir()
        for name in names.split():
            (tmp_path / folder / name).touch()
    pairs = pair_files(tmp_path / "true", tmp_path / "predicted", lambda error: errors.append(str(error)))
    return {true.name: predicted.name for true, predicted in pairs}, errors


@pytest.mark.parametrize(
    "true, predicted, paired",
    [
        ("a.jpg a.png", "a.jpg a.png", {"a.jpg": "a.jpg", "a.png": "a.png"}),
        ("a.jpg a.tif", "a.tif a.webp", {"a.jpg": "a.webp", "a.tif": "a.tif"}),  # one is left for each
        ("a.jpg", "a.jpg a.png a-compare.jpg", {"a.jpg": "a.jpg"}),
        ("a.jpg", "a.png a-compare.jpg", {"a.jpg": "a.png"}),
        ("a.tif a.jpg", "a.jpg a.tif.png", {"a.tif": "a.tif.png", "a.jpg": "a.jpg"}),
        ("A.JPG", "a.png", {"A.JPG": "a.png"}),
        ("K\u00f6ln.jpg", "Ko\u0308ln.png", {"K\u00f6ln.jpg": "Ko\u0308ln.png"}),  # as macOS writes it
    ],
)
def test_photos_of_the_same_whole_name_belong_together_before_others(tmp_path, true, predicted, paired):
    assert pairs_of(tmp_path, true, predicted) == (paired, [])


def test_each_is_scored_against_the_file_of_its_own_name(photo, tmp_path, capsys):
    """As a folder against itself, where a.jpg was scored against a.png, which shows something else."""
    Image.fromarray(np.rint(photo * 255).astype(np.uint8)).save(tmp_path / "a.jpg")
    Image.fromarray(np.rint(photo[:, ::-1] * 255).astype(np.uint8)).save(tmp_path / "a.png")
    assert main(["score", str(tmp_path), str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.err == "" and [line.split()[1] for line in said.out.splitlines()[1:4]] == ["60.000"] * 3


@pytest.mark.parametrize(
    "true, predicted, left_out", [("a.jpg a.webp", "a.png", ["a.jpg", "a.webp"]), ("a.jpg", "a.png a.tif", ["a.jpg"])]
)
def test_what_could_be_either_is_left_out_with_a_word(tmp_path, true, predicted, left_out):
    pairs, errors = pairs_of(tmp_path, f"b.jpg {true}", f"b.jpg {predicted}")
    assert pairs == {"b.jpg": "b.jpg"} and len(errors) == len(left_out)
    for error, name in zip(errors, left_out):
        assert f"{tmp_path / 'true' / name} is left out: {', '.join(predicted.split())} in " in error


def test_a_photo_whose_name_another_has_whole_is_alone(tmp_path):
    pairs, (error,) = pairs_of(tmp_path, "a.jpg a.png", "a.png")
    assert pairs == {"a.png": "a.png"} and "a.jpg has no photo of its name" in error


def test_folders_without_a_common_name_are_one_line(tmp_path, capsys):
    for file in ("true/a.jpg", "true/b.jpg", "predicted/c.jpg"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    assert main(["score", str(tmp_path / "true"), str(tmp_path / "predicted")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "nothing was scored: no photo of" in line


# What is said


def test_a_photo_of_another_size_is_one_line_and_the_others_are_scored(photo, tmp_path, capsys):
    write_image(tmp_path / "true.png", photo)
    write_image(tmp_path / "small.png", photo[:50])
    assert main(["score", str(tmp_path / "true.png"), str(tmp_path / "small.png")]) == 1
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.endswith("(96×50 and 96×64 pixels): resize one to the other's size") and said.out == ""
    for folder, height in (("one", 64), ("other", 50)):
        write_image(tmp_path / folder / "a.png", photo[:height])
        write_image(tmp_path / folder / "b.png", photo)
    assert main(["score", str(tmp_path / "one"), str(tmp_path / "other")]) == 1
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1 and said.out.splitlines()[1].split()[:2] == ["b.png", "60.000"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of any bytes")
@pytest.mark.parametrize("name", [b"caf\xe9.jpg", "日本.jpg".encode(), b"two\nlines\x1b[31m.jpg"])
def test_names_that_are_no_text_are_scored_and_written_as_text(photo, tmp_path, name):
    for folder in ("true", "predicted"):
        write_image(tmp_path / folder / "in.jpg", photo)
        (tmp_path / folder / "in.jpg").rename(tmp_path / folder / os.fsdecode(name))
    called = command("score", "true", "predicted", "--csv", "all.csv")
    for encoding in ("utf-8", "ascii"):
        variables = environment(ROOT) | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(called, cwd=tmp_path, env=variables, capture_output=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.splitlines()[1].split()[-5] == b"60.000" and b"\x1b" not in done.stdout
    with open(tmp_path / "all.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["photo"] for row in rows] == [os.fsdecode(name).replace("\udce9", r"\udce9")] * 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has other links")
@pytest.mark.parametrize("table", ["predicted/a.png", "predicted/b.png", "new.jpg", "a_link"])
def test_the_table_never_replaces_a_photo(photo, tmp_path, capsys, table):
    for name in ("true/a.png", "predicted/a.png", "predicted/b.png"):
        write_image(tmp_path / name, photo)
    (tmp_path / "a_link").symlink_to(tmp_path / "true" / "a.png")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.png")}
    folders = [str(tmp_path / name) for name in ("true", "predicted")]
    assert main(["score", *folders, "--csv", str(tmp_path / table)]) == 1
    said = capsys.readouterr()
    assert "can't be the table, since it is a photo: name the table .csv" in said.err and said.out == ""
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.png")} == before
    assert (tmp_path / "a_link").is_symlink()


def test_a_table_that_cannot_be_written_is_one_line_after_the_scores(photo, tmp_path, capsys):
    write_image(tmp_path / "a.png", photo)
    (tmp_path / "folder").mkdir()
    assert main(["score", *[str(tmp_path / "a.png")] * 2, "--csv", str(tmp_path / "folder")]) == 1
    said = capsys.readouterr()
    assert "60.000" in said.out and f"{tmp_path / 'folder'} can't be written (Is a directory)" in said.err


def test_a_long_name_does_not_widen_the_table_and_a_link_to_nothing_is_named(photo, tmp_path, capsys):
    write_image(tmp_path / f"{'n' * 200}.png", photo)
    if os.name != "nt":
        (tmp_path / "gone.png").symlink_to("nowhere.png")
    assert main(["score", str(tmp_path), str(tmp_path)]) == (os.name != "nt")
    said = capsys.readouterr()
    assert max(map(len, said.out.splitlines())) < 110 and said.out.splitlines()[1].startswith("n" * 39 + "…  ")
    assert all("gone.png is a link to nowhere.png, which does not exist" in line for line in said.err.splitlines())


# What counts


def test_pixels_that_opacity_hides_do_not_count(photo, tmp_path):
    hidden = photo.copy()
    hidden[:, :40] = photo[:, 40:80]  # other colors, where nobody sees them
    opacity = np.ones(photo.shape[:2], np.float32)
    opacity[:, :40] = 0
    write_image(tmp_path / "true.png", photo, opacity, bits=16)
    write_image(tmp_path / "hidden.png", hidden, opacity, bits=16)
    write_image(tmp_path / "opaque.png", hidden, bits=16)
    write_image(tmp_path / "half.png", half_as_colorful(photo), opacity, bits=16)
    for name in ("hidden.png", "opaque.png"):
        perfect = rows_of((tmp_path / "true.png", tmp_path / name))[0]
        assert perfect["psnr_rgb"] == 60 and perfect["delta_e_mean"] == 0
    row = rows_of((tmp_path / "true.png", tmp_path / "half.png"))[0]
    seen = [read_image(tmp_path / name).rgb() for name in ("true.png", "half.png")]
    for pixels in seen:
        pixels[:, :40] = 1
    assert row["psnr_rgb"] == pytest.approx(score_photo(*seen)["psnr_rgb"])


def test_half_opaque_pixels_count_as_they_look_on_white(tmp_path):
    dark, light = np.zeros((16, 16, 3), np.float32), np.full((16, 16, 3), 0.2, np.float32)
    write_image(tmp_path / "true.png", dark, np.full((16, 16), 0.25, np.float32), bits=16)
    write_image(tmp_path / "light.png", light, bits=16)
    (row, _) = rows_of((tmp_path / "true.png", tmp_path / "light.png"))
    assert row["psnr_rgb"] == pytest.approx(20 * np.log10(1 / (0.2 * 0.25)), abs=0.01)


def test_what_was_scored_is_not_lost_by_ctrl_c(photo, tmp_path, monkeypatch, capsys):
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / name, photo)
    read = []

    def interrupted(path):
        read.append(path)
        if len(read) > 2:
            raise KeyboardInterrupt
        return read_image(path)

    monkeypatch.setattr("colorlib.commands.score.read_image", interrupted)
    assert main(["score", *[str(tmp_path)] * 2, "--csv", str(tmp_path / "all.csv")]) == 130
    said = capsys.readouterr()
    assert "a.png" in said.out and "b.png" not in said.out and said.err == "interrupted\n"
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 3
