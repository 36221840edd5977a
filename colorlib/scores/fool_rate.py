"""What people's answers to the real-or-fake test say.

The fool rate is the share of colorizations that are taken for the real photo; at 50 %, nobody can tell them apart.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .real_or_fake import CATCH, COLUMNS, COUNTED, PRACTICE, SHOWN_MS

__all__ = ["CATCH_MISSES_ALLOWED", "FoolRate", "fool_rate", "read_answers"]

#: A person who gets more catch trials wrong than this is left out.
CATCH_MISSES_ALLOWED = 1
#: Milliseconds from the pair's appearance that an answer can take: it is accepted only once the pair is gone.
POSSIBLE_MS = (SHOWN_MS, 600_000)


@dataclass(frozen=True)
class FoolRate:
    """How often people take a colorization for the real photo.

    Attributes
    ----------
    rate, low, high : float
        Mean of the people's shares, and its 95 % interval.
    people : int
        Number of people who count.
    left_out : tuple of str
        People who missed more catch trials than `CATCH_MISSES_ALLOWED`.
    """

    rate: float
    low: float
    high: float
    people: int
    left_out: tuple[str, ...]


def read_answers(path: str | Path) -> list[dict[str, Any]]:
    """Read and check one person's answers, as the page saved them.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of dict
        One per trial, with the keys `colorlib.scores.real_or_fake.COLUMNS`; ``trial``, ``pair`` and ``reaction_ms`` are
        int.

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
        raise ValueError(
            f"{path.name} does not begin with the columns {','.join(COLUMNS)}: give a file that the page "
            "saved, unchanged"
        )
    rows = [_checked_row(path.name, number, line) for number, line in enumerate(lines[1:], 2)]
    if [row["trial"] for row in rows] != list(range(1, PRACTICE + COUNTED + 1)):
        raise ValueError(
            f"{path.name} holds {len(rows)} answers: a complete test has trials 1 to {PRACTICE + COUNTED}, each once"
        )
    kinds = [row["kind"] for row in rows]
    expected = {"practice": PRACTICE, "counted": COUNTED - CATCH, "catch": CATCH}
    if {kind: kinds.count(kind) for kind in expected} != expected:
        raise ValueError(f"{path.name} does not have {expected} trials: give a file that the page saved, unchanged")
    if len({(row["person"], row["page"]) for row in rows}) != 1:
        raise ValueError(f"{path.name} mixes people or pages: give one file a person")
    return rows


def fool_rate(answer_files: Sequence[str | Path], resamples: int = 10_000) -> FoolRate:
    """Compute the fool rate and its interval from people's answers.

    A person's rate is the share of counted pairs, without catch trials, in which the colorization was taken for the
    photo. People who miss more than `CATCH_MISSES_ALLOWED` of the catch trials are left out. The interval comes from a
    two-level bootstrap: people are drawn with replacement, and so are the answers of each.

    Parameters
    ----------
    answer_files : sequence of str or Path
        One file per person, all for the same page.
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
    shares: dict[str, float] = {}
    files: dict[str, str] = {}
    pages: dict[str, str] = {}
    left_out: list[str] = []
    for path in map(Path, answer_files):
        rows = read_answers(path)
        person = rows[0]["person"]
        if person in files:
            raise ValueError(f"{path.name} and {files[person]} are of the same person, {person}: give each once")
        files[person], pages[rows[0]["page"]] = path.name, path.name
        if len(pages) > 1:
            raise ValueError(f"{' and '.join(pages.values())} are of different pages: give answers to one page")
        wrong = {
            kind: [row["answer"] != row["real_side"] for row in rows if row["kind"] == kind]
            for kind in ("counted", "catch")
        }
        if sum(wrong["catch"]) > CATCH_MISSES_ALLOWED:
            left_out.append(person)
        else:
            shares[person] = float(np.mean(wrong["counted"]))
    if len(shares) < 2:
        raise ValueError(
            f"{len(files)} people answered ({', '.join(files.values()) or 'no file'}) and {len(shares)} "
            "count: an interval over people needs at least 2"
        )
    rates = np.array(list(shares.values()))
    rng = np.random.default_rng(0)
    people = rng.integers(0, len(rates), (resamples, len(rates)))
    drawn = rng.binomial(COUNTED - CATCH, rates[people]).mean(axis=1) / (COUNTED - CATCH)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return FoolRate(float(rates.mean()), float(low), float(high), len(rates), tuple(left_out))


def _checked_row(file: str, number: int, line: list[str]) -> dict[str, Any]:
    where = f"{file}, row {number}"
    if len(line) != len(COLUMNS):
        raise ValueError(f"{where} has {len(line)} values, not {len(COLUMNS)}: save the answers again from the page")
    row: dict[str, Any] = dict(zip(COLUMNS, line, strict=True))
    try:
        row |= {name: int(row[name]) for name in ("trial", "pair", "reaction_ms")}
    except ValueError as error:
        raise ValueError(
            f"{where} holds a number that is none ({error}): save the answers again from the page"
        ) from error
    for name, allowed in (
        ("kind", ("practice", "counted", "catch")),
        ("real_side", ("left", "right")),
        ("answer", ("left", "right")),
    ):
        if row[name] not in allowed:
            raise ValueError(f"{where}: {name} is {row[name]!r}, which is none of {', '.join(allowed)}")
    low, high = POSSIBLE_MS
    if not low <= row["reaction_ms"] <= high:
        raise ValueError(
            f"{where}: a reaction time of {row['reaction_ms']} ms is impossible: answers are accepted from "
            f"{low} ms on, and take at most {high // 60_000} minutes; leave this person out"
        )
    if not row["person"]:
        raise ValueError(f"{where}: the person is missing: save the answers again from the page")
    return row
