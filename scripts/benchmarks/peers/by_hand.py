"""The loop that one writes by hand: aiohttp, aiolimiter, tqdm; no state, so that after a stop it begins anew.

https://docs.aiohttp.org/en/stable/client_quickstart.html (one session, `await response.json()`),
https://aiolimiter.readthedocs.io/en/stable/ (`async with limiter:` around each request) and
https://tqdm.github.io/ (a bar that is updated by hand).
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TextIO

import aiohttp
from aiolimiter import AsyncLimiter
from tqdm import tqdm

from benchmarks.peers.arguments import PAGES, Arguments, parsed

WIDTH = 16  #: targets at once
Pause = AbstractAsyncContextManager[None]


async def rows_of(session: aiohttp.ClientSession, pause: Pause, params: dict[str, Any]) -> list[Any]:
    """Fetch the rows of a page, again after a second while it is refused."""
    while True:
        async with pause, session.get("/links", params=params) as response:
            if response.status != 429:
                response.raise_for_status()
                rows: list[Any] = (await response.json(content_type=None))["result"]["data"]
                return rows
        await asyncio.sleep(1)


async def fetch(given: Arguments, output: TextIO, advance: Callable[[], object]) -> None:
    """Fetch all pages of all targets."""
    pause: Pause = nullcontext() if given.rate is None else AsyncLimiter(*given.rate)
    places = asyncio.Semaphore(WIDTH)

    async def whole(target: str) -> None:
        async with places:
            for page in range(1, PAGES + 1):
                rows = await rows_of(session, pause, {"target": target, "page": page})
                if not rows:
                    return
                output.writelines(json.dumps(row) + "\n" for row in rows)
                advance()

    async with aiohttp.ClientSession(given.url) as session:
        await asyncio.gather(*map(whole, given.targets))


def main() -> None:
    """Fetch what the command line asks for."""
    given = parsed(__doc__)
    with given.output.open("w") as output, tqdm(total=PAGES * len(given.targets), unit=" pages") as bar:
        asyncio.run(fetch(given, output, bar.update))


if __name__ == "__main__":
    main()
