"""More than one process: what several make is what one makes, and a photo or process that fails costs only itself."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from colorlib.cli import main
from colorlib.images import read_image, write_image
from colorlib.training.cluster import lost_peer, open_cluster
from conftest import ROOT, contents, environment, run_colorlib

ray = pytest.importorskip("ray", reason="Ray is not installed: it comes with the extra `cluster`")
#: Nothing is written to the home folder, no process is killed because others fill the machine, and compiling is quick.
QUIET = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_memory_monitor_refresh_ms": "0",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_PLATFORMS": "cpu",
    "KERAS_BACKEND": "jax",
}
TRAINING = Path(__file__).with_name("cluster_training.py")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two processors of a cluster, where a photo named ``killer.png`` kills, and ``once.png`` only at first."""
    note = tmp_path_factory.mktemp("kills") / "noted"
    kills = [["killer.png", None, None], ["once.png", None, str(note)]]
    variables = QUIET | {"PYTHONPATH": f"{ROOT / 'tests' / 'kills'}:{ROOT}", "COLORLIB_KILLS": json.dumps(kills)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with open_cluster(None, 2):
            yield note


@pytest.fixture(scope="module")
def address(cluster) -> str:
    """Where other processes find that cluster."""
    return ray.get_runtime_context().gcs_address


@pytest.fixture
def photos(photo, tmp_path) -> Path:
    """A folder of a dozen photos, one of which is empty and one not a photo."""
    folder = tmp_path / "photos"
    for number in range(10):
        write_image(folder / f"{number}.png", photo * (1 - number / 20))
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("no photo")
    return folder


def test_two_processes_color_what_one_colors_and_a_photo_that_kills_costs_only_itself(
    cluster, photo, photos, model, tmp_path, capsys
):
    for name in ("killer", "once"):
        write_image(photos / f"{name}.png", photo)
    arguments = ["colorize", str(photos), "--model", model, "-o"]
    assert main([*arguments, str(tmp_path / "one")]) == 1
    assert "12 colorized, 0 skipped, 2 failed" in capsys.readouterr().out
    assert main([*arguments, str(tmp_path / "two"), "--workers", "2"]) == 1
    said = capsys.readouterr()
    assert cluster.exists()
    assert said.out == f"11 colorized, 0 skipped, 3 failed, in {tmp_path / 'two'}\n"
    assert f"{photos / 'killer.png'} ended the process that colored it" in said.err
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one.pop("killer.png") and one == two

    (photos / "killer.png").unlink()
    assert main([*arguments, str(tmp_path / "two"), "--workers", "2", "--skip-existing"]) == 1
    assert "0 colorized, 11 skipped, 2 failed" in capsys.readouterr().out
    assert contents(tmp_path / "two") == two


def test_two_processes_write_the_table_of_scores_that_one_writes(cluster, photos, tmp_path, capsys):
    tables = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for table, more in zip(tables, ([], ["--workers", "2"])):
        assert main(["score", str(photos), str(photos), "--csv", str(table), *more]) == 1
    assert tables[0].read_bytes() == tables[1].read_bytes() and len(tables[0].read_text().splitlines()) == 21
    assert capsys.readouterr().err.count("empty.png is empty") == 2


def test_two_processes_shrink_what_one_shrinks_and_not_again(cluster, photo, photos, tmp_path, capsys):
    write_image(photos / "more" / "deep.png", photo)
    arguments = ["shrink", str(photos), "--side", "32", "-o"]
    for output, more in (("one", []), ("two", ["--workers", "2"])):
        assert main([*arguments, str(tmp_path / output), *more]) == 1
        assert "11 shrunk, 0 skipped, 2 failed" in capsys.readouterr().out
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert read_image(tmp_path / "two" / "more" / "deep.png.jpg").pixels.shape == (32, 48, 3)
    assert main([*arguments, str(tmp_path / "two"), "--workers", "2"]) == 1
    assert "0 shrunk, 11 skipped, 2 failed" in capsys.readouterr().out


def test_a_model_that_is_not_there_is_named_before_any_process_starts(photos, tmp_path, capsys):
    assert main(["colorize", str(photos), "-o", str(tmp_path / "o"), "--model", "none.onnx", "--workers", "2"]) == 1
    assert "none.onnx" in capsys.readouterr().err


def test_a_cluster_that_is_not_there_is_an_error_in_one_line(photos, model, tmp_path):
    command = ["colorize", str(photos), "-o", str(tmp_path / "out"), "--model", model, "--cluster", "127.0.0.1:9"]
    done = run_colorlib(*command, **QUIET)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and last.startswith("error: no Ray cluster answers at 127.0.0.1:9")


def test_without_ray_one_line_says_what_to_install(photos, model, tmp_path):
    program = "import sys; sys.modules['ray'] = None; from colorlib.cli import main; sys.exit(main(sys.argv[1:]))"
    command = ["colorize", str(photos), "-o", str(tmp_path / "out"), "--model", model, "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-c", program, *command], env=environment(ROOT), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert (
        done.stderr.splitlines()[-1] == "error: the package ray is missing: install colorlib with its extra `cluster`"
    )


# A cluster of three machines, all of which are this one


@pytest.fixture
def start_machines(monkeypatch):
    """Start machines of one processor; where a rule of `kills` asks for it, one fails, or only a process of it."""
    from ray.cluster_utils import Cluster

    started = []

    def start(kills: list, folder: Path, whole: bool = True) -> str:
        variables = {"PYTHONPATH": f"{ROOT / 'tests' / 'kills'}:{ROOT}", "COLORLIB_KILLS": json.dumps(kills)}
        variables |= {"COLORLIB_KILLS_IN": str(folder), "COLORLIB_KILLS_PARENT": "1" * whole}  # the machine's own
        for name, value in (QUIET | variables).items():
            monkeypatch.setenv(name, value)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        started.append(cluster)
        for _ in range(3):
            cluster.add_node(num_cpus=1)
        for name in variables:
            monkeypatch.delenv(name)
        return cluster.address

    yield start
    for cluster in started:
        cluster.shutdown()


def test_processes_that_never_begin_to_work_are_an_error(start_machines, photos, model, tmp_path):
    address = start_machines([[Path(model).name, None, None]], tmp_path, whole=False)
    command = ["colorize", str(photos), "-o", str(tmp_path / "out"), "--model", model]
    done = run_colorlib(*command, "--workers", "2", "--cluster", address, **QUIET)
    assert done.returncode == 1
    assert "error: a process of the cluster can't begin to work" in done.stderr.splitlines()[-1]


def test_a_machine_that_fails_costs_no_photo(start_machines, photo, model, tmp_path):
    for number in range(60):
        write_image(tmp_path / "photos" / f"{number:02}.png", photo * (1 - number / 120))
    note = tmp_path / "failed"
    address = start_machines([["20.png", None, str(note)]], tmp_path / "out")
    command = ["colorize", str(tmp_path / "photos"), "-o", str(tmp_path / "out"), "--model", model]
    done = run_colorlib(*command, "--workers", "3", "--cluster", address, **QUIET)
    assert done.returncode == 0 and "60 colorized" in done.stdout, done.stderr
    assert note.exists()


# Training


def test_where_keras_computes_with_jax_tensorflow_is_not_loaded():
    program = "import sys; from colorlib.training import set_seed; set_seed(0); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env=environment(ROOT) | QUIET).returncode == 0


def test_an_error_of_xla_is_known_whatever_its_type_and_what_it_led_to():
    reset = ValueError("UNKNOWN: Gloo AllGather failed: Read error [127.0.0.1]:58557: Connection reset by peer")
    assert lost_peer(reset)
    later = TypeError("no number")
    later.__context__ = reset
    assert lost_peer(later)
    assert not lost_peer(ValueError("a batch of 3 can't be shared by 2 devices: UNKNOWN: "))


def start_training(photos: Path, storage: Path, workers: int, failures: int = 3, cluster: str = "", **variables: str):
    """Train in a process of its own, with no Ray if there are no workers; return it, ended, and the weights' file."""
    out = storage.with_suffix(f".{workers}.npz")
    arguments = [str(photos), str(storage), str(out), str(workers), str(failures), cluster]
    path = f"{ROOT / 'tests' / 'kills'}:{ROOT}"
    done = subprocess.run(
        [sys.executable, str(TRAINING), *arguments],
        env=environment(ROOT) | QUIET | {"PYTHONPATH": path} | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done, out


def weights(file: Path) -> list[np.ndarray]:
    with np.load(file) as arrays:
        return [arrays[name] for name in arrays.files]


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> Path:
    """Photos of noise, one of them damaged."""
    folder, rng = tmp_path_factory.mktemp("album"), np.random.default_rng(0)
    for number in range(12):
        write_image(folder / f"{number}.png", rng.random((80, 96, 3), np.float32))
    (folder / "damaged.png").write_text("no photo")
    return folder


@pytest.fixture(scope="module")
def alone(album, tmp_path_factory) -> list[np.ndarray]:
    """Weights that one process learned, without Ray."""
    done, out = start_training(album, tmp_path_factory.mktemp("alone") / "runs", 0)
    assert done.returncode == 0, done.stderr
    assert f"note: 1 photo can't be read, and others stood in: {album / 'damaged.png'}" in done.stderr
    return weights(out)


def assert_close(some: list[np.ndarray], others: list[np.ndarray]) -> None:
    for one, other in zip(some, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def together(album, address, tmp_path_factory) -> list[np.ndarray]:
    """Weights that two processes of a running cluster learned."""
    done, out = start_training(album, tmp_path_factory.mktemp("together") / "runs", 2, cluster=address)
    assert done.returncode == 0, done.stderr
    return weights(out)


def test_two_processes_learn_what_one_learns(alone, together):
    assert_close(together, alone)
    assert not np.allclose(alone[0], 0)


def test_a_training_goes_on_when_a_process_is_killed_and_ends_as_if_it_had_not_been(album, together, tmp_path):
    runs, note = tmp_path / "runs", tmp_path / "killed"
    kills = json.dumps([[".png", "*/state-000000004.npz", str(note)]])
    done, out = start_training(album, runs, 2, COLORLIB_KILLS=kills, COLORLIB_KILLS_IN=str(runs))
    assert done.returncode == 0, done.stderr
    assert note.exists()
    for one, other in zip(weights(out), together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_goes_on_when_a_machine_fails_and_another_takes_its_place(album, together, start_machines, tmp_path):
    runs, note = tmp_path / "runs", tmp_path / "failed"
    address = start_machines([[".png", "*/state-000000004.npz", str(note)]], runs)
    done, out = start_training(album, runs, 2, cluster=address)
    assert done.returncode == 0, done.stderr
    assert note.exists()
    for one, other in zip(weights(out), together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.long
def test_a_training_that_failed_goes_on_with_another_number_of_processes(album, alone, tmp_path):
    runs, note = tmp_path / "runs", tmp_path / "killed"
    kills = json.dumps([[".png", "*/state-000000004.npz", str(note)]])
    done, _ = start_training(album, runs, 2, failures=0, COLORLIB_KILLS=kills, COLORLIB_KILLS_IN=str(runs))
    assert done.returncode and "RuntimeError: the training failed" in done.stderr and note.exists()
    left = [file.name for file in runs.glob("*/state-*")]
    assert left and left != ["state-000000015.npz"]
    done, out = start_training(album, runs, 0)
    assert done.returncode == 0, done.stderr
    assert_close(weights(out), alone)
