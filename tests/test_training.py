"""Training that survives: the same result after kills and interrupts as without them."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from colorlib.training import iteration_rng, shuffled_batch, spaced_iterations, train


class RandomWalk:
    """The smallest learner that uses random numbers: a vector that drifts, and remembers how fast."""

    def __init__(self, stop_at: int = 10**9):
        self.finished, self.stop_at = False, stop_at
        self.position, self.speed = np.zeros(5), np.zeros(5)

    def step(self, iteration):
        self.speed = 0.9 * self.speed + iteration_rng(3, iteration).standard_normal(5)
        self.position = self.position + self.speed
        self.finished = iteration >= self.stop_at
        return float(np.abs(self.position).sum())

    def get_state(self):
        return {"position": self.position, "speed": self.speed}

    def set_state(self, state):
        self.position, self.speed = state["position"], state["speed"]


class InterruptedWalk(RandomWalk):
    """A walk during whose given iteration somebody presses Ctrl-C."""

    def __init__(self, at: int):
        super().__init__()
        self.at = at

    def step(self, iteration):
        if iteration == self.at:
            signal.raise_signal(signal.SIGINT)
        return super().step(iteration)


def observe(iteration):
    return {"square": iteration**2}


def test_every_example_comes_once_before_any_comes_again():
    chosen = np.concatenate([shuffled_batch(7, 3, seed=1, iteration=i) for i in range(1, 8)])
    for epoch in chosen.reshape(3, 7):
        assert sorted(epoch) == list(range(7))
    assert not np.array_equal(chosen[:7], chosen[7:14])


def test_a_batch_may_be_larger_than_the_photos_are_many():
    assert sorted(shuffled_batch(3, 6, seed=0, iteration=5)) == [0, 0, 1, 1, 2, 2]


def test_spaced_iterations_start_at_one_and_end_at_the_last():
    assert spaced_iterations(2500, 8) == [1, 3, 9, 29, 87, 267, 818, 2500]


def test_observes_at_the_chosen_iterations_only():
    history = train(RandomWalk(), 20, observe, {1, 10, 99}, progress=False)
    assert {i: int(values["square"]) for i, values in history.observations.items()} == {1: 1, 10: 100}
    assert history.iterations == len(history.losses) == 20 and not history.interrupted


def test_a_learner_may_finish_early(tmp_path):
    history = train(RandomWalk(stop_at=6), 20, checkpoint=tmp_path / "walk.npz", progress=False)
    assert history.iterations == 6 and not history.interrupted
    assert not list(tmp_path.iterdir())


def squares(history):
    """What was observed, without the seconds that it took."""
    return {iteration: int(seen["square"]) for iteration, seen in history.observations.items()}


def test_interrupted_it_keeps_what_it_learned_and_goes_on_from_there(tmp_path):
    whole = RandomWalk()
    expected = train(whole, 50, observe, {10, 40}, progress=False)
    handler = signal.getsignal(signal.SIGINT)
    walk = InterruptedWalk(at=23)
    history = train(walk, 50, observe, {10, 40}, tmp_path / "walk.npz", progress=False)
    assert history.interrupted and history.iterations == 23 and signal.getsignal(signal.SIGINT) is handler
    resumed = RandomWalk()
    history = train(resumed, 50, observe, {10, 40}, tmp_path / "walk.npz", progress=False)
    np.testing.assert_array_equal(resumed.position, whole.position)
    assert history.losses == expected.losses and squares(history) == squares(expected) == {10: 100, 40: 1600}
    assert not list(tmp_path.iterdir())


def test_a_training_that_is_kept_is_there_at_once_when_it_is_asked_for_again(tmp_path):
    walk, again = RandomWalk(), InterruptedWalk(at=1)
    expected = train(walk, 50, observe, {10, 40}, tmp_path / "walk.npz", "seed 0", progress=False, keep=True)
    history = train(again, 50, observe, {10, 40}, tmp_path / "walk.npz", "seed 0", progress=False, keep=True)
    np.testing.assert_array_equal(again.position, walk.position)
    assert (history.losses, history.seconds) == (expected.losses, expected.seconds) and not history.interrupted
    assert squares(history) == {10: 100, 40: 1600}
    with pytest.warns(UserWarning, match="other settings"):
        history = train(again, 50, None, (), tmp_path / "walk.npz", "seed 1", progress=False, keep=True)
    assert history.interrupted and history.iterations == 1, "another training was taken for this one"


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda content: content[: len(content) // 2], "not a checkpoint"),
        (lambda content: b"", "not a checkpoint"),
        (lambda content: content, "other settings"),
    ],
)
def test_starts_anew_from_a_checkpoint_that_is_damaged_or_of_another_training(tmp_path, damage, message):
    path = tmp_path / "walk.npz"
    train(InterruptedWalk(at=5), 50, checkpoint=path, identity="seed 0", progress=False)
    path.write_bytes(damage(path.read_bytes()))
    whole, anew = RandomWalk(), RandomWalk()
    train(whole, 10, progress=False)
    with pytest.warns(UserWarning, match=message):
        train(anew, 10, checkpoint=path, identity="seed 1", progress=False)
    np.testing.assert_array_equal(anew.position, whole.position)


KILLED = """
import sys, time, numpy as np
sys.path.insert(0, {tests!r})
from test_training import RandomWalk, observe
from colorlib.training import train
class SlowWalk(RandomWalk):
    def __init__(self):
        super().__init__()
        self.ballast = np.arange(300_000.0)  # so that writing the checkpoint takes a while, and kills hit it too
    def get_state(self):
        return super().get_state() | {{"ballast": self.ballast}}
    def set_state(self, state):
        super().set_state(state)
        np.testing.assert_array_equal(state["ballast"], self.ballast)
walk = SlowWalk()
history = train(walk, 3000, observe, {{7, 2500}}, sys.argv[1], "walk", progress=False, checkpoint_seconds=0.005)
np.savez(sys.argv[2], position=walk.position, losses=history.losses, observed=sorted(history.observations))
"""


@pytest.mark.slow
def test_killed_at_ten_random_moments_it_ends_where_an_uninterrupted_training_ends(tmp_path):
    checkpoint, result = tmp_path / "walk.npz", tmp_path / "result.npz"
    command = [sys.executable, "-c", KILLED.format(tests=os.path.dirname(__file__)), checkpoint, result]
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(80):
        process = subprocess.Popen(command)
        known = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == known):
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if process.returncode == 0:  # a busy machine may look too late: once more from the start
            result.unlink()
            kills = 0
        if kills == 10:
            break
    assert kills == 10, "the training ended before it was killed ten times: make it longer"
    assert subprocess.run(command).returncode == 0
    whole = RandomWalk()
    history = train(whole, 3000, observe, {7, 2500}, progress=False)
    with np.load(result) as file:
        np.testing.assert_array_equal(file["position"], whole.position)
        np.testing.assert_array_equal(file["losses"], history.losses)
        assert file["observed"].tolist() == [7, 2500]
    assert {path.name for path in tmp_path.iterdir()} == {"result.npz"}


def test_refuses_a_training_of_no_iterations():
    with pytest.raises(ValueError, match="iterations is 0"):
        train(RandomWalk(), 0)


def test_progress_is_silent_where_nobody_looks(capfd):
    train(RandomWalk(), 5)
    assert capfd.readouterr() == ("", "")


PROGRAM = """
import io, sys, types
from colorlib.training import progress_bar
{somebody}
with progress_bar({options}) as bar:
    for _ in range(3):
        bar.set_postfix(loss="0.5", refresh=False)
        bar.update()
if isinstance(sys.stderr, io.StringIO):
    sys.__stderr__.write(sys.stderr.getvalue())
"""
TERMINAL = "sys.stderr = type('Terminal', (io.StringIO,), {'isatty': lambda self: True})()"
NOTEBOOK = (
    "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=1, config={}))"
)


def progress(somebody: str, options: str, **variables: str) -> str:
    """What a program shows of three steps, to somebody who looks."""
    variables = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"} | variables
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(somebody=somebody, options=options)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_progress_tells_a_terminal_and_a_notebook_how_many_steps_are_done():
    assert re.search(r"5/7 .*photos.*loss=0\.5", progress(TERMINAL, "7, 2, 'photo'").split("\r")[-1])
    assert re.search(r"3/3 .*steps.*loss=0\.5", progress(NOTEBOOK, "3").split("\r")[-1])


def test_progress_is_silent_where_it_is_not_wanted():
    assert progress(TERMINAL, "3, enabled=False") == progress(NOTEBOOK, "3, enabled=False") == ""
    assert progress(NOTEBOOK, "3", TQDM_DISABLE="1") == ""


def test_who_starts_notebooks_is_not_in_one():
    assert progress("import ipykernel", "3") == ""
