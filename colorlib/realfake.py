"""The real-or-fake test: pairs of a true photo and its colorization, and what people's answers say.

A person sees both for one second and says which is real. The fool rate is the share of colorizations that are taken
for the real photo; 50 % is what nobody can tell apart. (Zhang, Isola & Efros, "Colorful image colorization", ECCV
2016, section 3.1, asked 40 people 40 such pairs each.)
"""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .color import merge_lab, split_lab, to_gray
from .models import Colorizer
from .paths import write_whole

__all__ = ["PRACTICE", "COUNTED", "CATCH", "Pair", "FoolRate", "make_pairs", "write_page", "read_answers", "fool_rate",
           "jpeg"]

#: Pairs of one test: for practice, counted, and among the counted those that catch who doesn't look.
PRACTICE, COUNTED, CATCH = 10, 40, 4
#: A person who gets more catch trials wrong than this is left out.
CATCH_MISSES_ALLOWED = 1
SHOWN_MS = 1000
#: Milliseconds from the pair's appearance that an answer can take: it is accepted only once the pair is gone.
POSSIBLE_MS = (SHOWN_MS, 600_000)
COLUMNS = ("person", "page", "trial", "pair", "kind", "real_side", "answer", "reaction_ms")
MAX_BYTES = 3_000_000

_SIDE = 256
_PAUSE_MS = 400
_JPEG_QUALITIES = (85, 75, 65, 55)  # the first that keeps the page small enough
_TEMPLATE = Path(__file__).with_name("realfake.html")


@dataclass(frozen=True)
class Pair:
    """A true photo and a colorization of it.

    Attributes
    ----------
    kind : str
        ``"practice"``, ``"counted"``, or ``"catch"``, whose colorization is plainly wrong.
    real, fake : ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1].
    """

    kind: str
    real: np.ndarray
    fake: np.ndarray


@dataclass(frozen=True)
class FoolRate:
    """How often people take a colorization for the real photo.

    Attributes
    ----------
    rate, low, high : float
        Mean over people of each one's share, and its 95 % interval.
    people : int
        How many people count.
    left_out : tuple of str
        Who was left out, for missing more catch trials than `CATCH_MISSES_ALLOWED`.
    """

    rate: float
    low: float
    high: float
    people: int
    left_out: tuple[str, ...]


def make_pairs(photos: np.ndarray, model: Colorizer, seed: int = 0) -> list[Pair]:
    """Make the pairs of one test from photos that the model has not seen.

    Where there are fewer photos than pairs, each is cut into k×k parts, with the smallest k that gives enough; the
    model still sees the whole photo.

    Parameters
    ----------
    photos : ndarray of float32, shape (N, H, W, 3)
        Held-out photos, sRGB in [0, 1].
    model : Colorizer
    seed : int
        Of which photos, or parts, are used for what.

    Returns
    -------
    list of Pair
        `PRACTICE` for practice, then `COUNTED`, of which `CATCH` are catch trials: there the true colors are turned
        by 120° of hue and half as strong again.
    """
    needed = PRACTICE + COUNTED
    cuts = int(np.ceil(np.sqrt(needed / len(photos))))
    kinds = ["practice"] * PRACTICE + ["counted"] * (COUNTED - CATCH) + ["catch"] * CATCH
    order = np.random.default_rng(seed).permutation(len(photos) * cuts * cuts)[:needed]
    places = [divmod(int(place), cuts * cuts) for place in order]
    colorized = {index: model.colorize(to_gray(photos[index])) for index in sorted({index for index, _ in places})}
    pairs = []
    for kind, (index, part) in zip(kinds, places):
        fake = _wrong_colors(photos[index]) if kind == "catch" else colorized[index]
        pairs.append(Pair(kind, _part(photos[index], part, cuts), _part(fake, part, cuts)))
    return pairs


def write_page(path: str | Path, pairs: Sequence[Pair], model_name: str) -> None:
    """Write the test as one HTML page that needs no server and loads nothing.

    It keeps a person's answers in the browser and saves them as a CSV file that `fool_rate` reads.

    Parameters
    ----------
    path : str or Path
    pairs : sequence of Pair
    model_name : str
        What the page calls the model.

    Raises
    ------
    ValueError
        If the page would be larger than 3 MB.
    """
    for quality in _JPEG_QUALITIES:
        shown = [{"kind": pair.kind, "real": _jpeg_address(pair.real, quality),
                  "fake": _jpeg_address(pair.fake, quality)} for pair in pairs]
        page = hashlib.sha256(json.dumps([model_name, shown]).encode()).hexdigest()[:12]
        data = {"page": page, "model": model_name, "shown_ms": SHOWN_MS, "pause_ms": _PAUSE_MS, "columns": COLUMNS,
                "pairs": shown}
        text = json.dumps(data).replace("<", "\\u003c")  # so that nothing in it can end the script element
        content = _TEMPLATE.read_text("utf-8").replace("__DATA__", text).encode()
        if len(content) <= MAX_BYTES:
            write_whole(Path(path), content)
            return
    raise ValueError(f"{Path(path).name} would have {len(content):,} bytes, more than {MAX_BYTES:,}: give fewer pairs")


def read_answers(path: str | Path) -> list[dict]:
    """Read and check one person's answers, as the page saved them.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        One a trial, with the keys `COLUMNS`; ``trial``, ``pair`` and ``reaction_ms`` are int.

    Raises
    ------
    ValueError
        If the file is missing, is not what the page saves, is incomplete, or holds an impossible reaction time; the
        message names the file and the row.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name} can't be read as answers ({error}): save them again from the page") from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise ValueError(f"{path.name} does not begin with the columns {','.join(COLUMNS)}: give a file that the page "
                         "saved, unchanged")
    rows = [_checked_row(path.name, number, line) for number, line in enumerate(lines[1:], 2)]
    if [row["trial"] for row in rows] != list(range(1, PRACTICE + COUNTED + 1)):
        raise ValueError(f"{path.name} holds {len(rows)} answers: a complete test has trials 1 to {PRACTICE + COUNTED}, "
                         "each once")
    kinds = [row["kind"] for row in rows]
    expected = {"practice": PRACTICE, "counted": COUNTED - CATCH, "catch": CATCH}
    if {kind: kinds.count(kind) for kind in expected} != expected:
        raise ValueError(f"{path.name} does not have {expected} trials: give a file that the page saved, unchanged")
    if len({(row["person"], row["page"]) for row in rows}) != 1:
        raise ValueError(f"{path.name} mixes people or pages: give one file a person")
    return rows


def fool_rate(answer_files: Sequence[str | Path], resamples: int = 10_000) -> FoolRate:
    """Turn people's answers into the fool rate and its interval.

    Each person's rate is the share of counted pairs, catch trials aside, in which the colorization was taken for the
    photo. Who misses more than `CATCH_MISSES_ALLOWED` of the catch trials is left out. The interval is that of a
    two-level bootstrap: people are drawn with replacement, and so are the answers of each.

    Parameters
    ----------
    answer_files : sequence of str or Path
        One file a person, all of the same page.
    resamples : int

    Returns
    -------
    FoolRate

    Raises
    ------
    ValueError
        If a file is not right (see `read_answers`), a person comes twice, the files are of different pages, or fewer
        than two people count.
    """
    shares, left_out, files, pages = {}, [], {}, {}
    for path in map(Path, answer_files):
        rows = read_answers(path)
        person = rows[0]["person"]
        if person in files:
            raise ValueError(f"{path.name} and {files[person]} are of the same person, {person}: give each once")
        files[person], pages[rows[0]["page"]] = path.name, path.name
        if len(pages) > 1:
            raise ValueError(f"{' and '.join(pages.values())} are of different pages: give answers to one page")
        wrong = {kind: [row["answer"] != row["real_side"] for row in rows if row["kind"] == kind]
                 for kind in ("counted", "catch")}
        if sum(wrong["catch"]) > CATCH_MISSES_ALLOWED:
            left_out.append(person)
        else:
            shares[person] = np.mean(wrong["counted"])
    if len(shares) < 2:
        raise ValueError(f"{len(files)} people answered ({', '.join(files.values()) or 'no file'}) and {len(shares)} "
                         "count: an interval over people needs at least 2")
    rates = np.array(list(shares.values()))
    rng = np.random.default_rng(0)
    people = rng.integers(0, len(rates), (resamples, len(rates)))
    drawn = rng.binomial(COUNTED - CATCH, rates[people]).mean(axis=1) / (COUNTED - CATCH)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return FoolRate(float(rates.mean()), float(low), float(high), len(rates), tuple(left_out))


def jpeg(photo: np.ndarray, quality: int) -> bytes:
    """Encode a photo, (H, W, 3) in [0, 1], as a JPEG of the size at which pairs are shown, colors at full detail."""
    buffer = io.BytesIO()
    image = Image.fromarray((photo * 255).round().astype(np.uint8))
    image.resize((_SIDE, _SIDE), Image.BICUBIC).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _checked_row(file: str, number: int, line: list[str]) -> dict:
    where = f"{file}, row {number}"
    if len(line) != len(COLUMNS):
        raise ValueError(f"{where} has {len(line)} values, not {len(COLUMNS)}: save the answers again from the page")
    row = dict(zip(COLUMNS, line))
    try:
        row |= {name: int(row[name]) for name in ("trial", "pair", "reaction_ms")}
    except ValueError as error:
        raise ValueError(f"{where} holds a number that is none ({error}): save the answers again from the page") from error
    for name, allowed in (("kind", ("practice", "counted", "catch")), ("real_side", ("left", "right")),
                          ("answer", ("left", "right"))):
        if row[name] not in allowed:
            raise ValueError(f"{where}: {name} is {row[name]!r}, which is none of {', '.join(allowed)}")
    low, high = POSSIBLE_MS
    if not low <= row["reaction_ms"] <= high:
        raise ValueError(f"{where}: a reaction time of {row['reaction_ms']} ms is impossible: answers are accepted from "
                         f"{low} ms on, and take at most {high // 60_000} minutes; leave this person out")
    if not row["person"]:
        raise ValueError(f"{where}: the person is missing: save the answers again from the page")
    return row


def _wrong_colors(photo: np.ndarray) -> np.ndarray:
    lightness, ab = split_lab(photo)
    turn = 1.5 * np.exp(2j * np.pi / 3)
    turned = (ab[..., 0] + 1j * ab[..., 1]) * turn
    # A nearly gray photo stays nearly gray when turned: the added magenta is wrong on that one too.
    return merge_lab(lightness, np.stack([turned.real + 25, turned.imag - 15], axis=-1))[0]


def _part(photo: np.ndarray, part: int, cuts: int) -> np.ndarray:
    height, width = (side // cuts for side in photo.shape[:2])
    row, column = divmod(part, cuts)
    return photo[row * height:(row + 1) * height, column * width:(column + 1) * width]


def _jpeg_address(photo: np.ndarray, quality: int) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(photo, quality)).decode()
