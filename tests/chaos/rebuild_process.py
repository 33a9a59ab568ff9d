"""Rebuilds a job by a mapping that is another than the job's: a process of its own, so that it can be killed."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from harvester.assembly.crops import crops_of
from harvester.assembly.rebuild import rebuild_job
from harvester.engine.render import Crop
from harvester.errors import UnreadableRow
from harvester.job import Job
from harvester.model import Exchange, Row


class Other:
    """A harvest whose rows are mapped otherwise, and some not at all."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        """Return the record, changed."""
        record = self._exchange.record_of(row, arrived_at)
        if len(str(record.get("url_from") or record.get("domain"))) % 5 == 0:
            raise UnreadableRow("not today")
        return {**record, "extra": {"mapped": "otherwise"}}


def otherwise(job: Job) -> Mapping[str, Crop]:
    """Return the job's harvests, mapped otherwise."""
    return {name: replace(crop, exchange=Other(crop.exchange)) for name, crop in crops_of(job).items()}


if __name__ == "__main__":
    rebuild_job(Path(sys.argv[1]), print, crops=otherwise)
