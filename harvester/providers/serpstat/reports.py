"""The table of all Serpstat reports by their neutral names."""

from collections.abc import Mapping
from functools import partial

from harvester.model import Report, SetSize
from harvester.providers.serpstat import call, methods, rows
from harvester.providers.serpstat.call import TOTAL
from harvester.providers.serpstat.compiling import Entry, compile_entry, compile_size
from harvester.providers.serpstat.methods import END, MOST_ROWS

#: How far back new links go if `since` is absent.
NEW_DAYS = 30

ENTRIES = (
    Entry(
        name="summary",
        about="counts of links and referring domains, by kind, as of now",
        method=methods.SUMMARY,
        shape=rows.SUMMARY,
    ),
    Entry(
        name="backlinks",
        about="active links",
        method=methods.NEW_BACKLINKS,
        shape=rows.BACKLINK,
        given=rows.LIVE,
    ),
    Entry(
        name="new-backlinks",
        about=f"active links first indexed since a day, {NEW_DAYS} days ago if `since` is absent",
        method=methods.NEW_BACKLINKS,
        shape=rows.BACKLINK,
        given=rows.LIVE,
        window="add",
        days=NEW_DAYS,
        has_aliases=False,
    ),
    Entry(
        name="lost-backlinks",
        about="lost links; since and until: by `check`, the day of the last visit, which found them gone",
        method=methods.LOST_BACKLINKS,
        shape=rows.BACKLINK,
        given=rows.LOST,
        window="check",
    ),
    Entry(name="refdomains", about="referring domains", method=methods.REF_DOMAINS, shape=rows.REFDOMAIN),
    Entry(name="anchors", about="anchors of the links", method=methods.ANCHORS, shape=rows.ANCHOR),
    Entry(
        name="top-anchors",
        about="the ten anchors with the most referring domains",
        method=methods.TOP_ANCHORS,
        shape=rows.TOP_ANCHOR,
    ),
    Entry(name="pages", about="pages of the target that are linked to", method=methods.TOP_PAGES, shape=rows.PAGE),
    Entry(
        name="history",
        about="links found and lost by period, as far back as the provider goes",
        method=methods.HISTORY,
        shape=rows.HISTORY,
        read=call.series,
    ),
    Entry(
        name="tld",
        about="referring domains by zone, the largest zones",
        method=methods.ZONES,
        shape=rows.ZONE,
        given=rows.BY_ZONE,
    ),
    Entry(
        name="authority",
        about="referring domains by Serpstat Domain Rank",
        method=methods.AUTHORITY,
        shape=rows.AUTHORITY,
        given=rows.BY_AUTHORITY,
    ),
    Entry(
        name="overlap",
        about="domains that link to several targets, with the links to each",
        method=methods.INTERSECT,
        shape=rows.OVERLAP,
        read=call.shared,
        sets=SetSize(2, 3),  # the provider's own client takes two in `intersect`, and answers have keys for three
    ),
    Entry(
        name="outlinks",
        about="links from the target to other sites",
        method=methods.OUTLINKS,
        shape=rows.BACKLINK,
        given=rows.LIVE,
    ),
    Entry(
        name="lost-outlinks",
        about="lost links from the target to other sites; since and until: by `check`, as for lost-backlinks",
        method=methods.LOST_OUTLINKS,
        shape=rows.BACKLINK,
        given=rows.LOST,
        window="check",
    ),
    Entry(
        name="outdomains",
        about="domains that the target links to",
        method=methods.OUT_DOMAINS,
        shape=rows.OUT_DOMAIN,
    ),
    Entry(
        name="redirected-domains",
        about="domains that redirect to the target",
        method=methods.REDIRECTED_DOMAINS,
        shape=rows.REDIRECTED_DOMAIN,
    ),
    Entry(
        name="threats",
        about="malicious domains that link to the target",
        method=methods.THREATS,
        shape=rows.THREAT,
    ),
    Entry(
        name="threat-links",
        about="links from malicious domains",
        method=methods.THREATS_LINKS,
        shape=rows.THREAT_LINK,
    ),
    Entry(
        name="out-threats",
        about="malicious domains that the target links to",
        method=methods.OUT_THREATS,
        shape=rows.THREAT,
    ),
    Entry(
        name="out-threat-links",
        about="links from the target to malicious domains",
        method=methods.OUT_THREATS_LINKS,
        shape=rows.OUT_THREAT_LINK,
    ),
)


_PRICES = {
    methods.PER_ROW: "1 credit a row, at least 1 a request",
    methods.PER_REQUEST: "1 credit a target",
    methods.PER_SUMMARY: "5 credits a target, 1 if it has no data",
}


def _report(entry: Entry) -> Report:
    method = entry.method
    single = "one target a request, everything in it"
    listed = f"by page number, up to {MOST_ROWS:,} rows a request, the first {END:,} rows"
    return Report(
        name=entry.name,
        aliases=(method.name, method.full_name) if entry.has_aliases else (),
        record=entry.shape.record,
        about=entry.about,
        compile=partial(compile_entry, entry),
        filters=entry.filters,
        sets=entry.sets,
        price=_PRICES[method.tariff],
        paging=single if method.paging.is_single else listed,
    )


SIZE = "size"
_COUNTED = {entry.name: entry for entry in ENTRIES if not entry.method.paging.is_single and entry.sets is None}
SIZED = tuple(_COUNTED)  #: reports whose rows can be counted

_SIZE = Report(
    name=SIZE,
    record=rows.SIZE.record,
    about="how many rows another report has (option `of`; filters and days as there), as `total` in `extra`",
    compile=partial(compile_size, _COUNTED),
    filters=tuple(dict.fromkeys(name for entry in _COUNTED.values() for name in entry.filters)),
    price="1 credit a target",
    paging="one target a request, one row of it",
)

REPORTS: Mapping[str, Report] = {report.name: report for report in (*map(_report, ENTRIES), _SIZE)}
__all__ = ["ENTRIES", "NEW_DAYS", "REPORTS", "SIZE", "SIZED", "TOTAL"]
