"""Settings of all tests: the smoke profile, on the bundled photos unless a test says otherwise."""

import os
from pathlib import Path

import pytest

os.environ["COLORLIB_PROFILE"] = "smoke"
os.environ.pop("COLORLIB_PHOTOS", None)
if data_dir := os.environ.get("COLORLIB_DATA_DIR"):  # nbval runs a notebook in its own folder
    os.environ["COLORLIB_DATA_DIR"] = str(Path(data_dir).resolve())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Run each file's tests one after the other, and likewise all notebooks, which take models from each other."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "notebooks" if file.startswith("notebooks/") else file

    return ByFile(config, log)
