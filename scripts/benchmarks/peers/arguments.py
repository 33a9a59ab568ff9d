"""The command line that all programs share."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGES = 5  #: of each target, at most
PAGE_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What to fetch, where to write it."""

    url: str  #: of the server, without a trailing slash
    targets: Sequence[str]
    output: Path  #: a file, or a directory where a program writes several
    state: Path  #: a directory for what a program has to remember; it is there
    is_resumable: bool  #: whether the same command again is to go on where this one was stopped
    rate: tuple[int, float] | None  #: calls, and in how many seconds

    @property
    def seconds_a_call(self) -> float | None:
        """The seconds from one call to the next that the rate means."""
        return None if self.rate is None else self.rate[1] / self.rate[0]


def parsed(about: str | None) -> Arguments:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("url")
    parser.add_argument("targets", type=Path, help="file, a target in each line")
    parser.add_argument("output", type=Path)
    parser.add_argument("--state-dir", type=Path, required=True, help="for what has to be remembered")
    parser.add_argument("--resumable", action="store_true", help="the same command again goes on")
    parser.add_argument("--rate", nargs=2, type=float, metavar=("CALLS", "SECONDS"))
    given = parser.parse_args()
    given.state_dir.mkdir(parents=True, exist_ok=True)
    rate = None if given.rate is None else (int(given.rate[0]), given.rate[1])
    return Arguments(
        url=given.url,
        targets=given.targets.read_text().split(),
        output=given.output,
        state=given.state_dir,
        is_resumable=given.resumable,
        rate=rate,
    )
