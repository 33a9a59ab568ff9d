"""Ahrefs API v3, described: https://docs.ahrefs.com/api/docs/introduction."""

from dataclasses import replace

from harvester.model import Credential, Provider, RateRule, Request, Sizing
from harvester.providers.ahrefs.account import BALANCE
from harvester.providers.ahrefs.reports import REPORTS
from harvester.providers.ahrefs.verdicts import judge

__all__ = ["AHREFS"]


def sign(request: Request, credential: Credential) -> Request:
    """Return the request with its key: "Authorization: Bearer <key>" on every request."""
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {credential.key}"})


AHREFS = Provider(
    name="ahrefs",
    title="Ahrefs API v3",
    base_url="https://api.ahrefs.com/v3",
    unit="API units",
    rate=RateRule(calls=60, window_s=60.0),  # "60 requests per minute", and throttling by load without a threshold
    in_flight=4,
    timeout_s=120.0,
    scopes=("url", "prefix", "host", "subdomains"),
    reports=REPORTS,
    sign=sign,
    judge=judge,
    balance=BALANCE,
    sizing=(
        Sizing(report="summary", fields=("backlinks",), sizes={"backlinks": "links"}),  # 2 units a target
        Sizing(report="summary", fields=("refdomains",), sizes={"refdomains": "refdomains"}),  # 6
        Sizing(  # 7
            report="summary",
            fields=("backlinks", "refdomains"),
            sizes={"backlinks": "links", "refdomains": "refdomains"},
        ),
    ),
    settings={"row_cap": "rows per request of the plan: 100 (Lite), 250 (Standard), 500 (Advanced); absent = learnt"},
)
