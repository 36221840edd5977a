"""Folders of any number of photos: listed by name, read one at a time, shared among processes."""

import pickle

import numpy as np
import pytest

from colorlib.cli import main
from colorlib.images import PhotoError, write_image
from colorlib.training import BatchStream, PhotoList, Store, cosine_rate, cosine_schedule, find_photos, load_keras


@pytest.fixture
def album(photo, tmp_path):
    """A folder of photos with folders below it."""
    for name in ("b.png", "a.JPG", "below/z.png", "below/deeper/c.png"):
        write_image(tmp_path / "album" / name, photo)
    for name in (".hidden.png", ".hidden/d.png", "notes.txt"):
        file = tmp_path / "album" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("not listed")
    (tmp_path / "album" / "below" / "up").symlink_to(tmp_path / "album")
    return tmp_path / "album"


def names(photos: PhotoList) -> list[str]:
    return [photos.name(index) for index in range(len(photos))]


def test_photos_are_listed_in_one_order_with_those_below_and_without_hidden_ones(album):
    found = ["a.JPG", "b.png", "below/z.png", "below/deeper/c.png"]
    assert names(find_photos([str(album)])) == [str(album / name) for name in found]
    assert names(find_photos([str(album / "below")] * 2)) == 2 * [str(album / name) for name in found[2:]]


def test_a_folder_without_photos_and_one_that_is_not_there_are_errors(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ValueError, match=str(folder)):
            find_photos([str(folder)])
    with pytest.raises(ValueError, match="nothing://photos"):
        find_photos(["nothing://photos"])


def test_a_list_is_what_its_names_are_whatever_their_letters_and_however_many(tmp_path):
    many = [f"/photos/{n}/é\udcff{n:06}.jpg" for n in range(70_000)]
    photos = PhotoList.of(iter(many))
    assert names(photos) == many
    assert photos.identity() == PhotoList.of(many).identity() != PhotoList.of(many[::-1]).identity()
    store = Store(str(tmp_path / "run"))
    photos.save(store)
    assert names(pickle.loads(pickle.dumps(PhotoList.load(store)))) == many


def test_a_damaged_photo_is_replaced_by_the_next_and_known_and_a_hundred_of_them_end_it(album):
    (album / "b.png").write_bytes(b"damaged")
    photos = find_photos([str(album)])
    pixels, damaged = photos.read(1)
    assert damaged == 1 and np.array_equal(pixels, photos[2])
    stream = BatchStream(photos, lambda position, photo: (photo[:32, :32],), 4, seed=0)
    assert stream(1)[0].shape == (4, 32, 32, 3) and stream.damaged == {1}
    gone = PhotoList.of(f"{album}/none/{n}.png" for n in range(1000))
    with pytest.raises(PhotoError, match="100 photos in a row can't be read; the last: .*/none/109.png does not exist"):
        gone.read(10)


def test_photos_at_an_address_are_listed_read_and_kept_like_those_in_a_folder(album):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.put(str(album / "below" / "z.png"), "/bucket/album/z.png")
    memory.pipe("/bucket/album/more/damaged.png", b"damaged")
    photos = find_photos(["memory://bucket/album"])
    assert names(photos) == ["memory:///bucket/album/more/damaged.png", "memory:///bucket/album/z.png"]
    assert photos.read(0)[1] == 0 and np.array_equal(photos[0], find_photos([str(album / "below")])[0])
    store = Store("memory://bucket/runs/one")
    assert store.names() == []
    photos.save(store)
    assert names(PhotoList.load(store)) == names(photos)
    store.write("state", b"1")
    store.write("state", b"2")
    assert store.read("state") == b"2" and store.names() == ["photos.ends", "photos.names", "state"]
    store.remove("state")
    store.remove("state")
    assert store.names() == ["photos.ends", "photos.names"]


@pytest.mark.parametrize("world", [2, 4])
def test_the_parts_of_several_processes_are_together_the_batch_of_one(world):
    photos = np.arange(11, dtype=np.float32)[:, None, None, None]

    def example(position, photo):
        return photo, np.int64(position)

    whole = BatchStream(photos, example, 4, seed=3)
    parts = [BatchStream(photos, example, 4, seed=3, rank=rank, world=world) for rank in range(world)]
    for iteration in (1, 2, 7):
        for array, *shares in zip(whole(iteration), *(part(iteration) for part in parts)):
            np.testing.assert_array_equal(array, np.concatenate(shares))
    with pytest.raises(ValueError, match="a batch of 4 can't be shared by 3 processes"):
        BatchStream(photos, example, 4, seed=3, world=3)


@pytest.mark.parametrize("iterations, warm_up", [(5, 100), (300, 20)])
def test_the_schedule_is_the_rate_that_is_set_from_outside(iterations, warm_up):
    schedule = cosine_schedule(8e-4, iterations, warm_up)
    rates = [float(load_keras().ops.convert_to_numpy(schedule(step))) for step in range(iterations)]
    expected = [cosine_rate(8e-4, iterations, warm_up, step + 1) for step in range(iterations)]
    np.testing.assert_allclose(rates, expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["-o", "unet.h5"], "unet.h5 can't be the model: name it .onnx or .keras"),
        (["-o", "unet.onnx", "--iterations", "0"], "iterations is 0: give at least 1"),
        (["-o", "unet.onnx", "--batch", "0"], "batch is 0: give at least 1"),
        (["-o", "unet.onnx", "--workers", "0"], "workers is 0: give at least 1"),
        (["-o", "unet.onnx", "--workers", "3"], "a batch of 32 can't be shared by 3 workers: give a multiple of 3"),
    ],
)
def test_a_training_that_can_not_begin_says_why_in_one_line(album, arguments, complaint, capsys):
    assert main(["train", str(album), *arguments]) == 1
    assert capsys.readouterr().err == f"error: {complaint}\n"


def test_shrinking_into_the_folder_itself_and_to_no_size_is_refused(album, capsys):
    assert main(["shrink", str(album), "-o", str(album / "small")]) == 1
    assert main(["shrink", str(album), "-o", str(album.parent / "small"), "--side", "8"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "lies within" in lines[0] and "side 8 is out of range" in lines[1]
    assert not (album.parent / "small").exists() and not (album / "small").exists()
