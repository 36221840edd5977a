"""What a notebook's results depend on, as hashes that decide which notebooks must run again.

Results depend on the notebook's code cells (not on its prose), on its section of ``notebooks/profiles.toml``, on the
modules of `colorlib` that it imports directly or through others (not on their comments and docstrings), on the photos,
on the versions of the packages and on what its section of ``profiles.toml`` declares: ``reads``, the other collections
and files that it reads, and ``needs``, the earlier notebooks whose results it loads (all of them where it does not
say).
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from .. import paths
from ..photos import COLLECTIONS, list_photos, missing_photos
from .notebooks import code_cells
from .packages import package_versions
from .profiles import read_settings

__all__ = ["READABLE", "fingerprint_notebooks", "fingerprint_training", "needed_notebooks"]

#: What ``reads`` may name besides collections → the files that it stands for: an attribute of `paths`, and a pattern.
READABLE = {"weights": ("WEIGHTS", "*.[jo]*"), "answers": ("ANSWERS", "*.csv")}


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
    needs = needed_notebooks(notebooks, profile)
    fingerprints: dict[str, str] = {}
    states: dict[str, list] = {}  # most notebooks read the same collections
    for name, notebook in notebooks.items():
        code = code_cells(notebook)
        settings = vars(read_settings(name, profile))
        settings.pop("needs", None)
        modules = {module: _code_of(text) for module, text in _imported_modules("\n".join(code)).items()}
        reads = settings.pop("reads", [])
        states |= {source: _state_of(source, name) for source in reads if source not in states}
        read = [states[source] for source in reads]
        earlier = [fingerprints[needed] for needed in sorted(needs[name])]
        fingerprints[name] = _hash([shared, code, settings, modules, read, earlier])
    return fingerprints


@cache
def fingerprint_training() -> str:
    """Hash what every training depends on, apart from its own settings, photos and first weights.

    Returns
    -------
    str
        Hexadecimal SHA-256 of the packages' versions and the code of the models, as they were when it was first asked.
    """
    models = "\n".join(f"import colorlib.models.{file.stem}" for file in (paths.PACKAGE / "models").glob("*.py"))
    modules = {module: _code_of(text) for module, text in _imported_modules(models).items()}
    return _hash([package_versions(), modules])


def needed_notebooks(notebooks: Iterable[str], profile: str) -> dict[str, set[str]]:
    """Return the notebooks whose results each one loads, by name.

    Parameters
    ----------
    notebooks : iterable of str
        All notebooks of the report, in order.
    profile : str

    Raises
    ------
    ValueError
        If one needs a notebook that doesn't come before it.
    """
    needed: dict[str, set[str]] = {}
    for name in notebooks:
        needs = {*getattr(read_settings(name, profile), "needs", needed)}
        if unknown := needs - needed.keys():
            raise ValueError(
                f"[{name}] in {paths.PROFILES.name} needs {', '.join(sorted(unknown))}, which is no "
                f"notebook that runs before it: use some of {', '.join(needed) or 'none'}"
            )
        needed[name] = needs
    return needed


def _state_of(source: str, notebook: str) -> list:
    """Return the state of a collection, or of files that `READABLE` names, for the fingerprint of a notebook."""
    if source in COLLECTIONS:
        return [source, len(missing_photos(source)), _manifest(source)]
    if source not in READABLE:
        known = ", ".join([*COLLECTIONS, *READABLE])
        raise ValueError(f"[{notebook}] in {paths.PROFILES.name} reads {source!r}: use some of {known}")
    folder, pattern = READABLE[source]
    files = sorted(getattr(paths, folder).glob(pattern))
    return [source, [[file.name, hashlib.sha256(file.read_bytes()).hexdigest()] for file in files]]


def _manifest(collection: str) -> list[tuple[str, str, str]]:
    return [(photo.file, photo.split, photo.sha256) for photo in list_photos(collection)]


def _imported_modules(source: str) -> dict[str, str]:
    """Find the modules of `colorlib` that a source imports, directly or indirectly, and read them."""
    found, to_read = {}, [(source, "")]
    while to_read:
        for module in _imports(*to_read.pop()):
            file = paths.ROOT / Path(*module.split("."))
            file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
            if module not in found and file.is_file():
                found[module] = file.read_text("utf-8")
                to_read.append((found[module], module if file.name == "__init__.py" else module.rpartition(".")[0]))
    return dict(sorted(found.items()))


@cache
def _imports(source: str, package: str) -> set[str]:
    """Return the full names of what a source imports from `colorlib`, and of the packages around it."""
    python = re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE)  # IPython's own commands
    try:
        tree = _parse(python)
    except SyntaxError:
        return set()  # running it will say what is wrong, and where
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(parents + ([node.module] if node.module else []))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    names = {name for name in names if name.split(".")[0] == "colorlib"}
    return names | {name.rpartition(".")[0] for name in names if "." in name}


_parse = cache(ast.parse)  # `_code_of` changes a tree, but not in what `_imports` looks at


@cache
def _code_of(text: str) -> str:
    """Hash a module without its comments and docstrings."""
    tree = _parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            first.value = ast.Constant(None)
    return _hash(ast.dump(tree))


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
