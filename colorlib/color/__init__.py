"""Color spaces: arrays in, arrays out.

`standard` has the formulas as the standards write them. `conversions` evaluates the same ones fast, in bands of pixels
and with tables, and adds what a colorizer needs: a lightness merged with predicted a,b, inside sRGB's gamut.
"""

from ._bands import row_bands, scratch
from ._parallel import on_all_processors
from ._planes import gray_plane, lab_planes
from .conversions import (
    gray_to_lightness,
    in_gamut,
    lab_to_rgb,
    lightness_to_gray,
    luma_gray,
    merge_lab,
    rgb_to_lab,
    split_lab,
    to_gray,
)

__all__ = [
    "gray_plane",
    "gray_to_lightness",
    "in_gamut",
    "lab_planes",
    "lab_to_rgb",
    "lightness_to_gray",
    "luma_gray",
    "merge_lab",
    "on_all_processors",
    "rgb_to_lab",
    "row_bands",
    "scratch",
    "split_lab",
    "to_gray",
]
