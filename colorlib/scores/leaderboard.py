"""The one loop that scores every model on every split; all it knows of a model is that it is a `Colorizer`.

Held-out photos were never trained on: splits are by photo, and a held-out photo with the pixels of a training photo is
dropped.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from ..color import gray_to_lightness, merge_lab, rgb_to_lab, to_gray
from ..models import Colorizer
from ..photos import PhotosUnavailable, list_photos, load_photos
from ..processors import processors
from .metrics import HIGHEST_PSNR, colorfulness, inverse_prior, psnr, score_photo

__all__ = ["SPLITS", "Split", "bootstrap_interval", "evaluate", "leaderboard", "load_splits"]

#: Split of the leaderboard → collection (None for the one that the models were trained on) and split of its manifest.
SPLITS: dict[str, tuple[str | None, str]] = {
    "train": (None, "train"),
    "test": (None, "test"),
    "bsds500": ("bsds500", "test"),
    "imagenet800": ("imagenet800", "test"),
    "everyday": ("everyday", "test"),
    "unlike": ("unlike", "test"),
}
#: Scores that have a 95 % interval over photos in the leaderboard.
WITH_INTERVAL = ("skill_db", "delta_e_mean", "colorfulness_gap")
#: The leaderboard's first columns.
COLUMNS = [
    "model",
    "split",
    "n_photos",
    "psnr_rgb",
    "psnr_ab",
    "ssim",
    "delta_e_mean",
    "delta_e_median",
    "colorfulness_gap",
    "auc",
    "auc_rebalanced",
    "out_of_gamut_pct",
    "skill_db",
    "better_than_gray_pct",
    "train_seconds",
    "parameters",
]


@dataclass(frozen=True)
class Split:
    """Photos that are scored together.

    Attributes
    ----------
    name : str
        One of `SPLITS`.
    photos : ndarray of float32, shape (N, H, W, 3)
        sRGB in [0, 1].
    photo_names : tuple of str
    """

    name: str
    photos: np.ndarray
    photo_names: tuple[str, ...]

    def first(self, count: int) -> Self:
        """Return the split's first photos, so many at most."""
        return type(self)(self.name, self.photos[:count], self.photo_names[:count])


def load_splits(
    collection: str, size: int = 256, names: Sequence[str] = tuple(SPLITS)
) -> tuple[list[Split], list[str]]:
    """Load the photos of each split, without those that are unavailable, were trained on, or have no color.

    A photo that is gray itself, R = G = B everywhere, says nothing about colors, and leaving it gray would score
    infinitely many dB.

    Parameters
    ----------
    collection : str
        Collection that the models were trained on; see `colorlib.photos.list_photos`.
    size : int
        Side of the photos in pixels.
    names : sequence of str
        Some of `SPLITS`.

    Returns
    -------
    splits : list of Split
        Each with at least one photo.
    notices : list of str
        One sentence for the reader on each split or photo that was left out.
    """
    trained_on = {photo.tobytes() for photo in load_photos(collection, size, "train")}
    splits, notices = [], []
    for name in names:
        if name not in SPLITS:
            raise ValueError(f"unknown split {name!r}: use some of {', '.join(SPLITS)}")
        source, part = SPLITS[name]
        try:
            photos = load_photos(source or collection, size, part)
        except PhotosUnavailable as error:
            notices.append(f"The split {name} is left out, because {error}.")
            continue
        listed = list_photos(source or collection, part)
        photo_names = [photo.name for photo in listed]
        if len(set(photo_names)) < len(listed):  # a.jpg beside a.png
            photo_names = [photo.file for photo in listed]
        seen = np.array([name != "train" and photo.tobytes() in trained_on for photo in photos])
        gray = np.ptp(photos, axis=-1).max(axis=(1, 2)) == 0
        for reason, left_out in (("trained on", seen), ("gray themselves", gray & ~seen)):
            if left_out.any():
                dropped = ", ".join(photo_names[i] for i in np.flatnonzero(left_out))
                notices.append(f"Left out of {name}, since {reason}: {dropped}.")
        kept = np.flatnonzero(~seen & ~gray)
        if kept.size:
            splits.append(Split(name, photos[kept], tuple(photo_names[i] for i in kept)))
    return splits, notices


def evaluate(
    models: Mapping[str, Colorizer | Sequence[Colorizer]], splits: Sequence[Split], brief: bool = False
) -> pd.DataFrame:
    """Score every model on every photo of every split.

    Parameters
    ----------
    models : mapping of str to Colorizer or sequence of Colorizer
        Name in the leaderboard → the fitted model, or the same model fitted with several seeds.
    splits : sequence of Split
    brief : bool
        Compute only ``psnr_rgb``, ``skill_db`` and ``colorfulness_gap``, in a fraction of the time; `leaderboard` needs
        all scores.

    Returns
    -------
    DataFrame
        One row per model, seed, split and photo: the scores of `colorlib.scores.metrics.score_photo`; ``skill_db``, the
        difference of ``psnr_rgb`` to leaving the photo gray; ``rebalancing``, the photo's weight in the split's
        ``auc_rebalanced``; and ``parameters``.
    """
    rows = []
    # Photos are scored side by side: products of matrices in threads of their own would only get in each other's way.
    with ThreadPoolExecutor(processors()) as pool, threadpool_limits(1, "blas"):
        for split in splits:
            labs: Sequence[np.ndarray | None] = [None] * len(split.photos)
            weights = np.ones((len(split.photos), 1))
            if not brief:
                lab = rgb_to_lab(split.photos)
                labs, weights = list(lab), inverse_prior(lab[..., 1:])
            grays = list(pool.map(to_gray, split.photos))
            gray_psnr = list(pool.map(_gray_psnr, split.photos, grays))
            for name, seed, model in _each_model(models):
                scored = [
                    pool.submit(_score, photo, gray_to_lightness(gray), model.predict_ab(gray), weight, lab)
                    for photo, gray, weight, lab in zip(split.photos, grays, weights, labs, strict=True)
                ]
                for photo, future, leaving_gray, weight in zip(
                    split.photo_names, scored, gray_psnr, weights, strict=True
                ):
                    scores = future.result()
                    rows.append(
                        {"model": name, "seed": seed, "split": split.name, "photo": photo}
                        | scores
                        | {
                            "skill_db": scores["psnr_rgb"] - leaving_gray,
                            "rebalancing": float(weight.mean()),
                            "parameters": model.parameters,
                        }
                    )
    return pd.DataFrame(rows)


def leaderboard(scores: pd.DataFrame, train_seconds: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Average the scores of photos into one row per model and split.

    Parameters
    ----------
    scores : DataFrame
        From `evaluate`.
    train_seconds : mapping of str to float, optional
        Training time of each model, if known.

    Returns
    -------
    DataFrame
        `COLUMNS`, then ``delta_e_p95``, ``hue_error`` and ``colorfulness``; the ends of the intervals of
        `WITH_INTERVAL`, named ``…_low`` and ``…_high``; ``seeds``, and ``skill_db_seed_std``, the standard deviation of
        the seeds' means. Scores are means over photos of each photo's mean over seeds; only ``auc_rebalanced`` is over
        all pixels, so that photos of rare colors count more.
    """
    rows = []
    for key, group in scores.groupby(["model", "split"], sort=False):
        name, split = map(str, key) if isinstance(key, tuple) else (str(key), "")
        photos = group.drop(columns=["model", "split", "seed"]).groupby("photo", sort=False).mean()
        of_seeds = group.groupby("seed")["skill_db"].mean()
        row = photos.mean().to_dict() | {
            "model": name,
            "split": split,
            "n_photos": len(photos),
            "parameters": int(group["parameters"].iloc[0]),
            "better_than_gray_pct": 100 * float((photos["skill_db"] > 0).mean()),
            "auc_rebalanced": np.average(photos["auc_rebalanced"], weights=photos["rebalancing"]),
            "train_seconds": (train_seconds or {}).get(name, np.nan),
            "seeds": len(of_seeds),
            "skill_db_seed_std": of_seeds.std() if len(of_seeds) > 1 else np.nan,
        }
        for column in WITH_INTERVAL:
            row[f"{column}_low"], row[f"{column}_high"] = bootstrap_interval(photos[column].to_numpy())
        rows.append(row)
    table = pd.DataFrame(rows)
    intervals = [f"{column}_{end}" for column in WITH_INTERVAL for end in ("low", "high")]
    return table[[*COLUMNS, "delta_e_p95", "hue_error", "colorfulness", *intervals, "seeds", "skill_db_seed_std"]]


def bootstrap_interval(values: np.ndarray, confidence: float = 0.95, resamples: int = 2000) -> tuple[float, float]:
    """Compute an interval of the mean by the percentile bootstrap over the values.

    Parameters
    ----------
    values : ndarray, shape (N,)
        One per photo.
    confidence : float
    resamples : int
        Number of times that N values are drawn with replacement; the draws are the same in every call.

    Returns
    -------
    low, high : float

    References
    ----------
    Efron & Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapter 13.
    """
    values = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(values), (resamples, len(values)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def _each_model(models: Mapping[str, Colorizer | Sequence[Colorizer]]) -> Iterator[tuple[str, int, Colorizer]]:
    for name, fitted in models.items():
        for seed, model in enumerate([fitted] if isinstance(fitted, Colorizer) else fitted):
            yield name, seed, model


def _gray_psnr(photo: np.ndarray, gray: np.ndarray) -> float:
    left_gray, _ = merge_lab(gray_to_lightness(gray), np.zeros((*gray.shape, 2), np.float32))
    return min(psnr(photo, left_gray), HIGHEST_PSNR)


def _score(
    photo: np.ndarray, lightness: np.ndarray, ab: np.ndarray, weights: np.ndarray, lab: np.ndarray | None
) -> dict[str, float]:
    """Score predicted colors by everything; or, where the true photo's CIELAB is not given, briefly."""
    rgb, out_of_gamut = merge_lab(lightness, ab)
    if lab is not None:
        return score_photo(photo, rgb, out_of_gamut, weights, lab)
    return {
        "psnr_rgb": min(psnr(photo, rgb), HIGHEST_PSNR),
        "colorfulness_gap": colorfulness(rgb) - colorfulness(photo),
    }
