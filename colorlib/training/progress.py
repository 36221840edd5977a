"""How far a long job is and how long it will take, on a terminal or in a notebook."""

import sys
from typing import Any

__all__ = ["progress_bar"]


def progress_bar(total: int, done: int = 0, unit: str = "step", *, enabled: bool = True) -> Any:
    """Make a progress bar that is silent where nobody looks, as when the output goes to a file.

    Parameters
    ----------
    total, done : int
        Number of steps in all, and of those that are done already.
    unit : str
        Name of a step, in the singular.
    enabled : bool

    Returns
    -------
    tqdm.tqdm
        A context manager; call its ``update()`` after every step. In notebooks, ``TQDM_DISABLE=1`` silences it.
    """
    options = {"total": total, "initial": done, "unit": f" {unit}s", "dynamic_ncols": True}
    if enabled and _in_notebook():
        from tqdm.auto import tqdm

        return tqdm(**options)
    if enabled and sys.stderr is not None and sys.stderr.isatty():
        from tqdm import tqdm

        return tqdm(**options)
    return _Silence()


def _in_notebook() -> bool:
    """Tell whether this process is a notebook's kernel; one that only starts kernels imports the same packages."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class _Silence:
    """A progress bar that shows nothing, without the time that importing one takes."""

    def __enter__(self) -> "_Silence":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, steps: int = 1) -> None:
        """Do nothing."""

    def set_postfix(self, **_: object) -> None:
        """Do nothing."""
