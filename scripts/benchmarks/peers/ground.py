"""The pages that every program fetches: learnt by the server beforehand, and every row of them known."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from benchmarks.pages import Case, job_of
from benchmarks.peers.arguments import PAGE_ROWS, PAGES
from benchmarks.peers.rows import KEY_BYTES, key_of, split
from benchmarks.program import whole
from benchmarks.stage import Stage, aliases, staged, targets_with

#: Of a target. Some are lost, and so are in no list of those that are there: well above what is fetched.
_LINKS = 2 * PAGES * PAGE_ROWS


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A server that knows all pages."""

    case: Case
    stage: Stage
    keys: bytes  #: of all rows, one after the other

    @property
    def pages(self) -> int:
        """How many pages there are to fetch."""
        return self.case.targets * self.case.pages

    @property
    def rows(self) -> int:
        """How many rows they have."""
        return self.pages * self.case.rows

    @property
    def targets(self) -> list[str]:
        """Whose they are."""
        return aliases(self.case.targets)


@contextmanager
def learnt(folder: Path, targets: int) -> Iterator[Ground]:
    """Let a server learn the pages. Raises RuntimeError if not all rows are there, or not all distinct."""
    case = Case(provider="serpstat", rows=PAGE_ROWS, targets=targets, pages=PAGES, rows_at=("result", "data"))
    with staged(folder / "server", targets=targets_with(_LINKS, targets)) as stage:
        job = job_of(case, stage, folder / "learning", "raw", aliases(targets))
        whole(job.command(), environ=job.environ, log=folder / "log")
        keys = b"".join(_keys(stage, case))
        ground = Ground(case=case, stage=stage, keys=keys)
        found, distinct = len(keys) // KEY_BYTES, len(split(keys))
        if not ground.rows == found == distinct:
            raise RuntimeError(f"{ground.rows} rows are needed; there are {found}, {distinct} of them distinct")
        yield ground


def _keys(stage: Stage, case: Case) -> Iterator[bytes]:
    for target in aliases(case.targets):
        for page in range(1, case.pages + 1):
            with urlopen(f"{stage.url}/links?{urlencode({'target': target, 'page': page})}", timeout=30) as reply:
                for row in json.load(reply)["result"]["data"]:
                    yield key_of(row)
