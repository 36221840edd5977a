"""`make fuzz`: damaged files colored, faults of the machine tried, and the page on what was survived written.

``python -m fuzz --seed N`` writes the damaged file of one seed into ``build/fuzz`` and colors it, to look into it.
"""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from colorlib import __version__, paths

from .corpus import make_corpus
from .mutate import mutate
from .page import PAGE, RESULTS, page
from .run import FINE, color_damaged, count_outcomes

FOLDER = paths.BUILD / "fuzz"
TESTS = Path(__file__).resolve().parents[1]


def main() -> int:
    """Do all of it; return 1 where anything was not survived."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Color damaged files, and say what came of it.")
    parser.add_argument("--count", type=int, default=10_000, help="damaged files; 10,000 by default")
    parser.add_argument("--kills", type=int, default=20, help="of each program that is killed; 20 by default")
    parser.add_argument("--seed", type=int, help="only the file of this seed, which is kept")
    options = parser.parse_args()
    if options.seed is not None:
        (answer,) = color_damaged(range(options.seed, options.seed + 1), 1)
        print(json.dumps(answer, indent=1), keep(options.seed), sep="\n")
        return int(answer["outcome"] not in FINE)
    with tqdm(total=options.count, unit=" files", disable=not sys.stderr.isatty()) as bar:
        answers = color_damaged(range(options.count), os.cpu_count() or 1, lambda answer: bar.update())
    outcomes = count_outcomes(answers)
    for kind, counts in outcomes.items():
        print(f"{kind:10} {', '.join(f'{count:,} {outcome}' for outcome, count in counts.items())}")
    bad = [answer for answer in answers if answer["outcome"] not in FINE]
    for answer in bad:
        print(f"{answer['seed']}: {answer['outcome']}: {answer.get('why', '')[-300:]} ({keep(answer['seed'])})")
    print("\nFaults of the machine:", flush=True)
    os.environ["COLORLIB_KILLS"] = str(options.kills)
    told = Told()
    failed = pytest.main(["-q", "-m", "fault", "-n", "0", "-p", "no:cacheprovider", str(TESTS)], plugins=[told])
    result = {
        "files": options.count,
        "outcomes": outcomes,
        "most seconds": max(answer.get("seconds", 0) for answer in answers),
        "most mb": max(answer.get("mb", 0) for answer in answers),
        "asked kills": options.kills,
        "kills": told.kills,
        "faults": told.passed,
        "colorlib": __version__,
        "machine": f"{os.cpu_count()} processor cores, {platform.machine()}, Python {platform.python_version()}",
    }
    paths.write_whole(RESULTS, (json.dumps(result, indent=1) + "\n").encode())
    paths.write_whole(PAGE, page(result).encode())
    print(PAGE.relative_to(paths.ROOT))
    return int(bool(bad or failed))


def keep(seed: int) -> Path:
    """Write the damaged file of a seed into a folder, and return its path."""
    name, content, _ = mutate(make_corpus(), seed)
    paths.write_whole(FOLDER / f"{seed}-{name}", content)
    return FOLDER / f"{seed}-{name}"


class Told:
    """A plugin of pytest that notes which tests passed, and how often a program was killed in them."""

    def __init__(self):
        self.passed: list[str] = []
        self.kills: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that passed."""
        if report.when == "call" and report.passed:
            name = report.nodeid.rpartition("::")[2].partition("[")[0]
            if name not in self.passed:
                self.passed.append(name)
            if kills := dict(report.user_properties).get("kills"):
                self.kills[name] = kills


if __name__ == "__main__":
    sys.exit(main())
