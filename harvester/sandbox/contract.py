"""What a provider's contract is to the server: a described service that turns requests into answers, without I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from harvester.sandbox.account import Account, Rate
from harvester.sandbox.world import World

JSON_TYPE = "application/json"

MAIN_RATE = ""  #: the name of the rate that `Contract.rate` tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as a contract sees it."""

    method: str = "GET"
    path: str  #: below the provider's prefix, begins with "/"
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)  #: names in lower case
    body: bytes = b""
    number: int = 0  #: how many requests arrived before it

    def first(self) -> dict[str, str]:
        """Return the query parameters; of a repeated one, the first."""
        return dict(reversed(self.query))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response. What it cost has been charged when it exists."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON_TYPE})
    rows: int = 0


class Refusal(Enum):
    """What the server turns away without asking the contract, in the provider's own words."""

    BAD_KEY = "no such key"
    TOO_FAST = "over the rate"
    TOO_MANY_OPEN = "more open at once than allowed"
    INTERNAL = "something broke"
    BAD_GATEWAY = "a proxy in front of the provider gave up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the person who started the sandbox decided for one provider."""

    rate: Rate
    switches: Any  #: an instance of the contract's own dataclass
    row_cap: int | None = None  #: rows per request of the plan; None = no cap


class Service(Protocol):
    """One provider at work on a world."""

    @property
    def rate(self) -> Rate:
        """How often a key may call."""

    @property
    def has_stray_refusals(self) -> bool:
        """Whether injected faults include a refusal for the rate that no rate explains."""

    def key_of(self, asked: Asked) -> str | None:
        """Return the key that the request carries."""

    def is_balance(self, asked: Asked) -> bool:
        """Return True for the free question after the balance, which never meets an injected fault."""

    def rates_of(self, asked: Asked) -> Sequence[str]:
        """Return the rates that the request counts toward: `MAIN_RATE`, names of `Contract.further_rates`, or none."""

    def answer(self, asked: Asked, account: Account) -> Answer:
        """Answer a request of a known key that is within its rate, and charge what it costs."""

    def refuse(self, refusal: Refusal, wait_s: float = 0.0, asked: Asked | None = None) -> Answer:
        """Return the provider's words for refusing `asked`; `wait_s` is how long until it would be admitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One provider, described."""

    name: str
    prefix: str  #: of its paths on the server
    key: str  #: the test key that always exists
    howto: str  #: how a user hands the key to the harvester; `{key}` stands for it
    rate: str  #: what the provider allows unless told otherwise, as in `account.parse_rate`
    #: A frozen dataclass: one field with a default for each thing that is not certain, `balance_lag_s` among them.
    switches: type[Any]
    open: Callable[[World, Terms], Service]
    login: str | None = None  #: the account's login, where a key is its password
    base_path: str = ""  #: what a base URL has behind the prefix; "" or begins with "/"
    further_rates: Mapping[str, str] = field(default_factory=dict)  #: name -> rate, beside the main one
    in_flight: int | None = None  #: requests of one key open at once; None = any number
    units: int = 1_000_000  #: what each key may spend unless told otherwise

    @property
    def base(self) -> str:
        """Where the paths of a base URL begin on the server."""
        return f"{self.prefix}{self.base_path}"
