"""The packages that the report needs, and their versions."""

import importlib.metadata
import platform
import re
import tomllib
from collections.abc import Iterable

from .. import paths

__all__ = ["missing_packages", "package_versions"]


def package_versions(extras: Iterable[str] = ("train", "report")) -> dict[str, str | None]:
    """Return the installed versions of Python and of the packages that ``pyproject.toml`` names.

    Parameters
    ----------
    extras : iterable of str
        Optional dependencies to include; by default those that the report's results depend on.

    Returns
    -------
    dict of str to str
        By name; None for a package that is missing. TensorFlow counts under whichever of its names is installed.
    """
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in re.findall(r"^[\w-]+", "\n".join(lines), re.MULTILINE):
        aliases = ("tensorflow-cpu", "tensorflow") if name.startswith("tensorflow") else (name,)
        if name != project["name"]:
            versions[aliases[-1]] = next(filter(None, map(_installed_version, aliases)), None)
    return versions


def missing_packages() -> list[str]:
    """Return the packages that making and testing the report needs and this Python lacks."""
    return [name for name, version in package_versions(("train", "report", "test")).items() if version is None]


def _installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
