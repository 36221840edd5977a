"""Hints as a person gives them on the command line, or as the page "Color your photo" saves them."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..color import merge_lab, rgb_to_lab
from ..images import PhotoError
from ..models import Hint
from ..models.hints import possible_hints

__all__ = ["Spot", "hints_of", "moved_hints", "parse_hint", "place_hints", "read_hints"]

NO_COLOR = "none"
_HINT = re.compile(r"\s*([-+.\d]+)(%?)\s*,\s*([-+.\d]+)(%?)\s*=\s*(.*?)\s*")
_RIGHT = f"give X,Y=#rrggbb, or X,Y={NO_COLOR} where there is no color; X and Y in pixels or percent, such as 120,45%"


class Spot(NamedTuple):
    """A color at a place of a photo that has not been opened yet.

    Attributes
    ----------
    text : str
        The place as it was given, for messages.
    x, y : float
        From the left and the top edge.
    width, height : float, optional
        Of the photo, in the same units; None: they are pixels of it, whatever its size.
    a, b : float
        CIELAB a* and b*.
    """

    text: str
    x: float
    y: float
    width: float | None
    height: float | None
    a: float
    b: float


def hints_of(texts: Sequence[str], file: str | None) -> list[Spot]:
    """Read all hints of one call: those of a file first, then those of the command line; see `parse_hint`."""
    return [*(read_hints(Path(file).expanduser()) if file is not None else ()), *map(parse_hint, texts)]


def parse_hint(text: str) -> Spot:
    """Read a hint of the command line.

    Parameters
    ----------
    text : str
        ``"X,Y=#rrggbb"``, or ``"X,Y=none"`` where there is no color. X and Y count pixels from 0, or are percent of
        the photo's width and height.

    Raises
    ------
    ValueError
        If it is something else.
    """
    found = _HINT.fullmatch(text)
    if found is None:
        raise ValueError(f"the hint {text!r} can't be read: {_RIGHT}")
    x, x_unit, y, y_unit, color = found.groups()
    a, b = _parse_color(color, f"the hint {text!r}")
    (x_place, width), (y_place, height) = _parse_place(x, x_unit, text), _parse_place(y, y_unit, text)
    return Spot(f"{x}{x_unit},{y}{y_unit}", x_place, y_place, width, height, a, b)


def _parse_place(number: str, unit: str, text: str) -> tuple[float, float | None]:
    """Return a coordinate, and how far the photo reaches in the same unit if that is known."""
    try:
        value = float(number)
    except ValueError:
        raise ValueError(f"the hint {text!r} can't be read: {_RIGHT}") from None
    if not unit and not value.is_integer():
        raise ValueError(f"the hint {text!r} lies between pixels: they are whole numbers, counted from 0")
    if unit and not 0 <= value <= 100:
        raise ValueError(f"the hint {text!r} lies outside the photo: percentages are 0 to 100")
    return (min(value, math.nextafter(100, 0)), 100.0) if unit else (value + 0.5, None)


def read_hints(path: Path) -> list[Spot]:
    """Read a file of hints.

    Parameters
    ----------
    path : Path
        JSON, ``{"width": 640, "height": 427, "hints": [{"x": 120, "y": 45, "a": 12.5, "b": -3}, …]}``. Instead of a and
        b, ``"color"`` may be ``"#rrggbb"`` or ``"none"``. Width and height are those of the photo that x and y are
        pixels of, and can be left out; a photo of another size has the hints in the same places.

    Raises
    ------
    ValueError
        If the file can't be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"{path} can't be read ({error.strerror}): give a file of hints") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}): give a file of hints, as the page saves it") from error
    entries = content.get("hints") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError(
            f'{path} holds no hints: it should be {{"hints": [{{"x": 120, "y": 45, "color": "#aa3311"}}]}}'
        )
    size = [content.get(side) for side in ("width", "height")]
    if size != [None, None] and not all(_is_number(side) and side >= 1 for side in size):
        raise ValueError(f"{path} has a wrong size of the photo: give width and height in pixels, or neither")
    return [_read_entry(entry, size[0], size[1], f"hint {number} in {path}") for number, entry in enumerate(entries, 1)]


def _read_entry(entry: Any, width: float | None, height: float | None, what: str) -> Spot:
    if not isinstance(entry, dict) or not all(_is_number(entry.get(name)) for name in ("x", "y")):
        raise ValueError(f"{what} has no place: give x and y in pixels")
    x, y = entry["x"], entry["y"]
    if "color" in entry:
        a, b = _parse_color(str(entry["color"]), what)
    elif all(_is_number(entry.get(name)) for name in ("a", "b")):
        a, b = entry["a"], entry["b"]
    else:
        raise ValueError(f'{what} has no color: give a and b, or "color": "#rrggbb" or "{NO_COLOR}"')
    return Spot(f"{x:g},{y:g}", x + 0.5, y + 0.5, width, height, a, b)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9  # also false for NaN


def _parse_color(text: str, what: str) -> tuple[float, float]:
    if text.lower() == NO_COLOR:
        return 0.0, 0.0
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{what} has no color: {text!r} is not #rrggbb or {NO_COLOR}")
    rgb = np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
    _, a, b = rgb_to_lab(rgb)
    return float(a), float(b)


def place_hints(spots: Sequence[Spot], photo: Path, size: tuple[int, ...], shape: tuple[int, ...]) -> list[Hint]:
    """Find the pixels of hints.

    Parameters
    ----------
    spots : sequence of Spot
    photo : Path
        For messages.
    size : (H, W)
        Of the photo as its file has it, upright, whose pixels the spots count.
    shape : (H, W)
        Of the photo as it will be colored.

    Raises
    ------
    PhotoError
        If a hint lies outside the photo.
    """
    hints = []
    for spot in spots:
        down, across = spot.y / (spot.height or size[0]), spot.x / (spot.width or size[1])
        if not (0 <= down < 1 and 0 <= across < 1):
            height, width = round(spot.height or size[0]), round(spot.width or size[1])
            raise PhotoError(
                f"the hint {spot.text} lies outside {photo}: x is 0 to {width - 1} and y 0 to {height - 1}, in pixels"
            )
        row, column = min(int(down * shape[0]), shape[0] - 1), min(int(across * shape[1]), shape[1] - 1)
        hints.append(Hint(row, column, spot.a, spot.b))
    return hints


def moved_hints(spots: Sequence[Spot], hints: Sequence[Hint], gray: np.ndarray) -> list[str]:
    """Say which colors are not possible at their pixel's L*, and what they have become."""
    said = []
    for spot, hint, met in zip(spots, hints, possible_hints(hints, gray), strict=True):
        if met is not hint:
            lightness = rgb_to_lab(np.full(3, gray[hint.row, hint.column]))[0]
            rgb, _ = merge_lab(lightness, np.array([met.a, met.b]))
            shown = "".join(f"{round(255 * float(channel)):02x}" for channel in rgb)
            said.append(f"the hint {spot.text} became #{shown}, since nothing so light or dark has more of its color")
    return said
