"""The real-or-fake test: pairs of a true photo and its colorization, on a page that needs no server.

A person sees both for one second and says which is real; `colorlib.scores.fool_rate` turns the answers into a score.

References
----------
Zhang, Isola & Efros, "Colorful image colorization", ECCV 2016, section 3.1 (40 people were asked 40 such pairs each).
"""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..color import merge_lab, split_lab, to_gray
from ..models import Colorizer
from ..paths import write_whole

__all__ = ["CATCH", "COUNTED", "PRACTICE", "Pair", "jpeg", "make_pairs", "write_page"]

#: Pairs of one test: for practice, counted, and among the counted ones catch trials for those who don't look.
PRACTICE, COUNTED, CATCH = 10, 40, 4
SHOWN_MS = 1000
COLUMNS = ("person", "page", "trial", "pair", "kind", "real_side", "answer", "reaction_ms")
MAX_BYTES = 3_000_000

_SIDE = 256
_PAUSE_MS = 400
_JPEG_QUALITIES = (85, 75, 65, 55)  # the first that keeps the page small enough
_TEMPLATE = Path(__file__).with_name("real_or_fake.html")


@dataclass(frozen=True)
class Pair:
    """A true photo and a colorization of it.

    Attributes
    ----------
    kind : str
        ``"practice"``, ``"counted"`` or ``"catch"``, whose colorization is plainly wrong.
    real, fake : ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1].
    """

    kind: str
    real: np.ndarray
    fake: np.ndarray


def make_pairs(photos: np.ndarray, model: Colorizer, seed: int = 0) -> list[Pair]:
    """Make the pairs of one test from photos that the model has not seen.

    If there are fewer photos than pairs, each is cut into k×k parts, with the smallest k that gives enough; the model
    still sees the whole photo.

    Parameters
    ----------
    photos : ndarray of float32, shape (N, H, W, 3)
        Held-out photos, sRGB in [0, 1].
    model : Colorizer
    seed : int
        Seed of the choice and order of photos or parts.

    Returns
    -------
    list of Pair
        `PRACTICE` pairs for practice, then `COUNTED`, of which `CATCH` are catch trials: true colors rotated by 120° of
        hue and half as strong again.
    """
    needed = PRACTICE + COUNTED
    cuts = int(np.ceil(np.sqrt(needed / len(photos))))
    kinds = ["practice"] * PRACTICE + ["counted"] * (COUNTED - CATCH) + ["catch"] * CATCH
    order = np.random.default_rng(seed).permutation(len(photos) * cuts * cuts)[:needed]
    places = [divmod(int(place), cuts * cuts) for place in order]
    colorized = {index: model.colorize(to_gray(photos[index])) for index in sorted({index for index, _ in places})}
    pairs = []
    for kind, (index, part) in zip(kinds, places, strict=True):
        fake = _wrong_colors(photos[index]) if kind == "catch" else colorized[index]
        pairs.append(Pair(kind, _part(photos[index], part, cuts), _part(fake, part, cuts)))
    return pairs


def write_page(path: str | Path, pairs: Sequence[Pair], model_name: str) -> None:
    """Write the test as one HTML page that needs no server and loads nothing.

    It keeps a person's answers in the browser and saves them as a CSV file that `colorlib.scores.fool_rate` reads.

    Parameters
    ----------
    path : str or Path
    pairs : sequence of Pair
    model_name : str
        Name of the model on the page.

    Raises
    ------
    ValueError
        If the page would be larger than 3 MB.
    """
    for quality in _JPEG_QUALITIES:
        shown = [
            {"kind": pair.kind, "real": _jpeg_address(pair.real, quality), "fake": _jpeg_address(pair.fake, quality)}
            for pair in pairs
        ]
        page = hashlib.sha256(json.dumps([model_name, shown]).encode()).hexdigest()[:12]
        data = {
            "page": page,
            "model": model_name,
            "shown_ms": SHOWN_MS,
            "pause_ms": _PAUSE_MS,
            "columns": COLUMNS,
            "pairs": shown,
        }
        text = json.dumps(data).replace("<", "\\u003c")  # so that nothing in it can end the script element
        content = _TEMPLATE.read_text("utf-8").replace("__DATA__", text).encode()
        if len(content) <= MAX_BYTES:
            write_whole(Path(path), content)
            return
    raise ValueError(f"{Path(path).name} would have {len(content):,} bytes, more than {MAX_BYTES:,}: give fewer pairs")


def jpeg(photo: np.ndarray, quality: int) -> bytes:
    """Encode a photo, (H, W, 3) in [0, 1], as a JPEG of the size of a shown pair, without chroma subsampling."""
    buffer = io.BytesIO()
    image = Image.fromarray((photo * 255).round().astype(np.uint8))
    image.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _wrong_colors(photo: np.ndarray) -> np.ndarray:
    lightness, ab = split_lab(photo)
    turn = 1.5 * np.exp(2j * np.pi / 3)
    turned = (ab[..., 0] + 1j * ab[..., 1]) * turn
    # A nearly gray photo stays nearly gray when its hues turn, so magenta is added, which is wrong there too.
    return merge_lab(lightness, np.stack([turned.real + 25, turned.imag - 15], axis=-1))[0]


def _part(photo: np.ndarray, part: int, cuts: int) -> np.ndarray:
    height, width = (side // cuts for side in photo.shape[:2])
    row, column = divmod(part, cuts)
    return photo[row * height : (row + 1) * height, column * width : (column + 1) * width]


def _jpeg_address(photo: np.ndarray, quality: int) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(photo, quality)).decode()
