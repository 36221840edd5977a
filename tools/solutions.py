"""Executes the solutions of the exercises in their own files, in the smoke profile, on the bundled photos.

python tools/solutions.py [NAME …]
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ |= {"COLORLIB_PROFILE": "smoke", "COLORLIB_PHOTOS": "bundled", "TQDM_DISABLE": "1"}

import papermill

from colorlib import paths
from colorlib.pipeline.notebooks import read_notebook, with_outputs, write_notebook


def main(names: list[str]) -> None:
    """Execute the named solutions, or all of them."""
    os.environ["PYTHONPATH"] = str(paths.ROOT)
    for file in sorted((paths.NOTEBOOKS / "solutions").glob("*.ipynb")):
        if names and file.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            done = Path(folder) / file.name
            papermill.execute_notebook(file, done, cwd=file.parent, kernel_name="python3", progress_bar=False)
            write_notebook(file, with_outputs(read_notebook(file), read_notebook(done)))
        print(file.relative_to(paths.ROOT), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
