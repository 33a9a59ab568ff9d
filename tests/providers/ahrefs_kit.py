"""What the tests of the Ahrefs provider share."""

from functools import partial
from urllib.parse import urlencode

from provider_kit import (
    NOON,
    TODAY,
    asked,
    compiled_by,
    page_of,
    parameters,
    records_of,
    reply_of,
    step_of,
    stored_json,
    told,
)

from harvester.model import Request
from harvester.providers.ahrefs import AHREFS

__all__ = [
    "NOON",
    "TODAY",
    "asked",
    "compiled",
    "page_of",
    "parameters",
    "records_of",
    "reply_of",
    "step_of",
    "stored",
    "told",
    "url_of",
]


compiled = partial(compiled_by, AHREFS)
stored = partial(stored_json, "ahrefs")


def url_of(request: Request) -> str:
    return f"{request.path}?{urlencode(request.query)}"
