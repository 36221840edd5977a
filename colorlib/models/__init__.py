"""The colorization models, one file each, behind one interface."""

from .base import Colorizer

__all__ = ["Colorizer"]
