"""What each key was charged, how fast it called, and whether it may call now.

The promises of the harvester are judged by these numbers, so they are taken at the provider's side: arrival is counted
when the request is here, by the server's own monotonic clock, refused requests included.
"""

import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harvester.errors import ConfigError

_RATE = re.compile(r"(\d+)\s*/\s*(\d*)\s*(second|minute|hour|day)s?")
_UNIT_S = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_MOST_PATHS = 100
_MOST_CACHED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `calls` requests in any window of `window_s` seconds."""

    calls: int | None  #: None = unlimited; the window is still measured
    window_s: float
    is_fixed: bool = False  #: windows begin at whole multiples of `window_s`, not anywhere
    is_shared: bool = False  #: all keys of the provider fill one window


def parse_rate(text: str, *, fallback_s: float = 60.0) -> Rate:
    """Return the rate meant by "60/minute", "60/6seconds" or "unlimited" (measured over `fallback_s` seconds).

    Raises ConfigError.
    """
    if text.strip() == "unlimited":
        return Rate(calls=None, window_s=fallback_s)
    match = _RATE.fullmatch(text.strip())
    calls, number = (int(match[1]), int(match[2] or 1)) if match else (0, 0)
    if match is None or not calls or not number:
        raise ConfigError(f'rate {text!r}: expected "60/minute", "60/6seconds" or "unlimited"')
    return Rate(calls=calls, window_s=number * _UNIT_S[match[3]])


class Window:
    """Counts arrivals and says which of them are within the rate."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.most = 0  #: most arrivals seen in any window, wherever it begins
        self._arrived: deque[float] = deque()
        self._admitted: deque[float] = deque()

    def arrive(self, now_s: float) -> float | None:
        """Count one arrival; return None if it is admitted, else the seconds until the next one would be.

        A refused request does not fill the window.
        """
        self._arrived.append(now_s)
        _forget(self._arrived, now_s - self.rate.window_s)
        self.most = max(self.most, len(self._arrived))
        _forget(self._admitted, self._begin(now_s))
        if self.rate.calls is not None and len(self._admitted) >= self.rate.calls:
            return self._free_s() - now_s
        if self.rate.calls is not None:
            self._admitted.append(now_s)
        return None

    def _begin(self, now_s: float) -> float:
        """Return the last moment that no longer counts at `now_s`."""
        if self.rate.is_fixed:
            return now_s // self.rate.window_s * self.rate.window_s - 1e-9
        return now_s - self.rate.window_s

    def _free_s(self) -> float:
        oldest_s = self._admitted[0]
        if self.rate.is_fixed:
            return (oldest_s // self.rate.window_s + 1) * self.rate.window_s
        return oldest_s + self.rate.window_s


def _forget(moments: deque[float], until_s: float) -> None:
    while moments and moments[0] <= until_s:
        moments.popleft()


@dataclass(slots=True, kw_only=True)
class Account:
    """One key: its pool of units, and the log that `/_sandbox/account` shows."""

    key: str
    limit_units: int
    window: Window
    further_windows: Mapping[str, Window] = field(default_factory=dict)  #: of rates beside the main one, by name
    clock: Callable[[], float] = time.monotonic  #: seconds
    balance_lag_s: float = 0.0  #: how long a charge is missing where the account tells of itself
    units_charged: int = 0
    requests: int = 0
    balances_asked: int = 0  #: of these
    refused_for_rate: int = 0
    refused_for_units: int = 0
    refused_for_open: int = 0
    now_open: int = 0
    most_open: int = 0
    faults: int = 0
    rows_served: int = 0
    cache_hits: int = 0
    by_path: Counter[str] = field(default_factory=Counter)
    #: What was answered before, and the number of the request that made the answer; the oldest are forgotten.
    cached: dict[bytes, int] = field(default_factory=dict)
    _unseen: deque[tuple[float, int]] = field(default_factory=deque)  #: when a charge is shown, and its units

    @property
    def units_left(self) -> int:
        return self.limit_units - self.units_charged

    @property
    def units_shown(self) -> int:
        """What the account says that it was charged."""
        while self._unseen and self._unseen[0][0] <= self.clock():
            self._unseen.popleft()
        return self.units_charged - sum(units for _, units in self._unseen)

    def charge(self, units: int) -> None:
        """Take what an answer costs."""
        self.units_charged += units
        if self.balance_lag_s:
            self._unseen.append((self.clock() + self.balance_lag_s, units))

    def arrive(self, rates: Iterable[str], now_s: float) -> float | None:
        """Count an arrival toward those rates; return None if all admit it, else the seconds until they would."""
        windows = [self.further_windows[name] if name else self.window for name in rates]
        return max((wait_s for window in windows if (wait_s := window.arrive(now_s)) is not None), default=None)

    def begin(self, path: str) -> None:
        """Note a request that is open from now on."""
        self.requests += 1
        self.now_open += 1
        self.most_open = max(self.most_open, self.now_open)
        is_known = path in self.by_path or len(self.by_path) < _MOST_PATHS
        self.by_path[path if is_known else "other"] += 1

    def end(self) -> None:
        """Note that a request is answered or broken off."""
        self.now_open -= 1

    def remember(self, digest: bytes, number: int) -> None:
        """Remember that this was answered by request `number`."""
        self.cached[digest] = number
        if len(self.cached) > _MOST_CACHED:
            del self.cached[next(iter(self.cached))]

    def as_json(self) -> dict[str, Any]:
        """Return the log as the server shows it."""
        return {
            "units_charged": self.units_charged,
            "units_left": self.units_left,
            "requests": self.requests,
            "balances_asked": self.balances_asked,
            "refused_for_rate": self.refused_for_rate,
            "refused_for_units": self.refused_for_units,
            "refused_for_open": self.refused_for_open,
            "most_in_window": self.window.most,
            "most_open": self.most_open,
            "faults": self.faults,
            "rows_served": self.rows_served,
            "cache_hits": self.cache_hits,
            "by_path": dict(self.by_path),
        }
