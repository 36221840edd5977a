"""The numbers of each notebook in both profiles, as ``notebooks/profiles.toml`` has them."""

import tomllib
from types import SimpleNamespace

from .. import paths

__all__ = ["read_settings"]


def read_settings(notebook: str, profile: str) -> SimpleNamespace:
    """Read a notebook's numbers of one profile from ``notebooks/profiles.toml``.

    Each entry is either one value for both profiles or a table ``{full = …, smoke = …}``.
    """
    with open(paths.PROFILES, "rb") as file:
        section = tomllib.load(file).get(notebook, {})
    chosen = {name: value[profile] if isinstance(value, dict) else value for name, value in section.items()}
    return SimpleNamespace(**chosen)
