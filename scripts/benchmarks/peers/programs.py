"""The programs that are compared: each does the same job, and goes on with it in its own way after a stop."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.pages import job_of
from benchmarks.peers import environment
from benchmarks.peers.ground import Ground
from benchmarks.peers.rows import Counted, in_other_process
from benchmarks.stage import Job, environ_of
from benchmarks.table import Goal

_HERE = Path(__file__).parent
Rate = tuple[int, float]  #: calls, and in how many seconds

#: Nobody reports to anybody; `HOME` is that of the run, so that no run finds what another one has left.
_SILENT = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a program is to do."""

    ground: Ground
    folder: Path  #: its own; the same one again = go on, if it can
    rate: Rate | None = None
    is_resumable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(ABC):
    """One program, in one way of using it."""

    name: str
    reading: str  #: how rows are found in its files: of `rows.READINGS`

    @abstractmethod
    def command(self, given: Given) -> Sequence[str | Path]:
        """Return the command that does the job, and that goes on with it after a stop."""

    @abstractmethod
    def environ(self, given: Given) -> Mapping[str, str]:
        """Return its environment."""

    @abstractmethod
    def files(self, folder: Path) -> Sequence[Path]:
        """Return the files with its rows, as far as they are there."""

    def counted(self, given: Given) -> Counted:
        """Count what it has written."""
        return in_other_process(given.ground.keys, self.files(given.folder), self.reading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer(Program):
    """A tool that is not ours."""

    script: str
    distributions: Sequence[str]
    output: str = "rows.jsonl"  #: a file, or a directory where there are several
    results: str | None = None  #: in that directory, the files with rows
    can_resume: bool = True
    goal: Goal | None = None  #: how many times as fast harvester has to be

    @property
    def versions(self) -> str:
        """Return what it is made of."""
        known = environment.versions()
        return ", ".join(f"{name} {known[name]}" for name in self.distributions)

    def command(self, given: Given) -> Sequence[str | Path]:
        """Return the command; all programs have the same options."""
        given.folder.mkdir(parents=True, exist_ok=True)
        targets = given.folder / "targets.txt"
        targets.write_text("\n".join(given.ground.targets) + "\n")
        fetched: Sequence[str | Path] = (given.ground.stage.url, targets, given.folder / self.output)
        resumable = ["--resumable"] if given.is_resumable else []
        rate = [] if given.rate is None else ["--rate", *map(str, given.rate)]
        state = given.folder / "state"
        return [environment.python(), _HERE / self.script, *fetched, "--state-dir", state, *resumable, *rate]

    def environ(self, given: Given) -> Mapping[str, str]:
        """Return an environment in which it tells nobody anything."""
        return environ_of({**_SILENT, "HOME": str(given.folder), "DLT_DATA_DIR": str(given.folder / "dlt")})

    def files(self, folder: Path) -> Sequence[Path]:
        """Return its file, or its files."""
        output = folder / self.output
        if self.results is not None:
            return sorted(output.glob(self.results))
        return [output] if output.exists() else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvester(Program):
    """Ours."""

    rows: str  #: as in `[output]`

    def _job(self, given: Given) -> Job:
        rate = "unlimited" if given.rate is None else f"{given.rate[0]}/{given.rate[1]:g}seconds"
        ground = given.ground
        return replace(job_of(ground.case, ground.stage, given.folder, self.rows, ground.targets), rate=rate)

    def command(self, given: Given) -> Sequence[str | Path]:
        """Return `harvester run`."""
        return self._job(given).command()

    def environ(self, given: Given) -> Mapping[str, str]:
        """Return an environment with the server's keys."""
        return self._job(given).environ

    def files(self, folder: Path) -> Sequence[Path]:
        """Return its records."""
        return sorted((folder / "out").glob("serpstat.backlinks.jsonl"))


RAW = Harvester(name='harvester, rows = "raw"', reading="raw", rows="raw")
RECORD = Harvester(name='harvester, rows = "record"', reading="lines", rows="record")

PEERS: Sequence[Peer] = (
    Peer(
        name="dlt",
        distributions=["dlt"],
        script="with_dlt.py",
        reading="lines",
        output="rows",
        results="links/links/*.jsonl",
        goal=Goal(">=", 7),
    ),
    Peer(
        name="Airbyte CDK",
        distributions=["airbyte-cdk"],
        script="with_airbyte.py",
        reading="messages",
        goal=Goal(">=", 7),
    ),
    Peer(name="Scrapy", distributions=["Scrapy"], script="with_scrapy.py", reading="lines", goal=Goal(">=", 15)),
    Peer(
        name="Crawlee",
        distributions=["crawlee"],
        script="with_crawlee.py",
        reading="array",
        output="rows.json",
        goal=Goal(">=", 40),
    ),
    Peer(
        name="Scrapy, tuned",
        distributions=["Scrapy", "orjson"],
        script="with_scrapy_tuned.py",
        reading="lines",
        can_resume=False,
        goal=Goal(">=", 3),
    ),
    Peer(
        name="Crawlee, tuned",
        distributions=["crawlee", "orjson"],
        script="with_crawlee_tuned.py",
        reading="lines",
        can_resume=False,
        goal=Goal(">=", 2),
    ),
    Peer(
        name="a loop by hand",
        distributions=["aiohttp", "aiolimiter", "tqdm"],
        script="by_hand.py",
        reading="lines",
    ),
)
#: Those that are made to go on after a stop, and to keep to a rate: what is tuned for speed alone does neither.
LASTING: Sequence[Program] = (RAW, *(peer for peer in PEERS if peer.can_resume))
