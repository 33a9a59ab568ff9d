"""Serpstat API v4, described: https://api-docs.serpstat.com/docs/serpstat-public-api."""

from dataclasses import replace

from harvester.model import Credential, Provider, RateRule, Request, Sizing
from harvester.providers.serpstat.account import BALANCE
from harvester.providers.serpstat.replies import TOKEN
from harvester.providers.serpstat.reports import REPORTS, SIZE, SIZED, TOTAL
from harvester.providers.serpstat.verdicts import judge

__all__ = ["SERPSTAT"]


def sign(request: Request, credential: Credential) -> Request:
    """Return the request with its token: in the header where the request leaves a place for it, else in the query."""
    if TOKEN in request.headers:
        return replace(request, headers={**request.headers, TOKEN: credential.key})
    return replace(request, query=(*request.query, (TOKEN, credential.key)))


SERPSTAT = Provider(
    name="serpstat",
    title="Serpstat API v4",
    base_url="https://api.serpstat.com/v4",
    unit="credits",
    rate=RateRule(calls=1, window_s=1.0),  # "1 request per second on most plans"; more on the top ones
    in_flight=2,  # at one a second the gate lets a single one out, and the next stands ready; faster plans need more
    timeout_s=120.0,
    scopes=("url", "prefix", "host", "subdomains"),
    reports=REPORTS,
    sign=sign,
    judge=judge,
    balance=BALANCE,
    sizing=(Sizing(report=SIZE, sizes=dict.fromkeys(SIZED, TOTAL), is_of_harvest=True),),  # 1 credit a target
    settings={"token_in": 'where the token is sent: "query" (as documented; the default) or "header"'},
)
