"""Gray 3×3 neighbourhoods and the pixels at their centers: the table that the patch models learn from."""

from collections.abc import Callable

import numpy as np

from .bands import row_bands
from .parallel import on_all_processors

__all__ = ["gray_patches", "patch_targets", "patch_planes", "rows_to_image", "predict_pixels"]


def gray_patches(gray: np.ndarray, center: bool = True, pad: bool = False) -> np.ndarray:
    """Cut the 3×3 neighbourhood of every pixel out of a gray image.

    Parameters
    ----------
    gray : ndarray, shape (H, W)
        At least 3×3 pixels.
    center : bool
        Keep the pixel itself (9 columns) or only its neighbours (8 columns).
    pad : bool
        Repeat the edge pixels outwards, so that every pixel has a neighbourhood; otherwise the outermost row and
        column on each side have none.

    Returns
    -------
    ndarray of float32, shape (rows, 9) or (rows, 8)
        One row a pixel, in reading order, its columns in reading order too. There are (H-2)·(W-2) rows, or H·W
        with ``pad``: 260,100 for a photo of 512×512 pixels.

    Raises
    ------
    ValueError
        If the image is not 2-D or smaller than 3×3.

    Examples
    --------
    >>> gray_patches(np.arange(12.0).reshape(3, 4))[0].tolist()
    [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0]
    """
    gray = np.asarray(gray, np.float32)
    if gray.ndim != 2 or min(gray.shape) < 3:
        raise ValueError(f"gray has shape {gray.shape}: a gray image is 2-D and at least 3×3 pixels")
    if pad:
        gray = np.pad(gray, 1, mode="edge")
    planes = patch_planes(gray, center)
    return np.stack(planes, axis=-1).reshape(-1, len(planes))


def patch_planes(gray: np.ndarray, center: bool = True) -> list[np.ndarray]:
    """Give the columns of `gray_patches` as images: nine (or eight) shifted views of one gray image.

    Parameters
    ----------
    gray : ndarray, shape (H, W)
    center : bool
        As in `gray_patches`.

    Returns
    -------
    list of ndarray, shape (H-2, W-2)
        Views: nothing is copied.
    """
    rows, columns = gray.shape[0] - 2, gray.shape[1] - 2
    return [gray[i:i + rows, j:j + columns] for i in range(3) for j in range(3) if center or (i, j) != (1, 1)]


def patch_targets(photo: np.ndarray) -> np.ndarray:
    """Take the pixel at the center of each neighbourhood that `gray_patches` cuts without padding.

    Parameters
    ----------
    photo : ndarray, shape (H, W, C)

    Returns
    -------
    ndarray of float32, shape ((H-2)·(W-2), C)
        Rows in the order of `gray_patches`.
    """
    photo = np.asarray(photo, np.float32)
    if photo.ndim != 3 or min(photo.shape[:2]) < 3:
        raise ValueError(f"photo has shape {photo.shape}: a photo is (H, W, channels) and at least 3×3 pixels")
    return photo[1:-1, 1:-1].reshape(-1, photo.shape[-1])


def rows_to_image(rows: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Lay one row a pixel back into an image of shape (H, W, C); the inverse of the padded table's row order."""
    return np.asarray(rows).reshape(shape + (-1,))


def predict_pixels(gray: np.ndarray, channels: int, predict: Callable[[np.ndarray], np.ndarray],
                   pixels: int | None = None) -> np.ndarray:
    """Predict all pixels of an image from their neighbourhoods, band by band on all processors.

    There are no seams: a pixel depends on its neighbourhood alone, and each band brings the pixels around it along.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        Edge pixels are repeated outwards.
    channels : int
    predict : callable
        Turns a band, (rows + 2, W + 2), into what is predicted for its inner pixels, (rows, W, channels).
    pixels : int, optional
        How many a band has at most; see `colorlib.bands.row_bands`.

    Returns
    -------
    ndarray of float32, shape (H, W, channels)
    """
    padded = np.pad(np.asarray(gray, np.float32), 1, mode="edge")
    result = np.empty((*gray.shape, channels), np.float32)

    def work(rows: slice) -> None:
        result[rows] = predict(padded[rows.start:rows.stop + 2])

    on_all_processors(work, row_bands(*gray.shape, pixels))
    return result
