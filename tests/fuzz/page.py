"""Writes ``benchmarks/survived.md``, the report's page on damaged files and faults, from what `make fuzz` found."""

import json

from colorlib import paths

from .run import FINE

__all__ = ["PAGE", "RESULTS", "page"]

PAGE = paths.BENCHMARKS.parent / "survived.md"
RESULTS = paths.BENCHMARKS / "fuzz.json"
TEMPLATE = """# What was survived

Photos come from forty years and six programs, and machines are switched off in the middle of things. So files were
damaged on purpose, and so were the circumstances. A run counts as survived if nothing crashes, nothing hangs, no
photo of less than 1 MB takes more than 1 GB of memory or 10 seconds, no error is more than one line that names the
file, and no file is ever left half written. `make fuzz` does all of this, and writes this page.

## {files:,} damaged files

Valid files of every format, gray and in color, of 8 and 16 bits, with opacity, palettes, profiles and metadata, were
made in code, then damaged at random: bits flipped, bytes lost, repeated and overwritten, chunks and tags changed,
dropped and exchanged with their checksums put right, files cut off. Each was given to `colorlib colorize` together with
a sound photo, which has to come out whatever happens to the other, and read as the report reads photos.

{outcomes}

*Colored* means that what could be read of it was, and that the output is whole. *Refused* means one line that says
which file is damaged. {others} The slowest took {seconds:.1f} s, the most memory that one took was
{mb:,} MB.

## Faults of the machine

Each line is a test that is marked so in `tests/`, with real programs, real disks and a real host of photos: one that
is slow, silent, breaks off, sends something else, redirects, or answers that there is no such file.

{faults}

## How to repeat it

`make fuzz COUNT={count} KILLS={asked}` takes about a quarter of an hour. The damage depends on a number alone, so that
any file can be had again: `PYTHONPATH=tests python -m fuzz --seed 17` writes it and says what comes of it. The first
few hundred are colored in every `make test`.

{remark}Done by version {version}, on: {machine}.
"""


def page(result: dict) -> str:
    """Make the page from what `make fuzz` found."""
    kinds = sorted({outcome for counts in result["outcomes"].values() for outcome in counts})
    sums = {kind: sum(counts.get(kind, 0) for counts in result["outcomes"].values()) for kind in kinds}
    rows = [
        [name, *(f"{counts.get(outcome, 0):,}" for outcome in kinds)]
        for name, counts in (*result["outcomes"].items(), ("all", sums))
    ]
    others = ", ".join(f"{count:,} {kind}" for kind, count in sums.items() if kind not in FINE)
    return TEMPLATE.format(
        files=result["files"],
        count=result["files"],
        others=f"**Not survived: {others}.**" if others else "Nothing else happened.",
        outcomes="\n".join(f"| {' | '.join(row)} |" for row in (["format", *kinds], ["---"] * (1 + len(kinds)), *rows)),
        seconds=result["most seconds"],
        mb=result["most mb"],
        faults="\n".join(f"- {_sentence(name, result['kills'].get(name))}" for name in result["faults"]),
        asked=result["asked kills"],
        remark=f"{result['remark']}\n\n" if "remark" in result else "",
        version=result["colorlib"],
        machine=result["machine"],
    )


def _sentence(name: str, kills: int | None) -> str:
    """Make a sentence of a test's name."""
    words = name.removeprefix("test_").replace("_", " ")
    return f"{words[0].upper()}{words[1:]}{f': killed {kills} times' if kills else ''}."


if __name__ == "__main__":
    paths.write_whole(PAGE, page(json.loads(RESULTS.read_text("utf-8"))).encode())
    print(PAGE.relative_to(paths.ROOT))
