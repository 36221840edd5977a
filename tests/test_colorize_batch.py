"""Many photos in one call: nothing that is there is lost, what is no photo is passed over, long calls go on."""

import ctypes
import os
import random
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorlib import paths
from colorlib.cli import main
from colorlib.commands._sheet import SHEET_GAP, SHEET_PANEL, SHEET_TITLE, Sheet
from colorlib.commands.colorize import colorize_files
from colorlib.images import ImageFile, Metadata, read_image, write_image
from conftest import ROOT, colorize, command, contents, environment

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24  # linux/capability.h, linux/prctl.h

on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other links, names, signals and terminals")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs names of any bytes, /dev/full or the like")


def write_photos(folder: Path, photo: np.ndarray, *names: str) -> None:
    """Write photos of different lightness, so that one is not mistaken for another."""
    for number, name in enumerate(names):
        write_image(folder / name, photo * (1 - number / (2 * len(names))))


def colored_like(output: Path, source: Path) -> bool:
    """Whether an output is the colored version of a photo: of its size and its gray, but with other colors."""
    colored, true = read_image(output), read_image(source)
    same_size = colored.pixels.shape[:2] == true.pixels.shape[:2]
    return same_size and bool(np.abs(colored.gray() - true.gray()).mean() < 0.01)


# Nothing that is read is written


def test_photos_of_another_folder_do_not_replace_those_of_the_output_folder(photo, refused, tmp_path):
    write_photos(tmp_path / "a", photo, "x.png", "z.png")
    write_photos(tmp_path / "b", photo[::-1], "x.png", "y.png")
    before = contents(tmp_path / "a")
    lines = refused(tmp_path / "a", tmp_path / "b", "-o", tmp_path / "a", "--overwrite")
    assert len(lines) == 3 and sum("would be replaced by its own colorization" in line for line in lines) == 2
    assert f"{tmp_path / 'b' / 'x.png'} would go to {tmp_path / 'a' / 'x.png'}, like another photo" in lines[2]
    after = contents(tmp_path / "a")
    assert after.pop("y.png") and after == before
    assert colored_like(tmp_path / "a" / "y.png", tmp_path / "b" / "y.png")
    lines = refused(tmp_path / "b", tmp_path / "a" / "x.png", "-o", tmp_path / "a", "--overwrite")
    assert f"{tmp_path / 'b' / 'x.png'} would replace {tmp_path / 'a' / 'x.png'}, which this call reads" in lines[0]
    assert (
        contents(tmp_path / "a").keys() == after.keys() | {"y.png"}
        and before.items() <= contents(tmp_path / "a").items()
    )


@on_posix
@pytest.mark.parametrize("spelling", ["dots", "linked folder", "linked file", "hard link", "source is a link"])
@pytest.mark.parametrize("own", [True, False])
def test_however_a_photo_is_reached_it_is_not_written_to(photo, refused, tmp_path, monkeypatch, spelling, own):
    write_photos(tmp_path / "a", photo, "x.png", "z.png")
    write_photos(tmp_path / "b", photo[::-1], "x.png")
    original, output, source = tmp_path / "a" / "x.png", tmp_path / "out", tmp_path / "a" / "x.png"
    if spelling == "dots":
        output = tmp_path / "b" / ".." / "a"
    elif spelling == "linked folder":
        output.symlink_to(tmp_path / "a")
    elif spelling == "linked file":
        output.mkdir()
        (output / "x.png").symlink_to(original)
    elif spelling == "hard link":
        output.mkdir()
        os.link(original, output / "x.png")
    else:
        source, output = tmp_path / "elsewhere" / "x.png", tmp_path / "a"
        source.parent.mkdir()
        source.symlink_to(original)
    before = original.read_bytes()
    monkeypatch.chdir(tmp_path / "a")
    inputs = [source] if own else [tmp_path / "b" / "x.png", source]
    lines = refused(*inputs, "-o", output, "--overwrite")
    assert original.read_bytes() == before and (output / "x.png").samefile(original)
    assert ("its own colorization" if own else "which this call reads") in lines[0]


@on_posix
def test_links_to_nothing_are_inputs_too(photo, refused, tmp_path):
    """The drive with the photo may be unplugged: the link is all that is left."""
    write_photos(tmp_path / "b", photo, "x.png")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").symlink_to(tmp_path / "drive" / "x.png")
    lines = refused(tmp_path / "b", tmp_path / "a", "-o", tmp_path / "a", "--overwrite")
    assert "which this call reads" in lines[0] and "is a link to" in lines[1]
    assert (tmp_path / "a" / "x.png").is_symlink()


def test_the_model_is_not_written_to(photo, model, refused, tmp_path):
    write_photos(tmp_path, photo, "x.png")
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "x.png"  # a model's file may have any name
    mine.write_bytes(Path(model).read_bytes())
    (line,) = refused(tmp_path / "x.png", "-o", tmp_path / "out", "--overwrite", "--model", mine)
    assert "which this call reads" in line and mine.read_bytes() == Path(model).read_bytes()


@on_posix
@pytest.mark.parametrize("log", ["scan", "x.png", "new.jpg", "linked.log", "model.npz"])
def test_the_log_is_not_written_to_what_is_read(photo, model, refused, tmp_path, log):
    write_photos(tmp_path, photo, "x.png")
    (tmp_path / "scan").write_bytes((tmp_path / "x.png").read_bytes())
    (tmp_path / "linked.log").symlink_to(tmp_path / "x.png")
    (tmp_path / "model.npz").write_bytes(Path(model).read_bytes())
    before = contents(tmp_path)
    inputs = [tmp_path / "scan", tmp_path / "x.png", "-o", tmp_path / "out", "--model", tmp_path / "model.npz"]
    (line,) = refused(*inputs, "--log", tmp_path / log)
    assert "can't be the log, since it is a photo or the model" in line
    assert contents(tmp_path) == before and not (tmp_path / "out").exists()


@on_posix
def test_the_same_photo_given_twice_is_colored_once(photo, model, tmp_path, capsys, monkeypatch):
    write_photos(tmp_path / "a", photo, "x.png")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    colorize(model, "a", "a/x.png", "a/../a/x.png", tmp_path / "a" / "x.png", "link/x.png", "a/*.png", "-o", "out")
    assert capsys.readouterr().out == "1 colorized, in out\n"


def test_two_photos_of_one_name_do_not_replace_each_other(photo, refused, tmp_path):
    write_photos(tmp_path / "a", photo, "same.png")
    write_photos(tmp_path / "b", photo[::-1], "same.png")
    source, target = tmp_path / "b" / "same.png", tmp_path / "out" / "same.png"
    for options in ((), ("--overwrite",), ("--skip-existing",)):  # it is not the second one's either
        (line,) = refused(tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out", *options)
        assert f"{source} would go to {target}, like another photo" in line
        assert colored_like(target, tmp_path / "a" / "same.png")
    (line,) = refused(tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out.png")
    assert "2 photos can't all be written to" in line and "give a folder" in line


def test_two_names_of_one_output_are_noticed_when_it_is_there(photo, model, tmp_path):
    """As a file system does that takes A.png and a.png for the same: here it is a second name of the first output."""
    write_photos(tmp_path, photo, "a.png", "b.png")
    sources, output = [tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "out"
    outcomes = colorize_files(sources, str(output), model, overwrite=True)
    assert next(outcomes).status == "colorized"
    os.link(output / "a.png", output / "b.png")
    ((status, text, _),) = outcomes
    assert status == "failed" and "b.png would go to" in text and "like another photo" in text
    assert colored_like(output / "a.png", tmp_path / "a.png")


def test_what_another_program_writes_meanwhile_is_kept(photo, model, tmp_path):
    write_photos(tmp_path, photo, "a.png", "b.png")
    outcomes = colorize_files([tmp_path / "a.png", tmp_path / "b.png"], str(tmp_path / "out"), model)
    assert next(outcomes).status == "colorized"
    (tmp_path / "out" / "b.png").write_bytes(b"precious")
    ((status, text, _),) = outcomes
    assert status == "failed" and "b.png exists" in text
    assert (tmp_path / "out" / "b.png").read_bytes() == b"precious"


def test_an_output_that_exists_needs_overwrite(photo, model, refused, tmp_path):
    write_image(tmp_path / "in.png", photo)
    (tmp_path / "out.png").write_bytes(b"precious")
    (line,) = refused(tmp_path / "in.png", "-o", tmp_path / "out.png")
    assert f"{tmp_path / 'out.png'} exists: choose another output, or add --overwrite" in line
    assert (tmp_path / "out.png").read_bytes() == b"precious"
    colorize(model, tmp_path / "in.png", "-o", tmp_path / "out.png", "--overwrite")
    assert read_image(tmp_path / "out.png").has_color()


@on_posix
@pytest.mark.parametrize("target", ["precious.png", "nowhere.png"])
def test_links_out_of_the_output_folder_are_not_followed(photo, model, refused, tmp_path, target):
    write_photos(tmp_path, photo, "x.png", "precious.png")
    before = (tmp_path / "precious.png").read_bytes()
    for name in ("x.png", "x-compare.jpg"):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / name).symlink_to(tmp_path / target)
    (line,) = refused(tmp_path / "x.png", "-o", tmp_path / "out", "--compare")
    assert "x.png exists" in line
    colorize(model, tmp_path / "x.png", "-o", tmp_path / "out", "--compare", "--overwrite")
    assert (tmp_path / "precious.png").read_bytes() == before and not (tmp_path / "nowhere.png").exists()
    assert not any(file.is_symlink() for file in (tmp_path / "out").iterdir())
    assert colored_like(tmp_path / "out" / "x.png", tmp_path / "x.png")


# Sheets


def is_sheet(file: Path) -> bool:
    """Whether a file is a side-by-side sheet of a photo of 64×96 pixels."""
    return read_image(file).pixels.shape[0] == SHEET_TITLE + 64 + SHEET_GAP


def test_a_sheet_is_never_named_like_a_photo_that_is_read_or_written(photo, model, tmp_path):
    write_photos(
        tmp_path / "in", photo, "x.png", "x-compare.jpg", "X.tif", "y.png", "y.png-compare.jpg", "Y-COMPARE.JPG"
    )
    before = contents(tmp_path / "in")
    colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--compare")
    for name in before:
        assert colored_like(tmp_path / "out" / name, tmp_path / "in" / name)
    sheets = contents(tmp_path / "out").keys() - before.keys()
    assert sheets == {
        *("x.png-compare.jpg", "X.tif-compare.jpg", "x-compare-compare.jpg"),
        *("y.png-compare-2.jpg", "y.png-compare-compare.jpg", "Y-COMPARE-compare.jpg"),
    }
    assert all(is_sheet(tmp_path / "out" / name) for name in sheets)
    assert contents(tmp_path / "in") == before


def test_a_sheet_does_not_replace_a_photo_of_another_folder(photo, model, tmp_path):
    write_photos(tmp_path / "a", photo, "x-compare.jpg")
    write_photos(tmp_path / "b", photo, "x.png")
    before = contents(tmp_path / "a")
    assert main(["colorize", *[str(tmp_path / name) for name in "ab"], "-o", str(tmp_path / "a"), "--model", model,
                 "--compare", "--overwrite"]) == 1  # fmt: skip
    after = contents(tmp_path / "a")
    assert before.items() <= after.items() and after.keys() - before.keys() == {"x.png", "x.png-compare.jpg"}
    write_photos(tmp_path, photo, "out-compare.jpg")
    colorize(model, tmp_path / "out-compare.jpg", "-o", tmp_path / "out.png", "--compare")
    assert contents(tmp_path).keys() == {"out-compare.jpg", "out.png", "out.png-compare.jpg"}


def test_photos_that_differ_in_their_ending_each_have_a_sheet(photo, model, tmp_path):
    write_photos(tmp_path / "in", photo, "a.jpg", "a.png", "b.png")
    for options in ((), ("--skip-existing",)):
        colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--compare", *options)
        names = {"a.jpg", "a.png", "b.png", "a.jpg-compare.jpg", "a.png-compare.jpg", "b-compare.jpg"}
        assert contents(tmp_path / "out").keys() == names


@pytest.mark.parametrize("height, width", [(30000, 3), (3, 30000), (2000, 1)])
def test_a_sheet_of_a_very_narrow_photo_is_small_and_shows_something(model, tmp_path, height, width):
    ramp = np.linspace(60, 200, height * width).astype(np.uint8).reshape(height, width)
    Image.fromarray(ramp).save(tmp_path / "in.png")
    colorize(model, tmp_path / "in.png", "-o", tmp_path / "out.png", "--compare")
    assert read_image(tmp_path / "out.png").pixels.shape == (height, width, 3)
    sheet = read_image(tmp_path / "out-compare.jpg").pixels
    assert max(sheet.shape) <= 2 * SHEET_PANEL + 3 * SHEET_GAP + SHEET_TITLE
    below_titles = sheet[SHEET_TITLE:].max(axis=-1)
    assert (below_titles < 220).mean() > 0.005, "the photo is wide enough to be seen"


def test_a_sheet_of_a_large_photo_takes_little_memory():
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), np.uint8)
    image = ImageFile(pixels, None, Metadata())
    gray, plane = image.gray(), 4 * 3000 * 4000  # bytes of one channel in float32
    tracemalloc.start()
    sheet = Sheet(gray, image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * plane
    del sheet


# Folders


@on_posix
def test_what_is_no_photo_in_a_folder_is_passed_over_and_a_link_to_nothing_named(photo, refused, tmp_path):
    folder = tmp_path / "in"
    write_photos(folder, photo, "a.jpg", ".hidden.jpg", "z.png")
    (folder / "._a.jpg").write_bytes(b"\0\5\x16\7" + bytes(60))
    (folder / "Thumbs.db").write_bytes(b"no photo")
    write_photos(folder / "album.jpg", photo, "inside.jpg")
    (folder / "up.jpg").symlink_to(folder)
    (folder / "good.png").symlink_to(folder / "a.jpg")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    gone, loop = refused(folder, "-o", tmp_path / "out")
    assert f"{folder / 'gone.jpg'} is a link to nowhere.jpg, which does not exist" in gone
    assert f"{folder / 'loop.jpg'} can't be read (Too many levels of symbolic links)" in loop
    assert contents(tmp_path / "out").keys() == {"a.jpg", "z.png", "good.png"}
    gone, loop = refused(folder / "*", "-o", tmp_path / "of pattern")
    assert contents(tmp_path / "of pattern").keys() == {"a.jpg", "z.png", "good.png"}


def test_a_folder_named_like_a_photo_is_read_as_a_folder(photo, model, tmp_path):
    write_photos(tmp_path / "album.jpg", photo, "inside.jpg")
    colorize(model, tmp_path / "album.jpg", "-o", tmp_path / "out")
    assert contents(tmp_path / "out").keys() == {"inside.jpg"}
    (tmp_path / "out.jpg").mkdir()
    colorize(model, tmp_path / "album.jpg", "-o", tmp_path / "out.jpg")
    assert contents(tmp_path / "out.jpg").keys() == {"inside.jpg"}


def test_hidden_photos_are_colored_where_they_are_asked_for(photo, model, refused, tmp_path, monkeypatch):
    write_photos(tmp_path / ".in", photo, ".a.jpg", "b.jpg", "._b.jpg")
    monkeypatch.chdir(tmp_path)
    assert "**/*.jpg holds no photos" in refused("**/*.jpg", "-o", "out")[0]
    for number, (pattern, found) in enumerate(
        [(".in", {"b.jpg"}), (".in/*.jpg", {"b.jpg"}), (".in/.*.jpg", {".a.jpg"}), (".in/.a.jpg", {".a.jpg"})]
    ):
        colorize(model, pattern, "-o", f"out{number}")
        assert contents(tmp_path / f"out{number}").keys() == found


@on_posix
def test_links_that_lead_round_in_circles_end(photo, model, tmp_path):
    """With two links back, a search that follows them goes through 2^40 folders."""
    write_photos(tmp_path / "in" / "deep", photo, "a.jpg")
    for name in ("one", "two"):
        (tmp_path / "in" / "deep" / name).symlink_to(tmp_path / "in")
    called = command("colorize", "in/**/*.jpg", "-o", "out", "--model", model)
    done = subprocess.run(called, cwd=tmp_path, env=environment(ROOT), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "1 colorized, in out\n")


def unprivileged() -> None:
    """Take from a process that is about to start what lets root read and write everything."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def run_unprivileged(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    called = command(*arguments)
    return subprocess.run(
        called, cwd=folder, env=environment(ROOT), capture_output=True, text=True, timeout=120, preexec_fn=unprivileged
    )


@on_linux
def test_what_may_not_be_read_is_one_line_each_and_not_called_damaged(photo, model, tmp_path):
    write_photos(tmp_path / "in", photo, "a.jpg", "secret.jpg", "z.jpg")
    write_photos(tmp_path / "closed", photo, "b.jpg")
    write_photos(tmp_path / "listed", photo, "c.jpg")
    for name, mode in (("in/secret.jpg", 0), ("closed", 0), ("listed", 0o444)):
        (tmp_path / name).chmod(mode)
    inputs = ["closed", "in", "listed", "closed/b.jpg"]
    done = run_unprivileged(tmp_path, "colorize", *inputs, "-o", "out", "--model", model)
    for name in ("closed", "listed"):
        (tmp_path / name).chmod(0o755)
    assert done.returncode == 1 and done.stdout == "2 colorized, 0 skipped, 4 failed, in out\n"
    assert done.stderr.splitlines() == [
        "error: closed can't be opened (Permission denied): check its permissions",
        "error: listed/c.jpg can't be read (Permission denied): check its name and permissions",
        "error: closed/b.jpg can't be read (Permission denied): check its name and permissions",
        "error: in/secret.jpg can't be read (Permission denied): check its permissions and the disk",
    ]
    assert contents(tmp_path / "out").keys() == {"a.jpg", "z.jpg"}
    done = run_unprivileged(tmp_path, "score", "in", "in")
    assert done.returncode == 1 and "secret.jpg can't be read (Permission denied)" in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:3]] == ["a.jpg", "z.jpg"]


# Names


@on_posix
@pytest.mark.parametrize("stem", ["n" * 242, "n" * 251, "é" * 125, "ß" * 123])
def test_names_as_long_as_file_systems_allow(photo, model, tmp_path, stem):
    name = f"{stem}.png"
    write_photos(tmp_path, photo, "x.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "x.png").rename(tmp_path / "in" / name)
    assert 246 <= len(os.fsencode(name)) <= 255
    for options in ((), ("--overwrite",), ("--skip-existing",)):
        colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--compare", *options)
        (sheet,) = contents(tmp_path / "out").keys() - {name}
        assert colored_like(tmp_path / "out" / name, tmp_path / "in" / name)
        assert sheet.endswith("-compare.jpg") and stem.startswith(sheet.removesuffix("-compare.jpg"))


@on_posix
def test_long_names_without_ending_and_alike_but_for_their_end(photo, model, tmp_path):
    names = ["n" * 255, "m" * 250 + ".png", "m" * 249 + "2.png"]
    (tmp_path / "in").mkdir()
    for name in names:
        write_photos(tmp_path, photo, "x.png")
        (tmp_path / "x.png").rename(tmp_path / "in" / name)
    colorize(model, *(tmp_path / "in" / name for name in names), "-o", tmp_path / "out", "--compare")
    made = contents(tmp_path / "out").keys()
    assert len(made) == 6 and {"n" * 251 + ".png", *names[1:]} < made
    assert all(len(os.fsencode(name)) <= 255 for name in made)


@on_linux
def test_names_that_are_no_text(photo, model, tmp_path):
    names = [b"caf\xe9.jpg", b"two\nlines.jpg", b"\x1b[31mred.jpg", b"  spaced  .jpg"]
    (tmp_path / "in").mkdir()
    for name in names:
        write_photos(tmp_path, photo, "x.jpg")
        os.rename(tmp_path / "x.jpg", os.fsencode(tmp_path / "in") + b"/" + name)
    (tmp_path / "in" / os.fsdecode(b"bad\xff.jpg")).touch()
    called = [*command("colorize", "in", "-o"), b"out\xe9", *("--model", model, "--log", "log.txt", "--compare")]
    for options, counts in (
        ([], b"4 colorized, 0 skipped, 1 failed"),
        (["--skip-existing"], b"0 colorized, 4 skipped, 1 failed"),
    ):
        done = subprocess.run(
            [*called, *options], cwd=tmp_path, env=environment(ROOT), capture_output=True, timeout=120
        )
        assert done.returncode == 1 and done.stdout == counts + rb", in out\udce9" + b"\n"
        assert done.stderr.splitlines() == [rb"error: in/bad\udcff.jpg is empty (0 bytes): copy or download it again"]
        made = os.listdir(os.fsencode(tmp_path) + b"/out\xe9")
        assert {name for name in made if b"-compare" not in name} == set(names) and len(made) == 2 * len(names)
    log = (tmp_path / "log.txt").read_text("utf-8").splitlines()
    assert len(log) == 12 and sum(r"caf\udce9.jpg" in line for line in log) == 2


@on_posix
def test_long_names_of_files_that_png_stands_in_for(photo, model, tmp_path, capsys):
    names = ["n" * 251 + ".gif", "ü" * 125 + ".bmp", "m" * 247 + ".gif"]
    (tmp_path / "in").mkdir()
    for name in names:
        Image.fromarray(np.rint(photo * 255).astype(np.uint8)).save(tmp_path / "in" / name)
    for options in ((), ("--skip-existing",)):
        colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--compare", *options)
        made = contents(tmp_path / "out").keys()
        assert {"n" * 251 + ".png", "ü" * 125 + ".png", names[2] + ".png"} < made and len(made) == 6
    assert main(["score", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.count("…") == 3


def test_a_name_with_png_added_is_not_taken_from_a_photo_of_that_name(photo, model, tmp_path, capsys):
    """Neither in the output folder nor, if that is the photos' own, in place of the photo."""
    (tmp_path / "in").mkdir()
    Image.fromarray(np.rint(photo * 255).astype(np.uint8)).save(tmp_path / "in" / "a.gif")
    write_photos(tmp_path / "in", photo[::-1], "a.gif.png")
    before = contents(tmp_path / "in")
    arguments = ["colorize", str(tmp_path / "in"), "--model", model, "--overwrite", "-o"]
    assert main([*arguments, str(tmp_path / "out")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"a.gif would go to {tmp_path / 'out' / 'a.gif.png'}, like another photo" in line
    assert colored_like(tmp_path / "out" / "a.gif.png", tmp_path / "in" / "a.gif.png")
    assert main([*arguments, str(tmp_path / "in")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2 and contents(tmp_path / "in") == before


# Long calls


def test_skip_existing_makes_what_is_missing_and_nothing_else(photo, model, tmp_path, capsys):
    write_photos(tmp_path / "in", photo, "a.jpg", "b.png", "c.png", "d.tif")
    colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--compare")
    whole = contents(tmp_path / "out")
    (tmp_path / "out" / "b.png").unlink()
    (tmp_path / "out" / "c-compare.jpg").unlink()
    (tmp_path / "out" / "d.tif").write_bytes(b"")  # as a disk that was full leaves it
    kept = {name: (tmp_path / "out" / name).stat() for name in ("a.jpg", "b-compare.jpg", "c.png", "a-compare.jpg")}
    capsys.readouterr()
    colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--compare", "--skip-existing")
    assert capsys.readouterr().out == f"3 colorized, 1 skipped, 0 failed, in {tmp_path / 'out'}\n"
    assert contents(tmp_path / "out") == whole
    for name, before in kept.items():
        after = (tmp_path / "out" / name).stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    colorize("no model at all", tmp_path / "in", "-o", tmp_path / "out", "--compare", "--skip-existing")
    assert capsys.readouterr().out == f"0 colorized, 4 skipped, 0 failed, in {tmp_path / 'out'}\n"


def test_to_replace_and_to_keep_is_a_mistake_of_usage(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["colorize", "a.jpg", "-o", "out", "--overwrite", "--skip-existing"])
    assert exit.value.code == 2 and "not allowed with argument" in capsys.readouterr().err
    with pytest.raises(ValueError, match="choose --overwrite or --skip-existing"):
        colorize_files([], "out", overwrite=True, skip_existing=True)


def test_the_log_says_what_became_of_each_photo(photo, model, refused, tmp_path):
    write_photos(tmp_path / "in", photo, "a.jpg", "b.jpg")
    (tmp_path / "in" / "bad.jpg").write_bytes(b"no photo")
    (tmp_path / "log.txt").write_text("mine\n")  # is added to
    colorize(model, tmp_path / "in" / "a.jpg", "-o", tmp_path / "out")
    refused(
        tmp_path / "in", tmp_path / "empty*", "-o", tmp_path / "out", "--skip-existing", "--log", tmp_path / "log.txt"
    )
    first, *lines = (tmp_path / "log.txt").read_text().splitlines()
    assert first == "mine" and all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t", line) for line in lines)
    events = [line.split("\t")[1:] for line in lines]
    source, output = tmp_path / "in", tmp_path / "out"
    assert [event for event, _ in events] == ["failed", "skipped", "colorized", "failed", "end"]
    assert "holds no photos" in events[0][1] and "bad.jpg is not an image" in events[3][1]
    assert events[1][1] == f"{source / 'a.jpg'}: {output / 'a.jpg'} exists"
    assert events[2][1] == f"{source / 'b.jpg'} -> {output / 'b.jpg'}"
    assert events[4][1] == f"1 colorized, 1 skipped, 2 failed, in {output}"
    (line,) = refused(source, "-o", output, "--log", source)
    assert f"{source} can't be written (Is a directory): choose another file for the log" in line


def test_what_is_left_out_of_a_photo_is_said_and_logged_and_no_failure(photo, model, tmp_path, capsys):
    write_image(tmp_path / "in" / "a.png", photo)
    frames = [Image.new("L", (64, 48), level) for level in (90, 200)]
    frames[0].save(tmp_path / "in" / "b.gif", save_all=True, append_images=frames[1:])
    colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--log", tmp_path / "log.txt")
    said = f"{tmp_path / 'in' / 'b.gif'}: it is animated, and the frames after the first are left out"
    output = capsys.readouterr()
    assert output.err == f"note: {said}\n" and output.out == f"2 colorized, in {tmp_path / 'out'}\n"
    events = [line.split("\t")[1:] for line in (tmp_path / "log.txt").read_text().splitlines()]
    assert [event for event, _ in events] == ["colorized", "colorized", "note", "end"] and events[2][1] == said
    colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--skip-existing")
    assert capsys.readouterr().err == ""


@on_linux
def test_a_log_that_cannot_be_written_any_more_does_not_stop_the_photos(photo, model, tmp_path, capsys):
    write_photos(tmp_path / "in", photo, "a.jpg", "b.jpg")
    colorize(model, tmp_path / "in", "-o", tmp_path / "out", "--log", "/dev/full")
    said = capsys.readouterr()
    assert said.out.startswith("2 colorized")
    assert said.err == "error: /dev/full can't be written (No space left on device): the log ends here\n"


@on_posix
def test_a_terminal_shows_rate_and_time_left_and_the_counts_last(photo, model, tmp_path):
    write_photos(tmp_path / "in", photo, *(f"{number}.jpg" for number in range(40)))
    (tmp_path / "in" / "5.jpg").write_bytes(b"no photo")
    import pty  # which Windows lacks
    import termios

    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, 100))
    variables = {key: value for key, value in environment(ROOT).items() if key != "TQDM_DISABLE"}
    called = command("colorize", "in", "-o", "out", "--model", model)
    process = subprocess.Popen(called, cwd=tmp_path, env=variables, stdout=child, stderr=child)
    os.close(child)
    shown = b""
    try:
        while part := os.read(parent, 4096):
            shown += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(parent)
    assert process.wait(60) == 1
    bars = shown.decode().replace("\r\x1b[K", "\r").split("\r")
    assert any(re.search(r"\d+/40 \[\d\d:\d\d<\d\d:\d\d, +[\d.]+ photos/s\]", bar) for bar in bars)
    assert any(bar.startswith("error: in/5.jpg is not an image") for bar in bars)
    assert shown.decode().splitlines()[-1] == "39 colorized, 0 skipped, 1 failed, in out"


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    called = command("colorize", *arguments)
    return subprocess.Popen(
        called, cwd=folder, env=environment(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(process: subprocess.Popen, folder: Path, number: int) -> None:
    """Wait until there are so many files in a folder."""
    while process.poll() is None and not (folder.exists() and len(list(folder.iterdir())) >= number):
        time.sleep(0.002)


@on_posix
def test_ctrl_c_ends_with_the_counts_and_the_next_call_goes_on(photo, model, tmp_path):
    write_photos(tmp_path / "in", photo, *(f"{number:03}.png" for number in range(150)))
    colorize(model, tmp_path / "in", "-o", tmp_path / "undisturbed")
    process = start(tmp_path, "in", "-o", "out", "--model", model, "--log", "log.txt")
    wait_for(process, tmp_path / "out", 5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    made = contents(tmp_path / "out")
    assert process.returncode == 130 and err == "interrupted\n"
    counted = int(out.removesuffix(" colorized, in out\n"))
    assert len(made) - counted in (0, 1) and 3 < len(made) < 150  # one may just have been written
    assert not any(name.endswith(".part") for name in made)
    *_, stopped, end = (tmp_path / "log.txt").read_text().splitlines()
    assert stopped.endswith("\tstopped\tinterrupted") and end.endswith(f"\tend\t{out.strip()}")
    out, err = start(tmp_path, "in", "-o", "out", "--model", model, "--skip-existing").communicate(timeout=60)
    assert (out, err) == (f"{150 - len(made)} colorized, {len(made)} skipped, 0 failed, in out\n", "")
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")


@on_posix
@pytest.mark.long
def test_a_call_that_is_killed_at_any_moment_is_finished_by_the_next(photo, tmp_path):
    """With the network that ships, sheets and large files, so that writing takes its time."""
    for number in range(6):
        large = np.kron(np.roll(photo, 9 * number, axis=1), np.ones((8, 8, 1), np.float32))
        write_image(tmp_path / "in" / f"{number}.{('tif', 'png', 'jpg')[number % 3]}", large)
    arguments = ["in", "--compare", "--skip-existing", "-o"]
    start_time = time.monotonic()
    assert start(tmp_path, *arguments, "undisturbed").communicate(timeout=120)[1] == ""
    seconds, expected = time.monotonic() - start_time, contents(tmp_path / "undisturbed")
    assert len(expected) == 12
    moments, unfinished, rng = 20, 0, random.Random(0)
    for moment in range(moments):
        out = tmp_path / f"out{moment}"
        process = start(tmp_path, *arguments, out.name)
        wait_for(process, out, 1)  # what comes before are imports
        time.sleep(rng.uniform(0, seconds / 2))
        process.kill()
        process.communicate()
        made = contents(out)
        unfinished += made.keys() != expected.keys()
        assert all(content == expected[name] for name, content in made.items() if not name.endswith(".part"))
        assert start(tmp_path, *arguments, out.name).communicate(timeout=120)[1] == ""
        assert contents(out) == expected
    assert unfinished >= moments / 4, "most were killed too late to tell"


@on_posix
def test_what_a_killed_process_left_goes_and_what_others_write_stays(photo, model, tmp_path):
    write_photos(tmp_path, photo, "x.png")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "out").mkdir()
    mine = paths._part_of(tmp_path / "out" / "y.png").name
    leftovers = [mine.replace(str(os.getpid()), str(ended.pid)), paths._part_of(tmp_path / ("n" * 254)).name]
    leftovers[1] = leftovers[1].replace(str(os.getpid()), str(ended.pid))
    others = [mine.replace(str(os.getpid()), str(os.getppid())), "y.png.part", f"y.png.{ended.pid}.part"]
    others.append(re.sub("colorlib-[0-9a-f]{8}", "colorlib-00000000", leftovers[0]))  # of another machine
    for name in leftovers + others:
        (tmp_path / "out" / name).write_bytes(b"half")
    (tmp_path / "out" / "x.png").write_bytes(b"there")  # and nothing is to be done
    colorize(model, tmp_path / "x.png", "-o", tmp_path / "out", "--skip-existing")
    assert contents(tmp_path / "out").keys() == {"x.png", *others}


@on_posix
def test_a_link_in_place_of_the_unfinished_file_is_not_followed(tmp_path):
    (tmp_path / "precious").write_bytes(b"precious")
    paths._part_of(tmp_path / "out.png").symlink_to(tmp_path / "precious")
    paths.write_whole(tmp_path / "out.png", b"content")
    assert contents(tmp_path) == {"precious": b"precious", "out.png": b"content"}


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 150 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150k", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a disk can't be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@on_linux
def test_a_full_disk_ends_the_call_whole_and_the_next_one_goes_on(photo, model, refused, capsys, small_disk, tmp_path):
    large = np.random.default_rng(0).random((200, 200, 3), np.float32)  # 120 kB that can't be compressed
    write_photos(tmp_path / "in", large, "a.tif", "b.tif", "c.tif")
    colorize(model, tmp_path / "in", "-o", tmp_path / "undisturbed")
    capsys.readouterr()
    failed, stopped = refused(tmp_path / "in", "-o", small_disk / "out")
    assert "b.tif can't be written (No space left on device)" in failed
    assert stopped == "error: the disk is full: make room, then go on with --skip-existing"
    assert contents(small_disk / "out") == {"a.tif": (tmp_path / "undisturbed" / "a.tif").read_bytes()}
    (line,) = refused(tmp_path / "in" / "b.tif", "-o", small_disk / "out")
    assert "No space left" in line
    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    colorize(model, tmp_path / "in", "-o", small_disk / "out", "--skip-existing")
    assert contents(small_disk / "out") == contents(tmp_path / "undisturbed")


@on_linux
def test_a_photo_that_does_not_fit_leaves_nothing_half_written(photo, model, tmp_path):
    write_photos(tmp_path, photo, "in.png")

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))

    called = command("colorize", "in.png", "-o", "out.png", "--model", model)
    done = subprocess.run(
        called, cwd=tmp_path, env=environment(ROOT), capture_output=True, text=True, timeout=120, preexec_fn=limit
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: out.png can't be written (File too large): choose another place\n"
    assert contents(tmp_path).keys() == {"in.png"}


#: Colors the files of a folder and prints the most memory that the process had, in kB.
MEASURED = """
import resource, sys
from colorlib.cli import main
main(["colorize", *sys.argv[1:], "--overwrite"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def most_memory(folder: Path, *arguments: str) -> int:
    called = [sys.executable, "-c", MEASURED, *arguments]
    done = subprocess.run(called, cwd=folder, env=environment(ROOT), capture_output=True, text=True, timeout=300)
    assert "colorized" in done.stdout
    return int(done.stdout.split()[-1])


@on_linux
def test_memory_does_not_grow_with_the_photos_that_fail(photo, model, tmp_path):
    """An error that is kept, keeps the pixels of its photo."""
    large = np.kron(photo, np.ones((16, 16, 1), np.float32))
    for number in range(16):
        write_image(tmp_path / "in" / f"{number:02}.jpg", large)
        (tmp_path / "out" / f"{number:02}.jpg").mkdir(parents=True)  # which can't be replaced by a file
    one = most_memory(tmp_path, "in/00.jpg", "in/none.jpg", "-o", "out", "--model", model)
    assert most_memory(tmp_path, "in", "-o", "out", "--model", model) - one < 60_000  # one photo takes 19 MB in float32


@on_linux
def test_memory_does_not_grow_with_the_number_of_photos(model, tmp_path):
    Image.new("L", (24, 16), 90).save(tmp_path / "x.jpg")
    content = (tmp_path / "x.jpg").read_bytes()
    for folder, number in (("few", 20), ("many", 1500)):
        (tmp_path / folder).mkdir()
        for i in range(number):
            (tmp_path / folder / f"{i:04}.jpg").write_bytes(content)
    few, many = (most_memory(tmp_path, folder, "-o", "out", "--model", model) for folder in ("few", "many"))
    assert many - few < 5_000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no processes that have ended")
def test_what_a_process_left_that_ended_unnoticed_by_its_parent_is_removed(tmp_path):
    code = f"from colorlib import paths; paths._part_of(paths.Path({str(tmp_path / 'a')!r})).touch()"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment(ROOT))
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
    (left,) = tmp_path.iterdir()
    paths.discard_parts(tmp_path)
    assert not left.exists() and process.wait() == 0
