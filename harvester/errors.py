"""Every error of the project. The tree says what happens next.

HarvestError
  ConfigError       a file, a flag or the job directory is wrong   -> fix it, start again (exit 2)
  HarvestRefused    one harvest asks what its provider cannot do   -> becomes a ConfigError
  TransportError    no whole reply arrived                         -> the engine asks again
    ConnectFailed     the request was not written: certainly not billed
    ReplyLost         the request was written: perhaps billed, its hold stays spent
  UnknownReply      the provider changed its shape                 -> the task is set aside
  UnreadableRow     one row cannot be mapped                       -> the row goes to rejects.jsonl
  OutOfUnits        the ledger said no                             -> the task waits
  GateShut          the lane stopped while a request waited        -> its hold is released, nothing was sent
  StorageError      sink or checkpoint failed                      -> the run stops; resume later (exit 1)

Expected answers of a provider are `model.Verdict`s, not exceptions.
"""

from collections.abc import Sequence


class HarvestError(Exception):
    """Anything that this project reports by itself."""


class ConfigError(HarvestError):
    """A config file, a flag or a job directory that cannot be used as it is.

    `faults` holds one finished sentence for each thing that is wrong, so that a user sees all of them at once.
    """

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class HarvestRefused(HarvestError):
    """One key of a harvest asks for something its provider cannot do.

    The provider knows the key and the remedy, not the file; whoever read the config adds file and table.
    """

    def __init__(self, key: str, found: object, expected: str) -> None:
        self.key = key
        self.found = found
        self.expected = expected
        super().__init__(f"{key} = {found!r}: expected {expected}")


class TransportError(HarvestError):
    """No whole reply arrived."""


class ConnectFailed(TransportError):
    """The request never left: certainly not billed."""


class ReplyLost(TransportError):
    """The request left and no whole reply came back: perhaps billed, so its hold is charged as in doubt."""


class UnknownReply(HarvestError):
    """A reply that says success in a shape that is not the provider's."""


class UnreadableRow(HarvestError):
    """A row that cannot be turned into a record; it was paid for, so it is kept in rejects.jsonl."""


class OutOfUnits(HarvestError):
    """The units asked for are not free."""


class GateShut(HarvestError):
    """A request that stood at the gate when its lane stopped; it was never sent."""


class StorageError(HarvestError):
    """Output or checkpoint could not be written or read; nothing after the last commit counts."""
