"""Text that a notebook displays as text: what was learned, as a list of points."""

import re

__all__ = ["Points"]


class Points:
    """A list that Jupyter and the site display as text, with its numbers' minus signs; see `Run.show_points`."""

    def __init__(self, points: tuple[str, ...]):
        self._points = [re.sub(r"(?<![\w.,)–-])-(?=\d)", "−", point) for point in points if point]

    def _repr_mimebundle_(self, include=None, exclude=None):
        lines = [re.sub(r"([*_`<])", r"\\\1", point) for point in self._points]
        return {
            "text/markdown": "\n".join(f"- {line}" for line in lines),
            "text/plain": "\n".join(f"- {point}" for point in self._points),
        }
