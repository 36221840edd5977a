"""What `SECURITY.md` promises beside what is tested elsewhere: models run no code, commands open no connection."""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from colorlib.images import write_image
from colorlib.models import load_model
from colorlib.models.cnn import CNN
from colorlib.photos import load_photos
from conftest import ROOT, environment


class Harm:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "done")


def replace_in(archive: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(archive) as file:
        contents = {entry: file.read(entry) for entry in file.namelist()}
    assert name in contents
    with zipfile.ZipFile(archive, "w") as file:
        for entry, old in contents.items():
            file.writestr(entry, content if entry == name else old)


def test_arrays_are_not_unpickled(model, tmp_path):
    path, proof = tmp_path / "model.npz", tmp_path / "proof"
    harm = np.array([Harm(proof)], object)
    pickle.loads(pickle.dumps(harm))
    assert proof.exists()
    proof.unlink()
    path.write_bytes(Path(model).read_bytes())
    with zipfile.ZipFile(path) as file:
        name = next(entry for entry in file.namelist() if entry.endswith(".npy"))
    content = io.BytesIO()
    np.save(content, harm, allow_pickle=True)
    replace_in(path, name, content.getvalue())
    with pytest.raises(ValueError, match="model.npz is damaged .*allow_pickle=False"):
        load_model(path)
    assert not proof.exists()


def test_of_a_keras_file_only_the_weights_are_read(tmp_path):
    """Its configuration may name functions, which Keras would run: here one that it can't even read."""
    trained = CNN(filters=4, iterations=1).fit(load_photos("bundled", 64, "train"), progress=False)
    trained.save(tmp_path / "model.keras")
    harmful = {
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAA=="}}},
    }
    replace_in(tmp_path / "model.keras", "config.json", json.dumps(harmful).encode())
    gray = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    np.testing.assert_allclose(load_model(tmp_path / "model.keras").colorize(gray), trained.colorize(gray), atol=1e-3)


#: The command line, which then names what was done with sockets.
NAMES_SOCKETS = """
import sys
events = []
sys.addaudithook(lambda event, arguments: events.append(event) if event.startswith("socket.") else None)
from colorlib.cli import main
assert main(sys.argv[1:]) == 0
print("sockets:", *events)
"""


@pytest.mark.parametrize("arguments", [["colorize", "in.png", "-o", "out.png"], ["score", "in.png", "in.png"]])
def test_coloring_and_scoring_open_no_connection(photo, tmp_path, arguments):
    write_image(tmp_path / "in.png", photo)
    called = [sys.executable, "-c", NAMES_SOCKETS, *arguments]
    done = subprocess.run(called, cwd=tmp_path, env=environment(ROOT), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.splitlines()[-1] == "sockets:"
