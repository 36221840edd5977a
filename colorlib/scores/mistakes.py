"""Where a colorization is wrong, and how: colors that get lost, mistakes that have a name.

Lab arrays are CIE L*a*b* under D65, of shape (..., 3).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .metrics import MIN_CHROMA, ab_error

__all__ = ["HUES", "MISTAKES", "hue_classes", "hue_confusion", "mistake_masks", "mistake_table"]

#: Name of a hue → CIELAB hue angles, in degrees from red toward yellow, at which it begins and ends.
HUES = {
    "red": (345, 50),
    "yellow": (50, 110),
    "green": (110, 165),
    "cyan": (165, 225),
    "blue": (225, 310),
    "purple": (310, 345),
}
#: Name of a mistake → pixels that can have it; what makes it one.
MISTAKES = {
    "blue spread": "pixels that are neither blue nor cyan; colored blue",
    "green clouds": "bright pixels (L* ≥ 75) of little color (chroma < 10); colored green",
    "shadows": "dark pixels (L* < 25) of little color (chroma < 10); a,b off by more than 10",
}
_CLASSES = ("gray", *HUES)


def hue_classes(ab: np.ndarray) -> np.ndarray:
    """Classify colors by hue.

    Parameters
    ----------
    ab : ndarray, shape (..., 2)

    Returns
    -------
    ndarray of int, shape (...)
        0 for a chroma below `colorlib.scores.metrics.MIN_CHROMA`; otherwise the place in `HUES`, from 1 on.
    """
    a, b = np.moveaxis(np.asarray(ab), -1, 0)
    degrees = np.degrees(np.arctan2(b, a)) % 360
    starts = [start for start, _ in HUES.values()]
    order = np.argsort(starts)
    place = np.searchsorted(np.sort(starts), degrees, side="right") - 1  # -1, before the first start: the last hue
    return np.where(a * a + b * b < MIN_CHROMA**2, 0, order[place] + 1)


def hue_confusion(ab_true: np.ndarray, ab_predicted: np.ndarray) -> pd.DataFrame:
    """Tabulate what becomes of each true hue.

    Parameters
    ----------
    ab_true, ab_predicted : ndarray, shape (..., 2)

    Returns
    -------
    DataFrame
        One row per true hue and one column per predicted hue, gray first. Each row has shares that sum to 1, or NaN if
        its hue does not occur.
    """
    size = len(_CLASSES)
    pairs = hue_classes(ab_true) * size + hue_classes(ab_predicted)
    counts = np.bincount(pairs.ravel(), minlength=size * size).reshape(size, size).astype(float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    return pd.DataFrame(shares, index=pd.Index(_CLASSES, name="true"), columns=_CLASSES)


def mistake_masks(name: str, lab_true: np.ndarray, lab_predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find one kind of mistake.

    Parameters
    ----------
    name : str
        One of `MISTAKES`.
    lab_true, lab_predicted : ndarray, shape (..., 3)

    Returns
    -------
    at_risk, wrong : ndarray of bool, shape (...)
        Pixels that can have the mistake, and those that do.

    Raises
    ------
    ValueError
        If there is no such mistake.
    """
    lightness, true, predicted = lab_true[..., 0], lab_true[..., 1:], lab_predicted[..., 1:]
    if name == "blue spread":
        # A cyan sky that is painted blue is a wrong shade, not blue where none belongs.
        at_risk = ~np.isin(hue_classes(true), [_CLASSES.index("blue"), _CLASSES.index("cyan")])
        return at_risk, at_risk & (hue_classes(predicted) == _CLASSES.index("blue"))
    pale = np.linalg.norm(true, axis=-1) < 10
    if name == "green clouds":
        at_risk = (lightness >= 75) & pale
        return at_risk, at_risk & (hue_classes(predicted) == _CLASSES.index("green"))
    if name == "shadows":
        at_risk = (lightness < 25) & pale  # so that a night sky, which is dark but blue, is none
        return at_risk, at_risk & (ab_error(true, predicted) > 10)
    raise ValueError(f"unknown mistake {name!r}: use one of {', '.join(MISTAKES)}")


def mistake_table(
    labs_true: Sequence[np.ndarray], labs_predicted: Sequence[np.ndarray], photo_names: Sequence[str]
) -> pd.DataFrame:
    """Measure every mistake over photos, and find the photo with most of it.

    Parameters
    ----------
    labs_true, labs_predicted : sequence of ndarray, each of shape (H, W, 3)
    photo_names : sequence of str

    Returns
    -------
    DataFrame
        One row per mistake: ``at_risk_pct``, the share of all pixels that can have it; ``wrong_pct``, the share of
        those that do (NaN if none can); ``worst_photo``, the photo with the most wrong pixels, empty if there are none.
    """
    rows = []
    for name in MISTAKES:
        masks = [mistake_masks(name, *pair) for pair in zip(labs_true, labs_predicted, strict=True)]
        at_risk, wrong = (np.array([mask[i].mean() for mask in masks]) for i in (0, 1))
        rows.append(
            {
                "mistake": name,
                "at_risk_pct": 100 * at_risk.mean(),
                "wrong_pct": 100 * wrong.sum() / at_risk.sum() if at_risk.any() else np.nan,
                "worst_photo": photo_names[int(wrong.argmax())] if wrong.any() else "",
            }
        )
    return pd.DataFrame(rows)
