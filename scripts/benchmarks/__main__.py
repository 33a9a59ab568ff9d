"""`./scripts/bench`: measures section by section, prints a table of each, and says what was not reached."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import depth, lanes, pages, rate, scale, steps
from benchmarks.peers import kills, limit, speed
from benchmarks.table import Figure, markdown

HEAD = ("what", "measured", "goal", "beside it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table."""

    title: str
    measure: Callable[[Path, bool], Iterator[Figure]]  #: gets a folder of its own, and whether it shall be quick


#: In the order in which they run.
SECTIONS: Mapping[str, Section] = {
    "pages": Section(title="Beside a loop that promises nothing", measure=pages.figures),
    "steps": Section(title="Where the time of a page goes", measure=steps.figures),
    "scale": Section(title="A thousand targets, and a million", measure=scale.figures),
    "depth": Section(title="A target of ten million rows, and many large pages at once", measure=depth.figures),
    "rate": Section(title="Of what is allowed, how much is used", measure=rate.figures),
    "lanes": Section(title="Four lanes at once", measure=lanes.figures),
}
#: Beside other tools, in an environment of their own: `--peers`.
PEER_SECTIONS: Mapping[str, Section] = {
    "peers-speed": Section(title="The same job for everybody", measure=speed.figures),
    "peers-kills": Section(title="Killed, and run again", measure=kills.figures),
    "peers-limit": Section(title="20 requests in 2 seconds, and not one more", measure=limit.figures),
}
ALL = {**SECTIONS, **PEER_SECTIONS}


def machine() -> str:
    """Return on what it was measured, and what."""
    found = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{name} {version(name)}" for name in ("harvester", "aiohttp", "orjson"))
    name = found.partition(": ")[2] or platform.machine()
    return f"{cores} cores of {name}, {platform.system()}, Python {platform.python_version()}, {versions}"


def _lines(path: str) -> Sequence[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return ()


def main() -> int:
    """Run the sections that are asked for; 0 = all goals are reached."""
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(ALL)}")
    parser.add_argument("--peers", action="store_true", help="everything, and then beside other tools")
    parser.add_argument("--quick", action="store_true", help="much smaller, and so less certain")
    parser.add_argument("--floor", action="store_true", help="hold speeds against floors that noise does not come near")
    parser.add_argument("--folder", type=Path, help="where jobs are written; a disk, not memory, to be honest")
    given = parser.parse_args()
    if unknown := set(given.sections) - ALL.keys():
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n", flush=True)
    missed = 0
    for name in given.sections or (ALL if given.peers else SECTIONS):
        section = ALL[name]
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="bench-") as folder:
            figures = list(section.measure(Path(folder), given.quick))
        if given.floor:
            figures = [figure.lowered() for figure in figures]
        missed += sum(not figure.is_met for figure in figures)
        print(f"## {section.title}\n\n{markdown([figure.cells() for figure in figures], HEAD)}", flush=True)
    print("All goals are reached." if not missed else f"{missed} goals are not reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
