"""Saved models: what a file holds decides what is loaded, and a file that can't be is named in one clear error."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

import colorlib
from colorlib import paths
from colorlib.color import to_gray
from colorlib.models import Colorizer, load_model
from colorlib.models.baselines import Gray, MeanColor
from colorlib.models.cnn import CNN
from colorlib.models.linear import Linear
from colorlib.models.mlp import MLP
from colorlib.models.unet import UNet
from colorlib.photos import load_photos

DESCRIPTION = "colorlib.json"  # of an archive


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One model in each format, in files whose names say nothing of them."""
    folder = tmp_path_factory.mktemp("models")
    photos = load_photos("bundled", 64, "train")
    Linear(ridge=2.0).fit(photos).save(folder / "a.npz")
    network = CNN(filters=4, iterations=1).fit(photos, progress=False)
    network.save(folder / "b.onnx")
    network.save(folder / "c.keras")
    MLP(widths=(8,), rows=300, epochs=1).fit(photos).save(folder / "d.onnx")
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    """A function that copies one of the files under another name."""
    return lambda name, new: Path(shutil.copy(folder / name, tmp_path / new))


def describe(path: Path, change) -> None:
    """Change the description in a saved model."""
    if path.suffix == ".onnx":
        model = onnx.load(path)
        about = json.loads(model.metadata_props[0].value)
        change(about)
        onnx.helper.set_model_props(model, {"colorlib": json.dumps(about)})
        onnx.save(model, path)
        return
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(contents[DESCRIPTION])
    change(about)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (contents | {DESCRIPTION: json.dumps(about)}).items():
            archive.writestr(name, content)


def refusal(path: Path, load=load_model) -> str:
    """What is said of a file that can't be loaded: one line that names it and a remedy."""
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message and re.search(": .{10,}", message)
    return message.replace(str(path), path.name)


def test_what_a_file_holds_decides_what_is_loaded(copy):
    kinds = {"a.npz": Linear, "b.onnx": CNN, "c.keras": CNN, "d.onnx": MLP}
    for name, kind in kinds.items():
        for new in ("unet.onnx", "gray.npz", "mlp", "my photo.keras.bak"):
            assert type(load_model(copy(name, new))) is kind


def test_renamed_weights_color_the_same(tmp_path):
    shipped = paths.WEIGHTS / "unet.onnx"
    gray = to_gray(load_photos("bundled", 64, "test")[0])
    expected = load_model(shipped).colorize(gray)
    shutil.copy(shipped, tmp_path / "grandmother.weights")
    model = colorlib.load(tmp_path / "grandmother.weights")
    assert type(model) is UNet
    np.testing.assert_array_equal(model.colorize(gray), expected)


@pytest.mark.parametrize("name", ["a.npz", "b.onnx", "c.keras", "d.onnx"])
def test_the_settings_and_what_was_learned_survive(folder, tmp_path, name):
    model = load_model(folder / name)
    model.save(tmp_path / f"again{Path(name).suffix}")
    again = load_model(tmp_path / f"again{Path(name).suffix}")
    gray = to_gray(load_photos("bundled", 64, "test")[0])[:40, :50]
    assert again.settings == model.settings and again.parameters == model.parameters
    np.testing.assert_array_equal(again.predict_ab(gray), model.predict_ab(gray))


def test_a_model_without_settings_of_its_own_is_saved_too(tmp_path):
    Gray().fit(np.zeros((1, 8, 8, 3), np.float32)).save(tmp_path / "gray.npz")
    assert type(load_model(tmp_path / "gray.npz")) is Gray and Gray().settings == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", b"PK", b"PK\x03\x04 cut off", b"\x89PNG\r\n\x1a\n" + bytes(200), b'{"cells": []}', bytes(64)],
)
def test_a_file_that_is_no_model_is_named(tmp_path, capfd, content):
    path = tmp_path / "unet.onnx"
    path.write_bytes(content)
    assert refusal(path).startswith("unet.onnx is not a saved model (")
    assert capfd.readouterr() == ("", ""), "nothing but the error is said"


def test_archives_and_networks_of_others_are_named(tmp_path):
    np.savez(tmp_path / "table.npz", x=1)
    assert refusal(tmp_path / "table.npz").startswith("table.npz is not a saved model (")
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N"]) for name in ("input", "output")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["input"], ["output"])], "g", values[:1], values[1:])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "other.onnx",
    )
    assert refusal(tmp_path / "other.onnx").startswith("other.onnx is not a saved model (")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert refusal(tmp_path / "gone.onnx") == "gone.onnx does not exist: fit the model and save it there first"
    assert refusal(tmp_path).startswith(f"{tmp_path.name} is not a saved model (")


@pytest.mark.parametrize("name", ["a.npz", "b.onnx", "c.keras"])
def test_an_unknown_kind_is_named(copy, name):
    path = copy(name, "model.file" if name != "b.onnx" else "model.onnx")
    describe(path, lambda about: about.update(model="diffusion"))
    assert "holds a model of the unknown kind 'diffusion'" in refusal(path)


@pytest.mark.parametrize("name", ["a.npz", "b.onnx", "c.keras"])
def test_unknown_settings_are_named(copy, name):
    path = copy(name, f"later{Path(name).suffix}")
    describe(path, lambda about: about["settings"].update(attention=True, heads=8))
    assert "has unknown settings (attention, heads)" in refusal(path)


@pytest.mark.parametrize("name", ["a.npz", "b.onnx", "c.keras"])
@pytest.mark.parametrize("missing", ["model", "settings"])
def test_an_incomplete_description_is_named(copy, name, missing):
    path = copy(name, f"incomplete{Path(name).suffix}")
    describe(path, lambda about: about.pop(missing))
    assert f"incomplete{Path(name).suffix} is not a saved model (" in refusal(path)


def test_a_fitted_number_that_is_missing_is_named(copy):
    path = copy("b.onnx", "model.onnx")
    describe(path, lambda about: about.pop("gain"))
    assert refusal(path) == "model.onnx lacks 'gain': fit the model and save it again"


@pytest.mark.parametrize("name", ["a.npz", "b.onnx", "c.keras", "d.onnx"])
def test_half_a_file_is_named(folder, tmp_path, capfd, name):
    content = (folder / name).read_bytes()
    path = tmp_path / name
    for share in (0.01, 0.2, 0.5, 0.9, 0.999):
        path.write_bytes(content[: int(share * len(content))])
        assert f"{name} is not a saved model (" in refusal(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.npz", "c.keras"])
def test_a_damaged_archive_is_named_wherever_the_damage_is(folder, tmp_path, name):
    """Bits of the arrays or of the description turn over, as on a failing disk."""
    content, path = (folder / name).read_bytes(), tmp_path / name
    with zipfile.ZipFile(folder / name) as archive:
        largest = max(archive.infolist(), key=lambda info: info.compress_size)
        description = archive.getinfo(DESCRIPTION)
    for info in (largest, description):
        header = content[info.header_offset : info.header_offset + 30]
        start = info.header_offset + 30 + len(info.filename) + int.from_bytes(header[28:], "little")
        for place in np.random.default_rng(0).integers(0, info.compress_size, 12):
            damaged = bytearray(content)
            damaged[start + int(place)] ^= 0x55
            path.write_bytes(damaged)
            assert re.match(f"{name} is (damaged|not a saved model)", refusal(path))


def test_a_damaged_graph_is_named(folder, tmp_path, capfd):
    """Weights hold no checksum; what the graph consists of does not fit together any more when it is damaged."""
    path = tmp_path / "b.onnx"
    for damage in ("missing array", "unknown operation", "missing node"):
        model = onnx.load(folder / "b.onnx")
        if damage == "missing array":
            del model.graph.initializer[0]
        elif damage == "unknown operation":
            model.graph.node[4].op_type = "Convolve"
        else:
            del model.graph.node[3]
        onnx.save(model, path)
        assert refusal(path).startswith("b.onnx is not a saved model (")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("part", ["ir_version", "opset"])
def test_a_network_of_a_later_onnx_asks_for_a_newer_onnx_runtime(folder, tmp_path, part):
    model = onnx.load(folder / "b.onnx")
    if part == "opset":
        model.opset_import[0].version = 99
    else:
        model.ir_version = 99
    path = tmp_path / "later.onnx"
    path.write_bytes(model.SerializeToString())
    assert re.match("later.onnx needs a newer ONNX Runtime than [0-9.]+ .*pip install --upgrade", refusal(path))


def test_a_model_of_another_kind_is_not_taken_for_ones_own(folder):
    said = refusal(folder / "a.npz", CNN.load)
    assert said.startswith("a.npz holds a model of the kind 'linear', not 'cnn': use colorlib.load")
    assert "holds a model of the kind 'cnn', not 'mean_color'" in refusal(folder / "b.onnx", MeanColor.load)


@pytest.mark.parametrize("model", [CNN(), UNet(), MLP()])
def test_a_model_that_is_not_fitted_is_neither_saved_nor_used(model: Colorizer, tmp_path):
    with pytest.raises(ValueError, match="fit the model first"):
        model.save(tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="not fitted"):
        model.run(np.zeros((1, 9), np.float32))
    assert not list(tmp_path.iterdir())
