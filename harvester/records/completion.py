"""From what a provider delivered to a whole record: all keys, in order, the computed ones filled in."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harvester.errors import UnreadableRow
from harvester.names import host_names, url_names
from harvester.records.shapes import RECORDS, FieldSpec
from harvester.records.values import anchor_key, link_id

Record = dict[str, Any]


def complete(record: str, fields: Mapping[str, Any]) -> Record:
    """Return the record's own fields, all of them and in order: missing ones None, computed ones filled in.

    Raises UnreadableRow if a field that is never null is missing or of another type, and KeyError for a record or
    field that does not exist, which is an error of the program.
    """
    plan = _PLANS[record]
    whole: Record = {**plan.blank, **fields}
    if len(whole) != len(plan.blank):
        raise KeyError(f"{record} has no field {sorted(whole.keys() - plan.blank.keys())}")
    for name, kind in plan.needed:
        if not isinstance(whole[name], kind):
            raise UnreadableRow(f"a {record} needs {name}, and {whole[name]!r:.80} is none")
    if plan.compute is not None:
        plan.compute(whole)
    return whole


def _complete_backlink(row: Record) -> None:
    url_from, url_to = row["url_from"], row["url_to"]
    source = row["key_from"], row["host_from"], row["domain_from"], row["site_from"] = url_names(url_from)
    target = row["key_to"], row["host_to"], row["domain_to"], row["site_to"] = url_names(url_to)
    row["link_id"] = link_id(source[0], target[0], url_from, url_to)


def _complete_refdomain(row: Record) -> None:
    row["host"], row["registrable"], row["site"] = host_names(row["domain"])


def _complete_anchor(row: Record) -> None:
    row["anchor_key"] = anchor_key(row["anchor"])


def _complete_page(row: Record) -> None:
    row["key"] = url_names(row["url"]).key


def _complete_overlap(row: Record) -> None:
    row["site"] = host_names(row["domain"]).site


_COMPUTE: Mapping[str, Callable[[Record], None]] = {
    "backlink": _complete_backlink,
    "refdomain": _complete_refdomain,
    "anchor": _complete_anchor,
    "page": _complete_page,
    "overlap": _complete_overlap,
}


class _Plan(NamedTuple):
    """What completing one record takes, prepared once."""

    blank: Record
    needed: tuple[tuple[str, type | tuple[type, ...]], ...]  #: delivered and never null
    compute: Callable[[Record], None] | None


_PYTHON: Mapping[str, type | tuple[type, ...]] = {"str": str, "int": int, "num": (int, float), "date": str}


def _plan(record: str, fields: tuple[FieldSpec, ...]) -> _Plan:
    blank: Record = dict.fromkeys(field.name for field in fields)
    if "dates_precision" in blank:
        blank["dates_precision"] = "second"
    needed = tuple((spec.name, _PYTHON[spec.type]) for spec in fields if not (spec.nullable or spec.computed))
    return _Plan(blank, needed, _COMPUTE.get(record))


_PLANS: Mapping[str, _Plan] = {record: _plan(record, fields) for record, fields in RECORDS.items()}
