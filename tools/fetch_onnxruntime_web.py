"""Fetches ONNX Runtime for browsers anew from npm into report/colorize/vendor/, for the page "Color your photo".

Needs npm and a network:

    python tools/fetch_onnxruntime_web.py            # the version that is there, verified by its hash
    python tools/fetch_onnxruntime_web.py 1.31.0     # another version; commit what it changes

LICENSE and ThirdPartyNotices.txt.gz are not in the npm package. They come from ONNX Runtime's repository and stay.
"""

import argparse
import base64
import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "onnxruntime-web"
FOLDER = Path(__file__).resolve().parent.parent / "report" / "colorize" / "vendor" / PACKAGE
ABOUT = FOLDER / "version.json"
#: The smallest build: WebAssembly for the CPU, without WebGL and WebGPU. The .wasm is stored gzipped.
FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def main() -> None:
    recorded = json.loads(ABOUT.read_text("utf-8")) if ABOUT.is_file() else {}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", nargs="?", default=recorded.get("version"), help="by default the one that is there")
    version = parser.parse_args().version
    if version is None:
        parser.error(f"{ABOUT.name} is missing: name a version")
    with tempfile.TemporaryDirectory() as folder:
        archive, integrity = download(version, Path(folder))
        if version == recorded.get("version") and integrity != recorded["integrity"]:
            sys.exit(
                f"error: {PACKAGE} {version} has the hash {integrity}, not {recorded['integrity']} as {ABOUT.name} says"
            )
        files = extract(archive)
    for name, content in files.items():
        if name.endswith(".wasm"):  # without a time in it, so that the same content gives the same file
            (FOLDER / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        else:
            (FOLDER / name).write_bytes(content)
    about = {
        "package": PACKAGE,
        "version": version,
        "license": "MIT",
        "integrity": integrity,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    ABOUT.write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    print(f"{PACKAGE} {version} is in {FOLDER}")


def download(version: str, folder: Path) -> tuple[Path, str]:
    """Download the package; return the archive, and its hash as npm writes it."""
    command = ["npm", "pack", f"{PACKAGE}@{version}", "--json", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("error: npm is not installed: it comes with Node.js")
    if done.returncode:
        sys.exit(f"error: npm can't fetch {PACKAGE} {version}:\n{done.stderr.strip()}")
    (archive,) = folder.glob("*.tgz")
    return archive, "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()


def extract(archive: Path) -> dict[str, bytes]:
    """Read the files that the page needs from the package."""
    with tarfile.open(archive) as package:
        return {name: package.extractfile(f"package/dist/{name}").read() for name in FILES}


if __name__ == "__main__":
    main()
