"""Photos: manifests, files of all kinds and in every bad state, splits, download, cache and fallback."""

import csv
import functools
import hashlib
import http.server
import io
import re
import shutil
import subprocess
import threading
import time
from collections import Counter

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from colorlib import paths
from colorlib.images import read_image, resize_image
from colorlib.photos import (
    COLLECTIONS,
    PhotoError,
    PhotosUnavailable,
    downloads,
    fetch_photos,
    list_photos,
    load_photos,
    missing_photos,
    small_copies,
    usable_collection,
)
from colorlib.photos.files import verify_photos

SIZES = {
    "unsplash36": (36, 10),
    "bsds500": (300, 200),
    "imagenet800": (700, 100),
    "everyday": (4956, 100),
    "bundled": (5, 2),
    "unlike": (0, 7),
}


def make_image(seed: int = 0, width: int = 40, height: int = 30) -> Image.Image:
    """A smooth color image, different for each seed."""
    corners = np.random.default_rng(seed).integers(0, 256, (2, 2, 3)).astype(np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.BILINEAR)


def image_bytes(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A machine without photos and without a way to their hosts: the manifests name a host that can't exist."""
    data = tmp_path / "data"
    data.mkdir()
    for manifest in paths.DATA.glob("*.csv"):
        text = manifest.read_text("utf-8").replace("raw.githubusercontent.com", "photos.invalid")
        (data / manifest.name).write_text(text, "utf-8")
    monkeypatch.delenv("COLORLIB_DATA_DIR", raising=False)
    for name, folder in (("DATA", data), ("RAW", data / "raw"), ("CACHE", data / "cache")):
        monkeypatch.setattr(paths, name, folder)
    return data


@pytest.fixture
def folder(tmp_path, fresh):
    """A folder of ten photos."""
    album = tmp_path / "album"
    album.mkdir()
    for i in range(10):
        make_image(i).save(album / f"photo{i}.jpg")
    return album


def write_manifest(data, files: dict[str, bytes], base_url: str, small: bytes | None = None) -> None:
    """Replace the manifest of unsplash36 by one of these files, the last one held out.

    With a small copy that would do instead of each, it is that of everyday.
    """
    with open(data / ("everyday.csv" if small else "photos.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["file", "split", "sha256", "bytes", "width", "height", "photographer", "source", "licence", "url"]
            + ["small_sha256"] * bool(small)
        )
        for name, content in files.items():
            split = "test" if name == list(files)[-1] else "train"
            writer.writerow(
                [
                    name,
                    split,
                    hashlib.sha256(content).hexdigest(),
                    len(content),
                    40,
                    30,
                    "A",
                    "B",
                    "CC0-1.0",
                    " ".join(f"{url}/{name}" for url in base_url.split()),
                ]
                + [hashlib.sha256(small or b"").hexdigest()] * bool(small)
            )


@pytest.fixture
def server(tmp_path):
    """A web server on this machine; give it files by writing into ``server.folder``."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    folder = tmp_path / "host"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        running.folder, running.url = folder, f"http://127.0.0.1:{running.server_port}"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


# The manifests


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_manifest_sizes(collection):
    counts = Counter(photo.split for photo in list_photos(collection))
    assert (counts["train"], counts["test"]) == SIZES[collection]
    assert [photo.split for photo in list_photos(collection, "test")] == ["test"] * SIZES[collection][1]


@pytest.mark.parametrize("collection", ["unsplash36", "bsds500", "imagenet800", "everyday"])
def test_manifest_rows_are_complete_and_pinned(collection):
    for photo in list_photos(collection):
        assert re.fullmatch(r"[0-9a-f]{64}", photo.sha256), photo.file
        assert re.match(r"https://[^/]+/[^/]+/[^/]+/[0-9a-f]{40}/", photo.url), f"{photo.url} is not pinned to a commit"
        assert photo.bytes > 0 and photo.width > 0 and photo.height > 0, photo.file


def test_no_photo_is_in_training_and_test():
    hashes = {
        split: Counter(
            photo.sha256
            for name in ("unsplash36", "bsds500", "imagenet800", "everyday")
            for photo in list_photos(name, split)
        )
        for split in ("train", "test")
    }
    assert not hashes["train"].keys() & hashes["test"].keys()
    assert max(hashes["train"].values()) == max(hashes["test"].values()) == 1
    for name in COLLECTIONS:
        names = [photo.name for photo in list_photos(name)]
        assert len(set(names)) == len(names), f"{name} has two photos of one name"


@pytest.mark.parametrize("collection", ["unsplash36", "everyday", "bundled", "unlike"])
def test_every_photo_has_a_license(collection):
    assert all(photo.licence for photo in list_photos(collection))


def test_unknown_collection_split_and_size():
    with pytest.raises(PhotoError, match="unknown collection 'unsplash': use one of unsplash36, .*folder:PATH"):
        list_photos("unsplash")
    with pytest.raises(PhotoError, match="unknown split 'validation': use 'train' or 'test'"):
        list_photos("bundled", "validation")
    with pytest.raises(PhotoError, match="size 2 is too small"):
        load_photos("bundled", 2)


# Loading


def test_bundled_photos_are_always_there(fresh):
    train, test = load_photos("bundled", 24, "train"), load_photos("bundled", 24, "test")
    assert train.shape == (5, 24, 24, 3) and test.shape == (2, 24, 24, 3)
    assert train.dtype == np.float32 and train.min() >= 0 and train.max() <= 1
    assert np.array_equal(load_photos("bundled", 24), np.concatenate([train, test]))
    assert missing_photos("bundled") == []


def test_loading_keeps_the_whole_photo(folder):
    left_red = np.zeros((30, 40, 3), np.uint8)
    left_red[:, :20, 0] = 255
    for number, path in enumerate(sorted(folder.iterdir())):
        left_red[29, 39, 2] = number  # so that they are not copies of one photo
        Image.fromarray(left_red).save(path.with_suffix(".png"))
        path.unlink()
    square = load_photos(f"folder:{folder}", 16)[0]
    assert square.shape == (16, 16, 3)
    assert np.allclose(square[:, :7, 0], 1, atol=0.05) and np.allclose(square[:, 9:, 0], 0, atol=0.05)


def test_cache_is_used_and_notices_new_content(folder):
    collection = f"folder:{folder}"
    first = load_photos(collection, 16)
    cached = sorted(paths.CACHE.rglob("*.npy"))
    assert len(cached) == 10
    np.save(cached[0], np.zeros((16, 16, 3), np.uint8))  # so that reading it can be told from decoding
    assert sum(not photo.any() for photo in load_photos(collection, 16)) == 1
    make_image(99).save(folder / "photo3.jpg")
    assert len(load_photos(collection, 16)) == 10
    assert len(list(paths.CACHE.rglob("*.npy"))) == 11
    assert load_photos(collection, 20).shape[1] == 20 and first.shape[1] == 16
    assert not list(paths.CACHE.rglob("*.part"))


def test_split_of_a_folder_survives_renaming(folder):
    def held_out():
        return {photo.sha256 for photo in list_photos(f"folder:{folder}", "test")}

    before = held_out()
    assert len(before) == 2
    for i, path in enumerate(sorted(folder.iterdir(), reverse=True)):
        path.rename(folder / f"renamed-{i:02}.JPG")
    assert held_out() == before


def test_folder_without_photos(tmp_path):
    with pytest.raises(PhotoError, match="no-such is not a folder"):
        list_photos(f"folder:{tmp_path / 'no-such'}")
    (tmp_path / "notes.txt").write_text("no photo")
    with pytest.raises(PhotoError, match=re.escape(f"{tmp_path} holds 0 photos")):
        list_photos(f"folder:{tmp_path}")
    make_image().save(tmp_path / "one.png")
    with pytest.raises(PhotoError, match="holds 1 photos.*at least 2"):
        list_photos(f"folder:{tmp_path}")


def test_copies_of_a_photo_are_never_in_both_splits(folder):
    for number in range(1, 9):  # of every photo but the first two, one to eight copies under other names
        for copy in range(number):
            shutil.copy(folder / f"photo{number + 1}.jpg", folder / f"{copy}-of-{number}.jpg")
    train, test = ({photo.sha256 for photo in list_photos(f"folder:{folder}", split)} for split in ("train", "test"))
    assert len(train) == 8 and len(test) == 2 and not train & test
    loaded = load_photos(f"folder:{folder}", 16)
    names = [photo.name for photo in list_photos(f"folder:{folder}")]
    assert np.array_equal(loaded[names.index("0-of-3")], loaded[names.index("photo4")])
    for path in folder.glob("photo*"):
        shutil.copy(folder / "0-of-1.jpg", path)
    for path in folder.glob("*-of-*"):
        path.unlink()
    with pytest.raises(PhotoError, match="holds 10 photos, copies of one,.*at least 2"):
        list_photos(f"folder:{folder}")


def test_what_is_no_photo_of_a_folder_is_passed_over(folder):
    (folder / "._photo1.jpg").write_bytes(b"\0\5\x16\7" + bytes(60))  # what another system leaves beside a photo
    (folder / "album.jpg").mkdir()
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    assert [photo.file for photo in list_photos(f"folder:{folder}")] == [f"photo{i}.jpg" for i in range(10)]


def test_a_folder_is_used_by_its_whole_path(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    whole = (f"folder:{folder.resolve()}", "")
    assert usable_collection("folder:album") == usable_collection("folder:./album/../album") == whole
    monkeypatch.setenv("HOME", str(folder.parent))
    assert usable_collection("folder:~/album") == whole


def small_png(seed: int, gray: bool) -> bytes:
    return image_bytes(make_image(seed).convert("L" if gray else "RGB").convert("RGB"), "PNG")


@pytest.mark.parametrize(
    "gray, complaint",
    [
        ({"train", "test"}, "all 8 photos of .*album to learn from are gray: give a folder of color photos"),
        ({"train"}, "all 8 photos of .*album to learn from are gray"),
        ({"test"}, "all 2 photos of .*album to test on are gray"),
        (set(), ""),
    ],
)
def test_a_folder_of_gray_photos_is_refused_at_the_start(tmp_path, gray, complaint):
    album = tmp_path / "album"
    album.mkdir()
    train = [small_png(seed, "train" in gray) for seed in range(8)]
    first = min(hashlib.sha256(content).hexdigest() for content in train)  # photos before it are held out
    test = (small_png(seed, "test" in gray) for seed in range(8, 10_000))
    test = [content for content, _ in zip((c for c in test if hashlib.sha256(c).hexdigest() < first), range(2))]
    for number, content in enumerate(train + test):
        (album / f"photo{number}.png").write_bytes(content)
    assert [photo.split for photo in list_photos(f"folder:{album}")] == ["train"] * 8 + ["test"] * 2
    if not complaint:
        assert usable_collection(f"folder:{album}") == (f"folder:{album}", "")
        return
    with pytest.raises(PhotoError, match=complaint):
        usable_collection(f"folder:{album}")


def test_damaged_photo_in_a_folder_is_named(folder):
    (folder / "photo5.jpg").write_bytes((folder / "photo5.jpg").read_bytes()[:300])
    with pytest.raises(PhotoError, match="photo5.jpg is damaged"):
        load_photos(f"folder:{folder}", 16)


# One file


def bad_file(tmp_path, content: bytes | None):
    path = tmp_path / "holiday.jpg"
    if content is not None:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content, complaint",
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"Dear diary, this is no photo. " * 20, "is not an image"),
        (image_bytes(make_image(1, 200, 200))[:800], "is damaged"),
        (image_bytes(make_image(1, 200, 200), "PNG")[:-300], "is damaged"),
    ],
)
def test_bad_files(tmp_path, content, complaint):
    path = bad_file(tmp_path, content)
    with pytest.raises(PhotoError, match=f"{re.escape(str(path))} {complaint}.*: .+"):
        read_image(path).rgb()


def test_too_large_photo(tmp_path):
    Image.new("1", (20000, 10001)).save(tmp_path / "large.png", compress_level=1)
    with pytest.raises(PhotoError, match="large.png (has 20000×10001 pixels|is too large).* smaller"):
        read_image(tmp_path / "large.png").rgb()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"])
def test_every_mode_gives_a_color_photo(tmp_path, mode):
    image = make_image().convert("I").convert("I;16") if mode == "I;16" else make_image().convert(mode)
    path = tmp_path / ("photo.tif" if mode == "CMYK" else "photo.png")
    image.save(path)
    photo = read_image(path).rgb()
    assert photo.shape == (30, 40, 3) and photo.dtype == np.float32 and photo.min() >= 0 and photo.max() <= 1


def test_exif_orientation(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = (255, 0, 0)
    pixels[:, 20:] = (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the file's left is the top
    for i in range(2):
        Image.fromarray(pixels).save(tmp_path / f"upright{i}.jpg", exif=exif, quality=95, comment=str(i))
    photo = read_image(tmp_path / "upright0.jpg").rgb()
    assert photo.shape == (40, 20, 3)
    assert photo[:15, :, 0].min() > 0.9 and photo[25:, :, 2].min() > 0.9
    square = load_photos(f"folder:{tmp_path}", 16)[0]
    assert square[:6, :, 0].min() > 0.9 and square[10:, :, 2].min() > 0.9


def test_sixteen_bit_gray(tmp_path, fresh):
    ramp = np.tile(np.linspace(0, 65535, 40).astype(np.uint16), (30, 1))
    for i in range(2):
        Image.fromarray(ramp + np.uint16(i) * (ramp < 9)).save(tmp_path / f"ramp{i}.png")
    assert np.abs(read_image(tmp_path / "ramp0.png").rgb()[..., 1] - ramp / 65535).max() < 1e-4
    square = load_photos(f"folder:{tmp_path}", 40)[0]
    assert np.abs(square[5, :, 0] - np.linspace(0, 1, 40)).max() < 0.01


def test_cmyk(tmp_path):
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    photo = read_image(tmp_path / "red.jpg").rgb()
    assert photo[..., 0].min() > 0.9 and photo[..., 1:].max() < 0.1


def test_loaded_photos_are_converted_to_srgb(tmp_path, fresh):
    """A wide-gamut file comes back as `read_image` reads it: its redder red is sRGB's."""
    wide = imagecodecs.cms_profile(
        "rgb",
        whitepoint=[0.3127, 0.3290, 1.0],
        gamma=563 / 256,
        primaries=[0.64, 0.33, 1, 0.21, 0.71, 1, 0.15, 0.06, 1],
    )
    for i in range(2):
        Image.new("RGB", (20 + i, 20), (150, 100, 100)).save(tmp_path / f"wide{i}.png", icc_profile=wide)
    square = load_photos(f"folder:{tmp_path}", 16)[0]
    assert (255 * square[8, 8]).tolist() == pytest.approx([167, 100, 100], abs=2)
    assert np.abs(square[8, 8] - read_image(tmp_path / "wide0.png").rgb()[8, 8]).max() < 1e-6


def test_resize_keeps_the_mean_and_the_range():
    photo = np.random.default_rng(0).random((40, 60, 3), dtype=np.float32)
    before = photo.copy()
    small = resize_image(photo, 10, 15)
    assert small.shape == (10, 15, 3) and small.min() >= 0 and small.max() <= 1
    assert np.allclose(small.mean((0, 1)), photo.mean((0, 1)), atol=0.01)
    assert resize_image(photo[..., 0], 10, 15).shape == (10, 15)
    assert np.array_equal(photo, before)


# Files that must be got


def test_missing_photos_fall_back_to_bundled_within_seconds(fresh):
    start = time.monotonic()
    collection, notice = usable_collection("unsplash36")
    assert time.monotonic() - start < 10
    assert collection == "bundled"
    assert notice.startswith("Built from 7 bundled photos, because 46 photos of unsplash36 are not on this machine")
    assert "photos.invalid can't be reached" in notice
    assert len(missing_photos("unsplash36")) == 46
    with pytest.raises(PhotosUnavailable):
        load_photos("bsds500", 16)
    assert usable_collection("bundled") == ("bundled", "")


def test_download_verifies_and_is_used_again(fresh, server):
    files = {f"{name}.jpg": image_bytes(make_image(i)) for i, name in enumerate("abc")}
    for name, content in files.items():
        (server.folder / name).write_bytes(content)
    write_manifest(fresh, files, server.url)
    assert load_photos("unsplash36", 16, "train").shape == (2, 16, 16, 3)
    found = fetch_photos("unsplash36")
    assert [path.read_bytes() for path in found.values()] == list(files.values())
    shutil.rmtree(server.folder)
    assert list(fetch_photos("unsplash36").values()) == list(found.values())


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_download_of_half_a_collection_is_refused(fresh, server, damage):
    files = {f"{name}.jpg": image_bytes(make_image(i)) for i, name in enumerate("abc")}
    for name, content in files.items():
        (server.folder / name).write_bytes(content)
    write_manifest(fresh, files, server.url)
    if damage == "changed":
        (server.folder / "b.jpg").write_bytes(image_bytes(make_image(9)))
    else:
        (server.folder / "b.jpg").unlink()
    with pytest.raises(PhotosUnavailable, match="the download of unsplash36 failed .*b.jpg"):
        load_photos("unsplash36", 16)
    assert not (paths.RAW / "photos" / "b.jpg").exists()
    assert usable_collection("unsplash36")[0] == "bundled"


class BadHost(http.server.BaseHTTPRequestHandler):
    """Answers in the way that the first part of the path says; the rest is a file of ``server.files``."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        way, _, name = self.path.strip("/").partition("/")
        content = self.server.files[name]
        self.server.asked.append(way)
        if way in ("404", "500"):
            return self.send_error(int(way))
        if way == "redirect":
            self.send_response(302)
            self.send_header("Location", f"{self.server.target}/{name}")
            return self.end_headers()
        if way == "page":
            content = b"<!doctype html><title>Please log in</title>"
        if way == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if way == "silent":
            self.server.closing.wait(30)
        elif way == "dies":
            self.wfile.write(content[: len(content) // 2])
        elif way == "slow":
            for i in range(len(content)):
                if self.server.closing.wait(0.05):
                    break
                self.wfile.write(content[i : i + 1])
        else:
            self.wfile.write(content)


@pytest.fixture
def bad_host(monkeypatch):
    """A photo host on this machine that fails in many ways; give it ``files``."""
    monkeypatch.setattr(downloads, "PATIENCE_SECONDS", 0.5)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BadHost) as running:
        running.url, running.asked, running.closing = f"http://127.0.0.1:{running.server_port}", [], threading.Event()
        running.files = {f"{name}.jpg": image_bytes(make_image(i)) for i, name in enumerate("abc")}
        running.handle_error = lambda *arguments: None  # a client that has gone
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.closing.set()
        running.shutdown()


WAYS = ["404", "500", "page", "wrong", "dies", "slow", "silent", "redirect"]  # the last to where nobody answers


@pytest.mark.fault
@pytest.mark.parametrize("way", WAYS)
def test_where_a_host_fails_the_next_address_is_asked(fresh, bad_host, way):
    bad_host.target = "http://127.0.0.1:1"
    write_manifest(fresh, bad_host.files, f"{bad_host.url}/{way} {bad_host.url}/good")
    start = time.monotonic()
    found = fetch_photos("unsplash36")
    assert time.monotonic() - start < 5
    assert {path.name: path.read_bytes() for path in found.values()} == bad_host.files
    assert way in bad_host.asked and bad_host.asked.count("good") == 3
    assert sorted(file.name for file in (paths.RAW / "photos").iterdir()) == sorted(bad_host.files)


@pytest.mark.fault
@pytest.mark.parametrize("way", WAYS)
def test_where_every_address_fails_the_bundled_photos_are_used(fresh, bad_host, way):
    bad_host.target = "http://127.0.0.1:1"
    write_manifest(fresh, bad_host.files, f"{bad_host.url}/{way} {bad_host.url}/404")
    start = time.monotonic()
    collection, notice = usable_collection("unsplash36")
    assert time.monotonic() - start < 5 and collection == "bundled"
    assert re.search(r"because the download of unsplash36 failed \([abc]\.jpg: 127.0.0.1.*; 127.0.0.1.*404", notice)
    assert not [file for file in paths.RAW.rglob("*") if file.is_file()]


def test_a_redirection_is_followed(fresh, bad_host):
    bad_host.target = f"{bad_host.url}/good"
    write_manifest(fresh, bad_host.files, f"{bad_host.url}/redirect")
    assert len(fetch_photos("unsplash36")) == 3 and {"redirect", "good"} <= set(bad_host.asked)


@pytest.mark.fault
def test_a_host_that_is_merely_slow_is_waited_for(fresh, bad_host, monkeypatch):
    monkeypatch.setattr(downloads, "SLOWEST", 5)
    bad_host.files = {name: content[:60] for name, content in bad_host.files.items()}  # some 3 seconds
    write_manifest(fresh, bad_host.files, f"{bad_host.url}/slow")
    assert [path.read_bytes() for path in fetch_photos("unsplash36").values()] == list(bad_host.files.values())


def test_files_are_looked_for_in_the_data_dir_first(fresh, tmp_path, monkeypatch):
    files = {f"{name}.jpg": image_bytes(make_image(i)) for i, name in enumerate("abc")}
    write_manifest(fresh, files, "https://photos.invalid")
    own = tmp_path / "own"
    for folder in (own / "photos", paths.RAW / "photos"):
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    monkeypatch.setenv("COLORLIB_DATA_DIR", str(own))
    assert {path.parent for path in fetch_photos("unsplash36").values()} == {own / "photos"}
    (own / "photos" / "a.jpg").unlink()
    assert fetch_photos("unsplash36")[list_photos("unsplash36")[0]].parent == paths.RAW / "photos"


def test_a_file_that_is_not_the_listed_one_is_named(fresh):
    files = {f"{name}.jpg": image_bytes(make_image(i)) for i, name in enumerate("abc")}
    write_manifest(fresh, files, "https://photos.invalid")
    folder = paths.RAW / "photos"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_bytes(files["a.jpg"])
    with pytest.raises(PhotoError, match="b.jpg is not the file that the manifest lists .* delete it"):
        load_photos("unsplash36", 16)


# Small copies


def test_of_everyday_photos_the_original_is_downloaded_and_verified_and_a_small_copy_kept(fresh, server):
    files = {f"train/{name}.webp": image_bytes(make_image(i, 900, 600)) for i, name in enumerate("abc")}
    for name, content in files.items():
        (server.folder / name).parent.mkdir(exist_ok=True)
        (server.folder / name).write_bytes(content)
    write_manifest(fresh, files, server.url, small=b"some copy")
    found = fetch_photos("everyday")
    folder = paths.RAW / "everyday"
    assert sorted(path.name for path in (folder / "train").iterdir()) == ["a.webp", "b.webp", "c.webp"]
    for photo, path in found.items():
        with Image.open(path) as copy, Image.open(io.BytesIO(files[photo.file])) as original:
            assert copy.format == "WEBP" and copy.size == (384, 256)
            difference = np.asarray(copy).astype(float) - np.asarray(original.resize(copy.size))
        assert np.abs(difference).mean() < 3
    shutil.rmtree(server.folder)
    assert load_photos("everyday", 16).shape == (3, 16, 16, 3)
    assert list(small_copies("everyday").values()) == list(found.values())
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    found[list_photos("everyday")[1]].write_bytes(files["train/a.webp"])
    with pytest.raises(PhotoError, match=r"b\.webp is not the file that the manifest lists"):
        small_copies("everyday")


def test_a_wrong_original_of_an_everyday_photo_is_refused(fresh, server):
    files = {f"{name}.webp": image_bytes(make_image(i)) for i, name in enumerate("abc")}
    for name in files:
        (server.folder / name).write_bytes(files["a.webp"])
    write_manifest(fresh, files, server.url, small=b"some copy")
    with pytest.raises(PhotosUnavailable, match="the download of everyday failed"):
        fetch_photos("everyday")
    assert not (paths.RAW / "everyday" / "b.webp").exists()


def test_either_the_original_or_the_small_copy_will_do(fresh):
    files = {f"{name}.webp": image_bytes(make_image(i)) for i, name in enumerate("ab")}
    small = image_bytes(make_image(7, 20, 15), "WEBP")
    write_manifest(fresh, files, "https://photos.invalid", small=small)
    folder = paths.RAW / "everyday"
    folder.mkdir(parents=True)
    (folder / "a.webp").write_bytes(files["a.webp"])
    (folder / "b.webp").write_bytes(small)
    assert load_photos("everyday", 16).shape == (2, 16, 16, 3)
    (folder / "b.webp").write_bytes(files["a.webp"])
    fetched = fetch_photos("everyday")
    with pytest.raises(PhotoError, match=r"b\.webp is not the file that the manifest lists"):
        verify_photos(fetched)


def test_small_copies_keep_proportions_and_small_files_are_used_as_they_are(folder):
    make_image(20, 1200, 300).save(folder / "wide.png")
    copies = {photo.name: path for photo, path in small_copies(f"folder:{folder}").items()}
    with Image.open(copies["wide"]) as copy:
        assert copy.size == (1024, 256) and copies["wide"].parent.is_relative_to(paths.CACHE)
    assert copies["photo3"] == folder / "photo3.jpg"
    made_at = copies["wide"].stat().st_mtime_ns
    assert small_copies(f"folder:{folder}") and copies["wide"].stat().st_mtime_ns == made_at
