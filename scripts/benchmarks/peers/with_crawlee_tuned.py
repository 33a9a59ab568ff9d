"""Crawlee tuned by hand: storage in memory, a handler that writes each page as a whole, many requests at once.

Follows https://crawlee.dev/python/docs/guides/storage-clients (`MemoryStorageClient`) and
https://crawlee.dev/python/docs/guides/scaling-crawlers (`ConcurrencySettings`); beyond it, orjson and a file of its own
in place of a dataset, no sessions, no log.
"""

import asyncio
import logging
from typing import BinaryIO
from urllib.parse import urlencode

import orjson
from crawlee import ConcurrencySettings, Request
from crawlee.crawlers import HttpCrawler, HttpCrawlingContext
from crawlee.storage_clients import MemoryStorageClient

from benchmarks.peers.arguments import PAGES, Arguments, parsed

WIDTH = 64


def request(given: Arguments, target: str, page: int) -> Request:
    """Ask for a page."""
    address = f"{given.url}/links?{urlencode({'target': target, 'page': page})}"
    return Request.from_url(address, user_data={"target": target, "number": page})


async def crawl(given: Arguments, output: BinaryIO) -> None:
    """Read the pages of each target, one after the other."""
    logging.disable(logging.WARNING)
    crawler = HttpCrawler(
        storage_client=MemoryStorageClient(),
        concurrency_settings=ConcurrencySettings(
            min_concurrency=WIDTH, max_concurrency=WIDTH, desired_concurrency=WIDTH
        ),
        use_session_pool=False,
        retry_on_blocked=False,
        configure_logging=False,
    )

    @crawler.router.default_handler
    async def handle(context: HttpCrawlingContext) -> None:
        rows = orjson.loads(await context.http_response.read())["result"]["data"]
        output.write(b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows]))
        asked = context.request.user_data
        page = int(str(asked["number"]))
        if rows and page < PAGES:
            await context.add_requests([request(given, str(asked["target"]), page + 1)])

    await crawler.run([request(given, target, 1) for target in given.targets])


def main() -> None:
    """Crawl what the command line asks for."""
    given = parsed(__doc__)
    with given.output.open("wb") as output:
        asyncio.run(crawl(given, output))


if __name__ == "__main__":
    main()
