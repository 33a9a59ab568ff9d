"""What comes to a server, counted by the server's own clock: requests, answers, windows, what is open."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

Clock = Callable[[], float]  #: returns seconds

_SHOWN = (
    *("requests", "paid", "misses", "refused", "twice", "most_open", "most_in_window"),
    *("first_s", "last_s", "first_paid_s", "last_paid_s", "now_s"),
)


@dataclass(slots=True, kw_only=True)
class Meter:
    """What came since the meter was set to zero. Seconds count from then, or from the beginning of the last lap."""

    clock: Clock = perf_counter
    requests: int = 0
    paid: int = 0  #: requests but for questions about an account, which are free
    misses: int = 0  #: passed on
    refused: int = 0
    twice: int = 0  #: paid answers that were sent before
    most_open: int = 0
    most_in_window: int = 0
    first_s: float | None = None
    last_s: float | None = None  #: of an answer
    first_paid_s: float | None = None
    last_paid_s: float | None = None
    _open: int = 0
    _sent: set[int] = field(default_factory=set)  #: hashes of keys; a million keys would take ten times the memory
    _began_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._began_s = self.clock()

    @property
    def now_s(self) -> float:
        """What the clock shows."""
        return self.clock() - self._began_s

    def lap(self) -> None:
        """Let seconds count from now, for what comes from now on; the counts go on."""
        self.first_s = self.last_s = self.first_paid_s = self.last_paid_s = None
        self._began_s = self.clock()

    def came(self, *, is_paid: bool = True) -> None:
        """Count a request."""
        now_s = self.now_s
        self.requests += 1
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        if self.first_s is None:
            self.first_s = now_s
        if is_paid:
            self.paid += 1
            self.last_paid_s = now_s
            if self.first_paid_s is None:
                self.first_paid_s = now_s

    def went(self, key: bytes | None, *, is_paid: bool = True) -> None:
        """Count an answer; no key = it was a refusal."""
        self._open -= 1
        self.last_s = self.now_s
        if key is None:
            self.refused += 1
        elif is_paid and hash(key) in self._sent:
            self.twice += 1
        elif is_paid:
            self._sent.add(hash(key))

    def shown(self) -> bytes:
        """Return the counts as JSON."""
        return json.dumps({**{name: getattr(self, name) for name in _SHOWN}, "pages": len(self._sent)}).encode()


@dataclass(slots=True)
class Limit:
    """So many requests in any window, by arrival; those beyond it are refused and count as well."""

    calls: int
    window_s: float
    _arrivals: deque[float] = field(default_factory=deque)

    def admits(self, meter: Meter) -> bool:
        """Whether the request that comes now is within the limit."""
        now_s = meter.clock()
        while self._arrivals and self._arrivals[0] <= now_s - self.window_s:
            self._arrivals.popleft()
        self._arrivals.append(now_s)
        meter.most_in_window = max(meter.most_in_window, len(self._arrivals))
        return len(self._arrivals) <= self.calls


def share_used(shown: Mapping[str, Any], calls: int, window_s: float) -> float:
    """Return how much of a limit was used from the first paid request to the last, by what a meter has shown.

    What was refused is not used.
    """
    seconds: float = shown["last_paid_s"] - shown["first_paid_s"]
    return float((shown["paid"] - shown["refused"] - 1) * window_s / calls / seconds)
