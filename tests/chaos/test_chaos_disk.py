"""Disks that are full, broken or read-only: the run stops with a sentence, nothing is lost, the next run goes on."""

import asyncio
import errno
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from chaos_kit import TARGETS, Ended, Figures, Job, assert_no_traceback, chance, of
from disk_kit import SHORT, Operation, Rule, beside_each_other, needs_shim, operations_in, quick_runs
from promise_kit import Bill, Whole, assert_kept, pages_in, sandbox_that_counts, undisturbed, units_charged

pytestmark = needs_shim


@dataclass(frozen=True, kw_only=True)
class Spot:
    """An operation that fails, and what the user is told."""

    kind: str
    suffix: str
    says: str  #: in the message, beside the cause
    errors: tuple[int, ...]
    numbers: tuple[int, int] = (1, 1)  #: of the operation, at least and at most


FULL = (errno.ENOSPC, errno.EDQUOT)
BROKEN = (errno.EIO, errno.EROFS)
ANY = (*FULL, *BROKEN)

SPOTS = [
    Spot(kind="write", suffix="backlinks.jsonl", says="backlinks.jsonl", errors=ANY, numbers=(1, 4)),
    Spot(kind="write", suffix="tasks.jsonl", says="tasks.jsonl", errors=ANY, numbers=(1, 3)),
    Spot(kind="sync", suffix="refdomains.jsonl", says="refdomains.jsonl", errors=(*FULL, errno.EIO), numbers=(1, 4)),
    Spot(kind="create", suffix=".jsonl", says=".jsonl", errors=ANY, numbers=(1, 9)),
    Spot(kind="write", suffix="-wal", says="state.sqlite3", errors=ANY, numbers=(1, 200)),
    Spot(kind="sync", suffix="-wal", says="state.sqlite3", errors=(errno.EIO, errno.ENOSPC), numbers=(1, 25)),
    Spot(kind="create", suffix="state.sqlite3", says="state.sqlite3", errors=ANY),
    Spot(kind="create", suffix="-wal", says="state.sqlite3", errors=ANY),
    Spot(kind="create", suffix="-shm", says="state.sqlite3", errors=ANY),
    Spot(kind="write", suffix="-shm", says="state.sqlite3", errors=ANY, numbers=(1, 4)),
    Spot(kind="create", suffix="-journal", says="state.sqlite3", errors=ANY),
    Spot(kind="write", suffix="-journal", says="state.sqlite3", errors=ANY, numbers=(1, 2)),
    Spot(kind="sync", suffix="-journal", says="state.sqlite3", errors=(errno.EIO,), numbers=(1, 2)),
    Spot(kind="write", suffix="state.sqlite3", says="state.sqlite3", errors=ANY),
    Spot(kind="sync", suffix="state.sqlite3", says="state.sqlite3", errors=(errno.EIO,)),
    Spot(kind="create", suffix="manifest.new", says="manifest.json", errors=ANY),
    Spot(kind="write", suffix="manifest.new", says="manifest.json", errors=ANY),
    Spot(kind="sync", suffix="manifest.new", says="manifest.json", errors=(errno.EIO, errno.ENOSPC)),
    Spot(kind="rename", suffix="manifest.json", says="manifest.json", errors=ANY),
    Spot(kind="mkdir", suffix="chaos", says="chaos", errors=ANY),
    Spot(kind="mkdir", suffix="replies", says="replies", errors=ANY),
    Spot(kind="create", suffix=".lock", says=".lock", errors=ANY, numbers=(1, 4)),
    Spot(kind="write", suffix=".lock", says=".lock", errors=ANY, numbers=(1, 4)),
]
