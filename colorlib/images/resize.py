"""Images resized: photos shrunk without aliasing, small a,b planes enlarged to the size of their lightness.

References
----------
Kopf et al., "Joint bilateral upsampling", SIGGRAPH 2007: the idea that the large image steers.
He & Sun, "Fast guided filter", arXiv:1505.00996, 2015: the same in linear time, with local linear models.
"""

import math

import numpy as np
from PIL import Image

from ..color import on_all_processors

__all__ = ["enlarge", "enlarge_guided", "resize_image"]

Box = tuple[float, float, float, float]


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize one photo or gray image with an antialiasing Lanczos filter.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W) or (H, W, 3)
        In [0, 1].
    height, width : int
        The new size in pixels.

    Returns
    -------
    ndarray of float32, shape (height, width) or (height, width, 3)
        In [0, 1].
    """
    channels = np.atleast_3d(image).astype(np.float32, copy=False)
    planes = [Image.fromarray(np.ascontiguousarray(channels[..., i])) for i in range(channels.shape[-1])]
    resized = [np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)) for plane in planes]
    return np.clip(np.stack(resized, axis=-1), 0, 1).reshape((height, width, *image.shape[2:]))


def enlarge(
    planes: np.ndarray, shape: tuple[int, int], box: Box | None = None, resampling: int = Image.Resampling.BICUBIC
) -> np.ndarray:
    """Enlarge planes by interpolation.

    Parameters
    ----------
    planes : ndarray of float32, shape (h, w, C)
    shape : (H, W)
        The new height and width.
    box : tuple of float, optional
        Left, top, right and bottom of the part to use, in pixels of the small planes; all of it by default.
    resampling : int
        One of Pillow's filters.

    Returns
    -------
    ndarray of float32, shape (H, W, C)
    """
    planes, box = _cut(planes, box)
    enlarged = np.empty((*shape, planes.shape[-1]), np.float32)

    def resize(channel: int) -> None:
        plane = Image.fromarray(np.ascontiguousarray(planes[..., channel]))
        enlarged[..., channel] = np.asarray(plane.resize(shape[::-1], resampling, box))

    on_all_processors(resize, range(planes.shape[-1]))
    return enlarged


def enlarge_guided(
    ab: np.ndarray, lightness: np.ndarray, box: Box | None = None, radius: int = 2, tolerance: float = 4.0
) -> np.ndarray:
    """Enlarge a,b with a guided filter, so that their edges follow those of the lightness.

    In every small window, a,b are modeled as a linear function of L, and its coefficients are enlarged instead of a,b.
    Where L has an edge, a,b get one in the same place; where L is even, they are smoothed.

    Parameters
    ----------
    ab : ndarray of float32, shape (h, w, 2)
    lightness : ndarray of float32, shape (H, W)
        L* in [0, 100], at the size wanted.
    box : tuple of float, optional
        As in `enlarge`.
    radius : int
        Windows are 2·radius + 1 pixels of the small planes wide.
    tolerance : float
        In units of L*: a window that varies much less than this counts as even.

    Returns
    -------
    ndarray of float32, shape (H, W, 2)
    """
    from scipy.ndimage import uniform_filter

    ab, box = _cut(ab, box)
    height, width = ab.shape[:2]
    left, top, right, bottom = box
    size = max(1, round(right - left)), max(1, round(bottom - top))
    large = Image.fromarray(np.ascontiguousarray(lightness, np.float32))
    small = np.asarray(large.resize(size, Image.Resampling.BOX))
    small = np.pad(small, [(0, height - small.shape[0]), (0, width - small.shape[1])], mode="edge")

    def mean(image: np.ndarray) -> np.ndarray:
        return uniform_filter(image, (2 * radius + 1, 2 * radius + 1) + (0,) * (image.ndim - 2), mode="nearest")

    mean_l, mean_ab = mean(small)[..., None], mean(ab)
    slope = (mean(small[..., None] * ab) - mean_l * mean_ab) / (mean(small**2)[..., None] - mean_l**2 + tolerance**2)
    offset = mean_ab - slope * mean_l
    means = np.concatenate([mean(slope), mean(offset)], axis=-1)
    coefficients = enlarge(means, (lightness.shape[0], lightness.shape[1]), box, Image.Resampling.BILINEAR)
    return coefficients[..., :2] * lightness[..., None] + coefficients[..., 2:]


def _cut(planes: np.ndarray, box: Box | None) -> tuple[np.ndarray, Box]:
    """Crop planes to the pixels that a box touches, and return the box relative to the crop.

    Pillow respects the edges of a box, but its filters look beyond them, at padding that must not leak in.
    """
    left, top, right, bottom = box or (0, 0, planes.shape[1], planes.shape[0])
    column, row = int(left), int(top)
    return (
        planes[row : math.ceil(bottom), column : math.ceil(right)],
        (left - column, top - row, right - column, bottom - row),
    )
