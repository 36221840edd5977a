"""A training, finished or not, in one file that is complete at any moment."""

import io
import json
import warnings
import zipfile
from pathlib import Path

import numpy as np

from ..paths import write_whole
from ._history import History, Learner

__all__ = ["resume", "save"]


def save(path: Path, learner: Learner, history: History, identity: str) -> None:
    """Write the learner's state and the history so far into one file."""
    arrays = {f"state/{name}": value for name, value in learner.get_state().items()}
    for iteration, values in history.observations.items():
        arrays |= {f"observation/{iteration}/{name}": value for name, value in values.items()}
    about = json.dumps({"identity": identity, "seconds": history.seconds})
    content = io.BytesIO()
    np.savez(content, about=np.array(about), losses=np.array(history.losses), **arrays)  # type: ignore[arg-type]
    write_whole(path, content.getvalue())


def resume(path: Path, learner: Learner, identity: str) -> History | None:
    """Restore the learner from its checkpoint, and return the history up to there; None if there is no checkpoint."""
    for leftover in path.parent.glob(f"{path.name}.*.part"):  # of a writer that was killed
        leftover.unlink()
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        warnings.warn(f"{path} is not a checkpoint that can be read ({error}): training starts over", stacklevel=3)
        return None
    if about["identity"] != identity:
        warnings.warn(f"{path} belongs to a training with other settings or photos: training starts over", stacklevel=3)
        return None
    history = History(losses=arrays.pop("losses").tolist(), seconds=about["seconds"])
    state = {}
    for name, value in arrays.items():
        kind, _, rest = name.partition("/")
        if kind == "state":
            state[rest] = value
        else:
            iteration, _, label = rest.partition("/")
            history.observations.setdefault(int(iteration), {})[label] = value
    learner.set_state(state)
    return history
