"""Notebooks read and written as plain JSON, since importing `nbformat` takes seconds."""

import json
from pathlib import Path

from .. import paths

__all__ = ["code_cells", "is_injected", "read_notebook", "read_notebooks", "with_outputs", "write_notebook"]


def read_notebooks() -> dict[str, dict]:
    """Read all notebooks of the report, by name, in the order in which they run."""
    return {file.stem: read_notebook(file) for file in sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}


def read_notebook(file: Path) -> dict:
    """Read one notebook, or raise a ValueError that names a file that is none."""
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not a notebook ({error}): restore it") from error


def write_notebook(file: Path, notebook: dict) -> None:
    """Write one notebook as Jupyter does, unless the file has that content already."""
    content = (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()
    if not file.is_file() or file.read_bytes() != content:
        paths.write_whole(file, content)


def code_cells(notebook: dict) -> list[str]:
    """Return the source of a notebook's code cells."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def with_outputs(notebook: dict, executed: dict) -> dict:
    """Return a notebook with the outputs of its executed copy, whose prose may be older.

    Nothing else is copied: neither the cell that papermill injects nor its timings. Cells are numbered as they would be
    without papermill.

    Raises
    ------
    ValueError
        If the code is not the same in both.
    """
    done = [cell for cell in executed["cells"] if cell["cell_type"] == "code" and not is_injected(cell)]
    if code_cells(notebook) != code_cells({"cells": done}):
        raise ValueError("a notebook's code changed while or since it was executed: run `make report` again")
    results = enumerate(done, start=1)
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count, result = next(results)
            outputs = [
                output | {"execution_count": count} if "execution_count" in output else output
                for output in result["outputs"]
            ]
            cell = cell | {"outputs": outputs, "execution_count": count}
        cells.append(cell)
    return notebook | {"cells": cells}


def is_injected(cell: dict) -> bool:
    """Tell whether papermill inserted a cell, right after that of the parameters."""
    return "injected-parameters" in cell["metadata"].get("tags", [])
