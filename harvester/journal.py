"""The job's log file: text or JSON lines. A log that cannot be written never costs data."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from harvester.codec import dump
from harvester.display import shown

FILE_NAME = "harvester.log"
MOST_CHARS = 4000
ROOT = logging.getLogger("harvester")


class _Utc(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).strftime(datefmt or "%Y-%m-%dT%H:%M:%SZ")


class _Text(_Utc):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record), MOST_CHARS)


class _Json(_Utc):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": shown(record.getMessage(), MOST_CHARS),
        }
        if record.exc_info:
            line["error"] = shown(self.formatException(record.exc_info), MOST_CHARS)
        return dump(line).decode()


class _Unbreakable(logging.FileHandler):
    """A full disk stops the run where rows are stored, not here."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the line."""

    def close(self) -> None:
        """Close the file; what it would not take before, it may refuse once more."""
        with suppress(OSError):
            super().close()


@contextmanager
def logging_to(directory: Path, log_format: str) -> Iterator[None]:
    """Write the project's log into the job directory for the length of the block; `log_format` is text or json."""
    path = directory / FILE_NAME
    try:
        path.touch(mode=0o600)
        if path.is_fifo():
            raise OSError("nobody may ever read what is written into it")
        handler: logging.Handler = _Unbreakable(path, encoding="utf-8", errors="backslashreplace")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    level = ROOT.level
    ROOT.setLevel(logging.INFO)
    ROOT.addHandler(handler)
    try:
        yield
    finally:
        ROOT.removeHandler(handler)
        ROOT.setLevel(level)
        handler.close()
