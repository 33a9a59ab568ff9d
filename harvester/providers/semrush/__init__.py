"""Semrush Analytics v1 (the "v3" generation, CSV), described: https://developer.semrush.com/api/v3/analytics/backlinks/."""

from dataclasses import replace

from harvester.model import Credential, Provider, RateRule, Request, Sizing
from harvester.providers.semrush.account import BALANCE, OPEN_AT_ONCE
from harvester.providers.semrush.reports import REPORTS
from harvester.providers.semrush.verdicts import judge

__all__ = ["SEMRUSH"]


def sign(request: Request, credential: Credential) -> Request:
    """Return the request with its key: `key` "in the query string, on every request"."""
    return replace(request, query=(("key", credential.key), *request.query))


SEMRUSH = Provider(
    name="semrush",
    title="Semrush Analytics v1",
    base_url="https://api.semrush.com/analytics/v1",
    unit="API units",
    rate=RateRule(calls=10, window_s=1.0),  # "10 requests per second"
    in_flight=OPEN_AT_ONCE,
    timeout_s=120.0,
    scopes=("url", "host", "subdomains"),
    reports=REPORTS,
    sign=sign,
    judge=judge,
    balance=BALANCE,
    sizing=(
        Sizing(  # 40 units a line, as its summary, but none for a target that Semrush does not know
            report="comparison",
            fields=("backlinks_num", "domains_num", "ips_num"),
            sizes={"backlinks": "links", "refdomains": "refdomains", "refips": "refips"},
        ),
    ),
    settings={
        "balance_url": "where the balance is asked; absent = Semrush's own address, or beside another base_url: its "
        "trailing analytics/v1 replaced by users/countapiunits.html"
    },
)
