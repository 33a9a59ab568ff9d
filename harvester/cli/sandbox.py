"""`harvester sandbox`."""

import asyncio
from datetime import datetime
from pathlib import Path

import click

from harvester.errors import ConfigError
from harvester.sandbox.app import CONTRACTS, Options, serve_forever


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any that is free", help="Listen here.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another world of links.")
@click.option(
    "--links", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Serve a CSV of real links instead."
)
@click.option(
    "--latency-ms", type=click.FloatRange(min=0), default=20.0, show_default=True, help="Time before each answer."
)
@click.option(
    "--faults", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of requests that fail."
)
@click.option(
    "--rate", "rates", multiple=True, metavar="PROVIDER=RATE", help="Enforce e.g. ahrefs=60/minute. Repeatable."
)
@click.option(
    "--units", multiple=True, metavar="PROVIDER=N", help="What each key may spend, e.g. ahrefs=100000. Repeatable."
)
@click.option(
    "--row-cap", type=click.IntRange(min=0), default=250, show_default=True, help="Most rows of a reply; 0 = no cap."
)
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="The world's present; without it the real day.")
@click.option(
    "--last-day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Tell the lives of links up to this day: the same for each --today before it.",
)
@click.option(
    "--switch", "switches", multiple=True, metavar="PROVIDER.NAME=VALUE", help="Decide what is not known. Repeatable."
)
def sandbox(
    port: int,
    seed: int,
    links: Path | None,
    latency_ms: float,
    faults: float,
    rates: tuple[str, ...],
    units: tuple[str, ...],
    row_cap: int,
    today: datetime | None,
    last_day: datetime | None,
    switches: tuple[str, ...],
) -> None:
    """Serve all providers on this machine, with test keys.

    It prints where, and the keys. GET /_sandbox/account tells what each key was charged and how fast it called.
    Ctrl-C stops it.

    Example: harvester sandbox --port 8899 --faults 0.02 --rate ahrefs=60/minute
    """
    options = Options(
        port=port,
        seed=seed,
        links=links,
        latency_ms=latency_ms,
        faults=faults,
        rates=_pairs("--rate", rates),
        units={name: _number("--units", name, text) for name, text in _pairs("--units", units).items()},
        row_cap=row_cap or None,
        switches=switches,
        today=today and today.date(),
        last_day=last_day and last_day.date(),
    )
    asyncio.run(serve_forever(options, click.echo))


def _pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if not name or not value:
            raise ConfigError(
                f"{option} {text}: expected PROVIDER=..., where PROVIDER is one of {', '.join(CONTRACTS)}"
            )
        pairs[name] = value
    return pairs


def _number(option: str, name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ConfigError(f"{option} {name}={text}: expected a whole number of units")
    return int(text)
