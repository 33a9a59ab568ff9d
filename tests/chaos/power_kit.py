"""A disk that loses its power: from the log of what a run did, what may be left of it.

What was forced to disk is there. What was not may be there wholly, in part or not at all, in any order: sectors of 512
bytes one by one, or zeros where a file has grown. A name counts only once its directory was forced to disk, and a new
directory is lost with all that is in it. A file that moves between two directories is in one of them or the other, as
journals keep it. A sync that failed has dropped what waited: no later one brings it back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from disk_kit import Operation

SECTOR_BYTES = 512


@dataclass(frozen=True, kw_only=True)
class Survival:
    """How much of what was not forced to disk is left of it."""

    name: str
    names: float  #: share of the changes of names
    writes: float  #: share of the writes that are there as a whole
    torn: float = 0.0  #: share of the others of which some sectors are there


NOTHING = Survival(name="nothing", names=0, writes=0)
EVERYTHING = Survival(name="everything", names=1, writes=1)
NAMES_ONLY = Survival(name="names without contents", names=1, writes=0)
CONTENTS_ONLY = Survival(name="contents without names", names=0, writes=1)
HALF = Survival(name="half of it", names=0.7, writes=0.5, torn=0.5)
SHREDS = Survival(name="shreds", names=0.7, writes=0.1, torn=0.9)
FIXED = (NOTHING, EVERYTHING, NAMES_ONLY, CONTENTS_ONLY)
BY_CHANCE = (HALF, SHREDS)


@dataclass
class _File:
    durable: bytes = b""
    waiting: list[tuple[int, bytes | None]] = field(default_factory=list)  #: offset and data; a size and None

    def sync(self) -> None:
        content = bytearray(self.durable)
        for offset, data in self.waiting:
            _change(content, offset, data)
        self.durable = bytes(content)
        self.waiting.clear()

    def left(self, survival: Survival, chance: Random) -> bytes:
        content = bytearray(self.durable)
        for offset, data in self.waiting:
            if chance.random() < survival.writes:
                _change(content, offset, data)
            elif data is not None and chance.random() < survival.torn:
                _tear(content, offset, data, chance)
        return bytes(content)


@dataclass(eq=False)
class _Change:
    """A change of names: of one directory, or of two when a file moves between them."""

    names: list[tuple["_Directory", str | None, str | None]]  #: the name before, and after
    node: "_File | _Directory | None"


@dataclass(eq=False)
class _Directory:
    durable: dict[str, "_File | _Directory"] = field(default_factory=dict)
    now: dict[str, "_File | _Directory"] = field(default_factory=dict)
    waiting: list[_Change] = field(default_factory=list)

    def change(self, before: str | None, after: str | None, node: "_File | _Directory | None") -> None:
        _change_names(_Change([(self, before, after)], node))

    def sync(self) -> None:
        for change in list(self.waiting):
            for directory, before, after in change.names:
                _rename(directory.durable, before, after, change.node)
                directory.waiting.remove(change)


def _change_names(change: _Change) -> None:
    for directory, before, after in change.names:
        _rename(directory.now, before, after, change.node)
        directory.waiting.append(change)


class Disk:
    """What a watched folder holds, and what of it would survive."""

    def __init__(self, root: Path, operations: Iterable[Operation] = ()) -> None:
        self._root = root.resolve()
        self._top = _Directory()
        for operation in operations:
            self.do(operation)

    def hold(self, folder: Path) -> None:
        """Hold what a folder has now, all of it forced to disk."""
        self._top = _durable(folder)

    def do(self, operation: Operation) -> None:
        """Follow the next operation."""
        if operation.kind in ("send", "recv"):
            return
        if operation.errno:
            if operation.kind == "sync":
                self._file(operation.path).waiting.clear()
            return
        _DO[operation.kind](self, operation)

    def lose_power(self, survival: Survival, chance: Random, into: Path) -> None:
        """Write down what is left."""
        _lay_down(self._top, survival, chance, into, {})

    def _at(self, path: str) -> tuple[_Directory, str]:
        *folders, name = Path(path).relative_to(self._root).parts
        directory = self._top
        for folder in folders:
            found = directory.now[folder]
            assert isinstance(found, _Directory)
            directory = found
        return directory, name

    def _file(self, path: str) -> _File:
        directory, name = self._at(path)
        found = directory.now[name]
        assert isinstance(found, _File)
        return found

    def _directory(self, path: str) -> _Directory:
        if Path(path) == self._root:
            return self._top
        directory, name = self._at(path)
        found = directory.now[name]
        assert isinstance(found, _Directory)
        return found

    def _create(self, operation: Operation) -> None:
        directory, name = self._at(operation.path)
        directory.change(None, name, _File())

    def _mkdir(self, operation: Operation) -> None:
        directory, name = self._at(operation.path)
        directory.change(None, name, _Directory())

    def _unlink(self, operation: Operation) -> None:
        directory, name = self._at(operation.path)
        directory.change(name, None, None)

    def _rename(self, operation: Operation) -> None:
        directory, after = self._at(operation.path)
        source, before = self._at(operation.data.decode())
        node = source.now[before]
        if source is directory:
            directory.change(before, after, node)
        else:
            _change_names(_Change([(source, before, None), (directory, None, after)], node))

    def _write(self, operation: Operation) -> None:
        self._file(operation.path).waiting.append((operation.offset, operation.data))

    def _truncate(self, operation: Operation) -> None:
        self._file(operation.path).waiting.append((operation.offset, None))

    def _sync(self, operation: Operation) -> None:
        self._file(operation.path).sync()

    def _syncdir(self, operation: Operation) -> None:
        self._directory(operation.path).sync()


_DO = {
    "create": Disk._create,
    "mkdir": Disk._mkdir,
    "unlink": Disk._unlink,
    "rename": Disk._rename,
    "write": Disk._write,
    "truncate": Disk._truncate,
    "sync": Disk._sync,
    "syncdir": Disk._syncdir,
}


def _durable(folder: Path) -> _Directory:
    held: dict[str, _File | _Directory] = {
        path.name: _durable(path) if path.is_dir() else _File(durable=path.read_bytes()) for path in folder.iterdir()
    }
    return _Directory(durable=dict(held), now=held)


def _rename(
    names: dict[str, _File | _Directory], before: str | None, after: str | None, node: _File | _Directory | None
) -> None:
    if before is not None:
        names.pop(before, None)
    if after is not None and node is not None:
        names[after] = node


def _change(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
    content.extend(bytes(max(0, offset - len(content))))
    if data is not None:
        content[offset : offset + len(data)] = data


def _tear(content: bytearray, offset: int, data: bytes, chance: Random) -> None:
    """Let some sectors of a write be there; where the file had grown for the others there may be zeros."""
    at = 0
    while at < len(data):
        end = min(len(data), at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES)
        lot = chance.randrange(3)
        if lot == 0:
            _change(content, offset + at, data[at:end])
        elif lot == 1:
            content.extend(bytes(max(0, offset + end - len(content))))
        at = end


def _lay_down(directory: _Directory, survival: Survival, chance: Random, into: Path, lots: dict[_Change, bool]) -> None:
    """Write down what is left of a directory; `lots`: of each change of names, whether it is there."""
    into.mkdir(mode=0o700, exist_ok=True)
    names = dict(directory.durable)
    for change in directory.waiting:
        if lots.setdefault(change, chance.random() < survival.names):
            for place, before, after in change.names:
                if place is directory:
                    _rename(names, before, after, change.node)
    for name, node in names.items():
        if isinstance(node, _Directory):
            _lay_down(node, survival, chance, into / name, lots)
        elif not name.endswith("-shm"):  # SQLite's memory of its own, made anew
            (into / name).write_bytes(node.left(survival, chance))
