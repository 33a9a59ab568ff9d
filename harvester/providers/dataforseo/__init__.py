"""DataForSEO Backlinks API v3, described: https://docs.dataforseo.com/v3/backlinks-overview/."""

from base64 import b64encode
from dataclasses import replace

from harvester.model import Credential, Provider, RateRule, Request, Sizing
from harvester.providers.dataforseo.account import BALANCE
from harvester.providers.dataforseo.options import SCOPES
from harvester.providers.dataforseo.receipts import RECEIPTS
from harvester.providers.dataforseo.reports import REPORTS
from harvester.providers.dataforseo.verdicts import judge

__all__ = ["DATAFORSEO"]


def sign(request: Request, credential: Credential) -> Request:
    """Return the request with its login and password: "Authorization: Basic base64(login:password)"."""
    pair = f"{credential.login or ''}:{credential.key}"
    return replace(
        request, headers={**request.headers, "Authorization": f"Basic {b64encode(pair.encode()).decode('ascii')}"}
    )


DATAFORSEO = Provider(
    name="dataforseo",
    title="DataForSEO Backlinks API v3",
    base_url="https://api.dataforseo.com/v3",
    unit="micro-dollars",
    rate=RateRule(calls=2000, window_s=60.0),
    in_flight=25,  # of 30 "per user": other programs of the same account keep room
    timeout_s=130.0,  # "live processing time 120 s, then 50401"
    scopes=SCOPES,
    reports=REPORTS,
    sign=sign,
    judge=judge,
    balance=BALANCE,
    receipts=RECEIPTS,
    # Counts of links and of hosts are not those of rows: a list has one row for each linking page, one for each main
    # domain (moz.com: 123,009 domains with subdomains counted apart, 112,440 main ones, 112,358 rows).
    sizing=(
        Sizing(  # 1,000 targets a request
            report="comparison",
            options={"bulk": "referring_domains"},
            sizes={"refdomains": "refdomains_root"},
            scopes=("subdomains", "url"),
        ),
        Sizing(  # 100
            report="comparison",
            sizes={
                "backlinks": "refpages",
                "broken-backlinks": "links_broken",
                "refdomains": "refdomains_root",
                "refips": "refips",
            },
            upper=frozenset({"broken-backlinks"}),  # it counts links, and a list has a row for each linking page
        ),
    ),
    settings={"login": "the account's login, plain or env:NAME; `key` is its API password"},
    needed_settings=("login",),
)
