"""Which rounds of a job are compared, and what may be concluded of each harvest. Pure, but for looking at the states.

A link that is not in a list is gone only if the list is whole: everything was asked for, and all of it was read. Where
only a window of days was asked for, the rows speak for themselves, by their dates and by what they say of themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from harvester.engine.checkpoint import has_state
from harvester.errors import ConfigError
from harvester.insight.questions import FULL_REPORTS
from harvester.rounds import archives, between_rounds, is_finished, state_of

#: What may differ between two rounds that asked for the same: which columns were paid for, how much, from when to when.
_BESIDE = frozenset({"since", "since_day", "until", "fields", "max_rows", "order_by"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of a job."""

    number: int
    directory: Path
    day: date  #: on which it began
    is_finished: bool
    meaning: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a harvest asked for in one round."""

    round: Round
    described: Mapping[str, Any]

    @property
    def since(self) -> date | None:
        """The first day asked for; None = no day was named."""
        return _day(self.described.get("since_day") or self.described["since"], self.round.day)

    @property
    def until(self) -> date | None:
        """The last day asked for; None = no day was named."""
        return _day(self.described["until"], self.round.day)

    @property
    def is_everything(self) -> bool:
        """Whether what it does not list is not there, if it could be read to its end."""
        is_full = self.described["report"] in FULL_REPORTS or self.is_of_losses
        return is_full and self.since is None and self.until is None and not self.is_grouped

    @property
    def is_of_losses(self) -> bool:
        """Whether it lists what is gone."""
        return str(self.described["report"]).startswith("lost-")

    @property
    def is_grouped(self) -> bool:
        """Whether a row may stand for others: which of them it is may change without anything having changed."""
        return bool(self.described["options"]) or bool(self.described["filter"].get("one_per_domain"))

    @property
    def is_filtered(self) -> bool:
        """Whether what it does not list may only no longer be as the filter wants it."""
        return bool(self.described["filter"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One harvest between two rounds."""

    name: str
    before: Sequence[Asked]  #: what was known: of the earlier round, and of those before it if that asked for less
    after: Sequence[Asked]  #: what has come since

    @property
    def earlier(self) -> Asked:
        """What the earlier round asked for."""
        return self.before[-1]

    @property
    def later(self) -> Asked:
        """What the later round asked for."""
        return self.after[-1]

    @property
    def after_since(self) -> date | None:
        """The first day that the rounds after the earlier one asked for; None = no day was named."""
        days = [asked.since for asked in self.after]
        return None if None in days else min(day for day in days if day is not None)


def rounds_of(directory: Path) -> list[Round]:
    """Return all rounds of a job, the first one first. Raises ConfigError if it is no job."""
    if not has_state(directory) and (where := between_rounds(directory)) and next(archives(directory), None) is None:
        raise ConfigError(where)
    places = [*((number, path) for number, path in archives(directory))][::-1]
    if has_state(directory) or not places:
        places.append((0, directory))
    found = (_look(path, number) for number, path in places)
    return [each for each in found if each is not None]


def chosen(rounds: Sequence[Round], directory: Path, first: int | None, last: int | None) -> tuple[Round, Round]:
    """Return the two rounds that are compared: those named, or the last finished one and the one before it.

    Raises ConfigError.
    """
    known = {each.number: each for each in rounds}
    finished = [each.number for each in rounds if each.is_finished]
    later = last if last is not None else max(finished, default=None)
    if later is None or (first is None and not any(number < later for number in known)):
        has = f"round {rounds[-1].number}, which goes on" if later is None and rounds else "one round"
        raise ConfigError(f"{directory}: has {has}, so nothing to compare; the next one: harvester run CONFIG --again")
    earlier = first if first is not None else max(number for number in known if number < later)
    for option, number in (("--from", earlier), ("--to", later)):
        if number not in known:
            raise ConfigError(f"{option} {number}: {directory} has the rounds {', '.join(map(str, sorted(known)))}")
    if earlier >= later:
        raise ConfigError(f"--from {earlier} --to {later}: expected an earlier and a later round")
    return known[earlier], known[later]


def asked_in(each: Round) -> dict[str, Asked]:
    """Return what the harvests of a round asked for, by name."""
    return {name: Asked(round=each, described=described) for name, described in each.meaning["[[harvest]]"].items()}


def pair(name: str, asked: Mapping[int, Mapping[str, Asked]], earlier: int, later: int) -> Pair | str:
    """Return how one harvest of two rounds is compared, or why it cannot be; `asked`: by round, in their order."""
    there = {number: harvests[name] for number, harvests in asked.items() if name in harvests}
    if earlier not in there or later not in there:
        return f"only in round {later if later in there else earlier}"
    same = {number: each for number, each in there.items() if _is_same(each, there[later])}
    if earlier not in same:
        return f"round {earlier} asked otherwise: {', '.join(_differing(there[earlier], there[later]))}"
    is_whole_before, is_whole_after = there[earlier].is_everything, there[later].is_everything
    return Pair(
        name=name,
        before=[same[earlier]] if is_whole_before else [each for number, each in same.items() if number <= earlier],
        after=[same[later]] if is_whole_after else [each for number, each in same.items() if earlier < number <= later],
    )


def _is_same(one: Asked, other: Asked) -> bool:
    return not _differing(one, other)


def _differing(one: Asked, other: Asked) -> list[str]:
    keys = dict.fromkeys((*one.described, *other.described))
    return [key for key in keys if key not in _BESIDE and one.described.get(key) != other.described.get(key)]


def _look(directory: Path, number: int) -> Round | None:
    state = state_of(directory, number)
    if state is None:
        return None
    return Round(
        number=state.number,
        directory=directory,
        day=state.day,
        is_finished=is_finished(state.census),
        meaning=state.meaning,
    )


def _day(written: str | None, began: date) -> date | None:
    if written is None or written == "last":
        return None
    return began - timedelta(days=int(written[:-1])) if written.endswith("d") else date.fromisoformat(written)
