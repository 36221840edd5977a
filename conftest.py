"""Settings of all tests: the smoke profile, on the bundled photos unless a test says otherwise."""

import os
from pathlib import Path

os.environ["COLORLIB_PROFILE"] = "smoke"
os.environ.pop("COLORLIB_PHOTOS", None)
if data_dir := os.environ.get("COLORLIB_DATA_DIR"):  # nbval runs a notebook in its own folder
    os.environ["COLORLIB_DATA_DIR"] = str(Path(data_dir).resolve())
