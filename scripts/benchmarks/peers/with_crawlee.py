"""Crawlee as its documentation shows it: an HttpCrawler that pushes rows to a dataset, which is exported at the end.

Follows https://crawlee.dev/python/docs/examples/resuming-paused-crawl (`purge_on_start = False`, `push_data`, an export
after each run; the same command again goes on), https://crawlee.dev/python/docs/guides/http-crawlers (`HttpCrawler`),
https://crawlee.dev/python/docs/examples/export-entire-dataset-to-file (it exports JSON or CSV: here one JSON array) and
https://crawlee.dev/python/docs/guides/scaling-crawlers ("Max tasks per minute").
"""

import asyncio
import json
from urllib.parse import urlencode

from crawlee import ConcurrencySettings, Request, service_locator
from crawlee.crawlers import HttpCrawler, HttpCrawlingContext

from benchmarks.peers.arguments import PAGES, Arguments, parsed


def request(given: Arguments, target: str, page: int) -> Request:
    """Ask for a page."""
    address = f"{given.url}/links?{urlencode({'target': target, 'page': page})}"
    return Request.from_url(address, user_data={"target": target, "number": page})


async def crawl(given: Arguments) -> None:
    """Read the pages of each target, one after the other."""
    configuration = service_locator.get_configuration()
    configuration.purge_on_start = not given.is_resumable
    configuration.storage_dir = str(given.state)
    if given.seconds_a_call is None:
        crawler = HttpCrawler()
    else:
        crawler = HttpCrawler(concurrency_settings=ConcurrencySettings(max_tasks_per_minute=60 / given.seconds_a_call))

    @crawler.router.default_handler
    async def handle(context: HttpCrawlingContext) -> None:
        rows = json.loads(await context.http_response.read())["result"]["data"]
        await context.push_data(rows)
        asked = context.request.user_data
        page = int(str(asked["number"]))
        if rows and page < PAGES:
            await context.add_requests([request(given, str(asked["target"]), page + 1)])

    await crawler.run([request(given, target, 1) for target in given.targets])
    await crawler.export_data(given.output)


if __name__ == "__main__":
    asyncio.run(crawl(parsed(__doc__)))
