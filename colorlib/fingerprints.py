"""What a notebook's results depend on, as hashes: they decide which notebooks the report has to run again.

Results depend on the notebook's code cells (not on its prose), on its section of ``notebooks/profiles.toml``, on the
modules of `colorlib` that it imports directly or through others (not on their comments and docstrings), on the photos,
on the versions of the packages and, where it reads them, on people's answers to the real-or-fake test and on the
shipped weights. They also depend on every earlier notebook, whose results it may load, unless its section of
``profiles.toml`` names those it loads from: ``needs = ["03_linear_regression"]``, or ``needs = []``.
"""

import ast
import hashlib
import importlib.metadata
import json
import platform
import re
import tomllib
from pathlib import Path

from . import paths
from .photos import COLLECTIONS, list_photos, missing_photos
from .results import read_settings

__all__ = ["code_cells", "fingerprint_notebooks", "missing_packages", "package_versions"]


def fingerprint_notebooks(notebooks: dict[str, dict], profile: str, collection: str) -> dict[str, str]:
    """Hash what each notebook's results depend on.

    Parameters
    ----------
    notebooks : dict of str to dict
        All notebooks of the report by name, in the order in which they run.
    profile, collection : str

    Returns
    -------
    dict of str to str
        Hexadecimal SHA-256, by name.
    """
    shared = [collection, profile, package_versions(), _manifest(collection)]
    fingerprints = {}
    for name, notebook in notebooks.items():
        code = code_cells(notebook)
        settings = vars(read_settings(name, profile))
        needs = settings.pop("needs", list(fingerprints))
        if unknown := set(needs) - set(fingerprints):
            raise ValueError(f"[{name}] in {paths.PROFILES.name} needs {', '.join(sorted(unknown))}, which is no "
                             f"notebook that runs before it: use some of {', '.join(fingerprints) or 'none'}")
        modules = {module: _code_of(file) for module, file in _imported_modules("\n".join(code)).items()}
        others = {other: [len(missing_photos(other)), _manifest(other)]
                  for other in COLLECTIONS if f'"{other}"' in "".join(code) + json.dumps(settings)}
        read = [hashlib.sha256(file.read_bytes()).hexdigest()
                for folder, files in (("ANSWERS", "*.csv"), ("WEIGHTS", "unet.*")) if f"paths.{folder}" in "".join(code)
                for file in sorted(getattr(paths, folder).glob(files))]
        fingerprints[name] = _hash([shared, code, settings, modules, others, read, [fingerprints[n] for n in needs]])
    return fingerprints


def code_cells(notebook: dict) -> list[str]:
    """Return the source of a notebook's code cells."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def package_versions() -> dict[str, str | None]:
    """Return the installed version of Python and of each package that ``pyproject.toml`` names; None where missing.

    TensorFlow counts under whichever of its names it is installed.
    """
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
    versions = {"python": platform.python_version()}
    for name in (re.match(r"[\w-]+", line)[0] for line in lines):
        aliases = ("tensorflow-cpu", "tensorflow") if name.startswith("tensorflow") else (name,)
        versions[aliases[-1]] = next(filter(None, map(_installed_version, aliases)), None)
    return versions


def missing_packages() -> list[str]:
    """Return the names of the packages that making and testing the report needs and this Python lacks."""
    return [name for name, version in package_versions().items() if version is None]


def _installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _manifest(collection: str) -> list[tuple[str, str, str]]:
    return [(photo.file, photo.split, photo.sha256) for photo in list_photos(collection)]


def _imported_modules(source: str) -> dict[str, Path]:
    """Find the modules of `colorlib` that a source imports, directly or through other modules, and their files."""
    found, to_read = {}, [(source, "")]
    while to_read:
        source, package = to_read.pop()
        for module in _imports(source, package):
            file = paths.ROOT / Path(*module.split("."))
            file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
            if module not in found and file.is_file():
                found[module] = file
                inside = module if file.name == "__init__.py" else module.rpartition(".")[0]
                to_read.append((file.read_text("utf-8"), inside))
    return dict(sorted(found.items()))


def _imports(source: str, package: str) -> set[str]:
    """Return the full names of what a source imports from `colorlib`, with the packages that hold it."""
    python = re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE)  # IPython's own lines
    try:
        tree = ast.parse(python)
    except SyntaxError:
        return set()  # running it will say what is wrong, and where
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[:len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(parents + ([node.module] if node.module else []))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    names = {name for name in names if name.split(".")[0] == "colorlib"}
    return names | {name.rpartition(".")[0] for name in names if "." in name}


def _code_of(file: Path) -> str:
    """Return what a module does, without its comments and docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            first.value = ast.Constant(None)
    return ast.dump(tree)


def _hash(content) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
