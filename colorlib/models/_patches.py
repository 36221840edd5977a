"""Gray 3×3 neighborhoods and the pixels at their centers: the table that the patch models learn from."""

from collections.abc import Callable

import numpy as np

from ..color import on_all_processors, row_bands, to_gray
from ._base import check_photos

__all__ = ["Table", "gray_patches", "patch_planes", "patch_table", "patch_targets", "predict_pixels"]

#: Patches, shape (rows, 9) or (rows, 8), and the colors at their centers, shape (rows, 3).
Table = tuple[np.ndarray, np.ndarray]


def gray_patches(gray: np.ndarray, center: bool = True, pad: bool = False) -> np.ndarray:
    """Cut the 3×3 neighborhood of every pixel out of a gray image.

    Parameters
    ----------
    gray : ndarray, shape (H, W)
        At least 3×3 pixels.
    center : bool
        Keep the pixel itself (9 columns) or only its neighbors (8 columns).
    pad : bool
        Repeat the edge pixels outward, so that every pixel has a neighborhood; otherwise the outermost rows and columns
        have none.

    Returns
    -------
    ndarray of float32, shape (rows, 9) or (rows, 8)
        One row per pixel, in reading order, as are its columns: (H-2)·(W-2) rows, or H·W with `pad`. A photo of 512×512
        pixels has 260,100.

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
    """Return the columns of `gray_patches` as images: nine (or eight) shifted views of one gray image.

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
    return [gray[i : i + rows, j : j + columns] for i in range(3) for j in range(3) if center or (i, j) != (1, 1)]


def patch_targets(photo: np.ndarray) -> np.ndarray:
    """Return the pixels at the centers of the neighborhoods that `gray_patches` cuts without padding.

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


def patch_table(photos: np.ndarray, center: bool = True, rows: int | None = None, seed: int = 0) -> Table:
    """Make a table to learn from.

    Parameters
    ----------
    photos : ndarray of float32, shape (N, H, W, 3)
    center : bool
        As in `gray_patches`.
    rows : int, optional
        Number of rows to draw at random, evenly over the photos; all by default, and if there are fewer.
    seed : int

    Returns
    -------
    patches : ndarray of float32, shape (rows, 9) or (rows, 8)
    colors : ndarray of float32, shape (rows, 3)
        sRGB of the pixel at the center.
    """
    rng = np.random.default_rng(seed)
    pairs = []
    for i, photo in enumerate(check_photos(photos)):
        patches, colors = gray_patches(to_gray(photo), center), patch_targets(photo)
        if rows is not None:
            share = rows * (i + 1) // len(photos) - rows * i // len(photos)
            chosen = rng.permutation(len(patches))[:share]
            patches, colors = patches[chosen], colors[chosen]
        pairs.append((patches, colors))
    patches, colors = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return patches, colors


def predict_pixels(
    gray: np.ndarray, channels: int, predict: Callable[[np.ndarray], np.ndarray], pixels: int | None = None
) -> np.ndarray:
    """Predict all pixels of an image from their neighborhoods, band by band on all processors.

    There are no seams, since each band includes the pixels around it.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        Edge pixels are repeated outward.
    channels : int
    predict : callable
        Turns a band, (rows + 2, W + 2), into what is predicted for its inner pixels, (rows, W, channels).
    pixels : int, optional
        Largest number of pixels of a band; see `colorlib.color.row_bands`.

    Returns
    -------
    ndarray of float32, shape (H, W, channels)
    """
    padded = np.pad(np.asarray(gray, np.float32), 1, mode="edge")
    result = np.empty((*gray.shape, channels), np.float32)

    def work(rows: slice) -> None:
        result[rows] = predict(padded[rows.start : rows.stop + 2])

    on_all_processors(work, row_bands(gray.shape[0], gray.shape[1], pixels))
    return result
