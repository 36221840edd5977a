"""The page "Color your photo": the shipped network in a reader's browser, in files that need no server.

A page that is opened from a file may load nothing but classic scripts. So whatever else it needs is written into such
scripts here: ONNX Runtime's WebAssembly, the network, the example photo.
"""

import base64
import gzip
import io
import json
import shutil
from pathlib import Path

from PIL import Image

from .. import paths
from ..photos import PhotoError, fetch_photos

__all__ = ["write_color_page"]

NAME = "color-your-photo"  # of the page, and of the folder beside it
EXAMPLE = "china"  # one of the bundled photos; the page says whose it is
EXAMPLE_SIDE = 512
_MODULES = (
    "color", "resample", "network", "bands", "hints", "likely", "hint-file", "picker", "markers", "runtime", "page"
)  # fmt: skip


def write_color_page(folder: Path) -> Path | None:
    """Write the page, and beside it the folder with its scripts.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path or None
        The page; None, and nothing is written, where there is no network to show.
    """
    network = paths.WEIGHTS / "unet.onnx"
    if not network.is_file():
        return None
    source, files = paths.REPORT / "colorize", folder / NAME
    vendor = source / "vendor" / "onnxruntime-web"
    files.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "page.css", files)
    for module in _MODULES:
        shutil.copy(source / "js" / f"{module}.js", files)
    shutil.copy(vendor / "LICENSE", files / "LICENSE.txt")
    (files / "ThirdPartyNotices.txt").write_bytes(gzip.decompress((vendor / "ThirdPartyNotices.txt.gz").read_bytes()))
    library = {
        "script": (vendor / "ort.wasm.min.js").read_text("utf-8") + (source / "js" / "worker.js").read_text("utf-8"),
        "glue": (vendor / "ort-wasm-simd-threaded.mjs").read_text("utf-8"),
        "wasm": _base64((vendor / "ort-wasm-simd-threaded.wasm.gz").read_bytes()),
    }
    _write_variable(files / "library.js", "LIBRARY", library)
    _write_variable(files / "model.js", "MODEL", _base64(network.read_bytes()))
    counts = json.loads((paths.WEIGHTS / "colors.json").read_text("utf-8"))["counts"]
    _write_variable(files / "colors.js", "COLOR_COUNTS", counts)
    page = (source / "page.html").read_text("utf-8")
    filled = {
        "FOLDER": NAME,
        "VERSION": json.loads((vendor / "version.json").read_text("utf-8"))["version"],
        "EXAMPLE": "" if _write_example(files / "example.js") else " hidden",
    }
    for name, text in filled.items():
        page = page.replace(f"__{name}__", text)
    target = folder / f"{NAME}.html"
    target.write_text(page, "utf-8")
    return target


def _write_example(path: Path) -> bool:
    """Write the example photo into a script; return whether there is such a photo."""
    try:
        file = next(file for photo, file in fetch_photos("bundled").items() if photo.name == EXAMPLE)
    except PhotoError:  # the package that it comes with is not installed
        return False
    with Image.open(file) as image:
        image.thumbnail((EXAMPLE_SIDE, EXAMPLE_SIDE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
    value = {"name": f"{EXAMPLE}.jpg", "type": "image/jpeg", "data": _base64(buffer.getvalue())}
    _write_variable(path, "EXAMPLE", value)
    return True


def _write_variable(path: Path, name: str, value: object) -> None:
    path.write_text(f'"use strict";\nlet {name} = {json.dumps(value, ensure_ascii=False)};\n', "utf-8")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
