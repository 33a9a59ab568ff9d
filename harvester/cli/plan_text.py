"""What `harvester plan` prints."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from harvester.assembly.plan import Bill, Plan, ProviderPlan, Range
from harvester.cli.words import Figure, counted, duration, figure, from_here, rejected_text, table
from harvester.display import MILLIONTHS, amount, shown, unit_shown

COVERED = {True: "yes", False: "no", None: "depends"}
REJECTED_SHOWN = 5
OLD_DAYS = 30


def price_text(provider: str, bill: Bill, unit: str) -> str:
    """Return what sizes cost that are not there yet."""
    requests = counted(bill.requests.most or 0, "request")
    return f"Sizing with {provider}: {requests}, at most {amount(bill.units.most or 0, unit)}."


def plan_text(planned: Plan, now: datetime) -> str:
    """Return a plan for a terminal."""
    targets = planned.targets
    words = [counted(targets.count, "target")]
    words += [f"{counted(targets.repeated, 'line')} repeated"] if targets.repeated else []
    words += [f"{counted(targets.rejected, 'line')} rejected"] if targets.rejected else []
    lines = [
        f"{planned.job}: {', '.join(words)}",
        *rejected_text(targets.first_rejected[:REJECTED_SHOWN], targets.rejected),
        *_sizes(planned, now),
    ]
    lines += ["", _harvests(planned), "", _providers(planned)]
    dearest = _dearest(planned)
    lines += ["", dearest] if dearest else []
    covered = [line for name, item in planned.providers.items() for line in _covered(name, item, planned)]
    lines += ["", *covered] if covered else []
    lines += [
        f"{item.name}: {counted(item.rough, 'target')} take more than one request: rows that share one time in masses"
        " come again with each, and may make them dearer than said."
        for item in planned.harvests
        if item.rough
    ]
    if any(item.units.most is None for item in planned.harvests):
        lines += ["", _unknown(planned)]
    if planned.targets.staged:
        lines += [
            "",
            "Targets that come from the rows of another harvest: none at least, so nothing at least for them.",
        ]
    if planned.sizes is not None and any(item.unit not in MILLIONTHS for item in planned.providers.values()):
        lines += [
            "",
            "What a unit costs in money depends on your plan, which harvester does not know.",
        ]
    return "\n".join(lines)


def _sizes(planned: Plan, now: datetime) -> Iterator[str]:
    about: Mapping[str, Any] | None = planned.sizes
    if about is None:
        return
    where = shown(from_here(Path(about["directory"])), 1000)
    yield f"sizes: {where}{_age(about['oldest'], now)}; --size --refresh buys them anew"
    for item in planned.harvests:
        count = item.targets.least
        if 0 < item.sized < count:
            yield f"sizes: {item.name}: {count - item.sized:,} of {count:,} targets have none"


def _age(oldest: str | None, now: datetime) -> str:
    if oldest is None:
        return ""
    seconds = max(0.0, (now - datetime.fromisoformat(oldest)).total_seconds())
    is_old = f", more than {OLD_DAYS} days: links come and go" if seconds > OLD_DAYS * 86400 else ""
    return f", bought {oldest[:16].replace('T', ' ')} UTC, {duration(seconds)} ago{is_old}"


def _unknown(planned: Plan) -> str:
    remedy = "" if planned.sizes is not None else ", and --size asks for them"
    return f'"-" is not known beforehand: it depends on the rows of the targets; `max_rows` bounds them{remedy}.'


def _harvests(planned: Plan) -> str:
    head = ("harvest", "targets", "requests", "at most", "time", "at most", "units", "at most")
    rows = []
    for item in planned.harvests:
        provider = planned.providers[item.provider]
        times = [_time(provider.seconds(requests)) for requests in _both(item.requests)]
        rows.append(
            (item.name, _targets(item.targets), *_both(item.requests), *times, *_costs(item.units, provider.unit))
        )
    return table(head, rows)


def _providers(planned: Plan) -> str:
    head = (
        "provider", "requests", "at most", "rate", "time", "at most", "units", "at most", "budget", "covered", "unit",
    )  # fmt: skip
    rows = []
    for name, item in planned.providers.items():
        rows.append(
            (
                name,
                *_both(item.requests),
                str(item.rate) if item.rate else "unlimited",
                _time(item.least_s),
                _time(item.most_s),
                *_costs(item.units, item.unit),
                figure(item.budget, item.unit),
                "-" if item.budget is None else COVERED[item.is_covered],
                unit_shown(item.unit),
            )
        )
    return table(head, rows)


def _dearest(planned: Plan) -> str:
    """Return the dearest targets of each provider; nothing where no sizes are known."""
    head = ("dearest at", "target", "requests", "units", "unit")
    rows = [
        (name, dear.target, dear.requests, figure(dear.units, item.unit), unit_shown(item.unit))
        for name, item in planned.providers.items()
        for dear in item.dearest
    ]
    return table(head, rows) if rows else ""


def _covered(name: str, item: ProviderPlan, planned: Plan) -> Iterator[str]:
    """Yield how far a provider's budget goes, if that is known and not far enough."""
    if item.budget is None or item.first_covered is None or item.is_covered:
        return
    count = planned.targets.count
    first = f"the first {item.first_covered:,} of {count:,} targets, all harvests of each"
    run = f" (run with --max-targets {item.first_covered})" if item.first_covered else ""
    cheapest = f"for {item.cheapest_covered:,} if the list began with the cheapest"
    yield f"{name}: {amount(item.budget, item.unit)} pay for {first}{run}; {cheapest}."
    parts = [
        f"{each.name} {each.covered:,} of {each.targets.least:,}"
        for each in planned.harvests
        if each.provider == name and each.covered is not None
    ]
    yield f"{name}: without --max-targets a run goes harvest by harvest: {', '.join(parts)} targets."


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)


def _targets(found: Range) -> int | Figure | None:
    return found.most if found.most is None or found.least == found.most else Figure(f"up to {found.most:,}")


def _both(found: Range) -> tuple[int, int | None]:
    return found.least, found.most


def _costs(found: Range, unit: str) -> tuple[Figure | None, Figure | None]:
    return figure(found.least, unit), figure(found.most, unit)
