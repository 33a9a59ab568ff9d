"""How long to wait before the next attempt. Pure."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Doubling waits with full jitter: nobody's retries fall into step with anybody else's."""

    first_s: float = 1.0
    cap_s: float = 60.0

    def ceiling_s(self, retry_num: int) -> float:
        """Return the longest wait before retry `retry_num` (1-based), in seconds."""
        # The exponent is bounded because 2.0 ** 1024 is an OverflowError and an outage can be long.
        return min(self.cap_s, self.first_s * 2.0 ** min(retry_num - 1, 64))

    def delay_s(self, retry_num: int, jitter: Callable[[], float]) -> float:
        """Return seconds before retry `retry_num` of one request; `jitter` returns 0..1."""
        return self.ceiling_s(retry_num) * jitter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When asking again no longer helps."""

    attempts: int = 5  #: failures of one request before its task is set aside
    first_contact_s: float = 20.0  #: failures for so long, without any answer since the start, stop the lane
    outage_s: float = 7200.0  #: failures or refusals for so long, without one answer kept, stop the lane
    outage_tasks: int = 3  #: so many different tasks failing in a row are the provider's fault, not theirs


@dataclass(slots=True)
class Health:
    """What a lane has lately seen of its provider: tells an outage from one bad task."""

    patience: Patience
    has_answered: bool = False
    failures: int = 0  #: in a row
    refusals: int = 0  #: 429 in a row
    trouble_since_s: float | None = None
    failing_tasks: frozenset[str] = frozenset()

    def answered(self) -> None:
        """Note a reply that was worth something."""
        self.has_answered = True
        self.failures = self.refusals = 0
        self.trouble_since_s = None
        self.failing_tasks = frozenset()

    def failed(self, task: str, now_s: float) -> None:
        """Note an exchange that brought nothing."""
        self.failures += 1
        self.failing_tasks |= {task}
        self._trouble(now_s)

    def refused(self, now_s: float) -> None:
        """Note a reply that asks for patience."""
        self.has_answered = True
        self.refusals += 1
        self._trouble(now_s)

    def is_outage(self) -> bool:
        """Whether the failures in a row are the provider's, so that no task is to be blamed for them."""
        return len(self.failing_tasks) >= self.patience.outage_tasks

    def is_hopeless(self, now_s: float) -> bool:
        """Whether the lane should stop, with its work left for another day."""
        if self.trouble_since_s is None:
            return False
        patience_s = self.patience.outage_s if self.has_answered else self.patience.first_contact_s
        return now_s - self.trouble_since_s > patience_s

    def _trouble(self, now_s: float) -> None:
        if self.trouble_since_s is None:
            self.trouble_since_s = now_s
