"""Small a,b planes enlarged to the size of the lightness that they are laid onto.

References
----------
Kopf et al., "Joint bilateral upsampling", SIGGRAPH 2007: the idea to let the large image steer.
He & Sun, "Fast guided filter", arXiv:1505.00996, 2015: the same in linear time, with local linear models.
"""

import math

import numpy as np
from PIL import Image

__all__ = ["enlarge", "enlarge_guided"]

Box = tuple[float, float, float, float]


def enlarge(planes: np.ndarray, shape: tuple[int, int], box: Box | None = None,
            resampling: int = Image.BICUBIC) -> np.ndarray:
    """Enlarge planes by plain interpolation.

    Parameters
    ----------
    planes : ndarray of float32, shape (h, w, C)
    shape : (H, W)
        The new height and width.
    box : tuple of float, optional
        Left, top, right, bottom of the part to use, in pixels of the small planes; all of it by default.
    resampling : int
        One of Pillow's filters.

    Returns
    -------
    ndarray of float32, shape (H, W, C)
    """
    planes, box = _cut(planes, box)
    enlarged = np.empty((*shape, planes.shape[-1]), np.float32)
    for channel in range(planes.shape[-1]):
        plane = Image.fromarray(np.ascontiguousarray(planes[..., channel]))
        enlarged[..., channel] = plane.resize(shape[::-1], resampling, box)
    return enlarged


def enlarge_guided(ab: np.ndarray, lightness: np.ndarray, box: Box | None = None, radius: int = 2,
                   tolerance: float = 4.0) -> np.ndarray:
    """Enlarge a,b so that their edges follow those of the lightness: by a guided filter.

    In every small window a,b are taken for a linear function of L; its coefficients, not a,b, are enlarged. Where L
    has an edge, a,b get one in the same place; where L is even, they are smoothed.

    Parameters
    ----------
    ab : ndarray of float32, shape (h, w, 2)
    lightness : ndarray of float32, shape (H, W)
        L* in [0, 100], at the size wanted.
    box : tuple of float, optional
        As in `enlarge`.
    radius : int
        Windows have 2·radius + 1 pixels of the small planes a side.
    tolerance : float
        In L*: a window that varies much less than this is taken for even.

    Returns
    -------
    ndarray of float32, shape (H, W, 2)
    """
    from scipy.ndimage import uniform_filter
    ab, box = _cut(ab, box)
    height, width = ab.shape[:2]
    left, top, right, bottom = box
    small = Image.fromarray(np.ascontiguousarray(lightness, np.float32))
    small = np.asarray(small.resize((max(1, round(right - left)), max(1, round(bottom - top))), Image.BOX))
    small = np.pad(small, [(0, height - small.shape[0]), (0, width - small.shape[1])], mode="edge")

    def mean(image: np.ndarray) -> np.ndarray:
        return uniform_filter(image, (2 * radius + 1, 2 * radius + 1) + (0,) * (image.ndim - 2), mode="nearest")

    mean_l, mean_ab = mean(small)[..., None], mean(ab)
    slope = (mean(small[..., None] * ab) - mean_l * mean_ab) / (mean(small**2)[..., None] - mean_l**2 + tolerance**2)
    offset = mean_ab - slope * mean_l
    coefficients = enlarge(np.concatenate([mean(slope), mean(offset)], axis=-1), lightness.shape, box, Image.BILINEAR)
    return coefficients[..., :2] * lightness[..., None] + coefficients[..., 2:]


def _cut(planes: np.ndarray, box: Box | None) -> tuple[np.ndarray, Box]:
    """Cut planes down to the pixels that a box touches, and give the box in what is left.

    Pillow keeps a box's edges, but its filters look beyond them: at the padding, which nothing is to be taken from.
    """
    left, top, right, bottom = box or (0, 0, planes.shape[1], planes.shape[0])
    column, row = int(left), int(top)
    return (planes[row:math.ceil(bottom), column:math.ceil(right)],
            (left - column, top - row, right - column, bottom - row))
