"""Scrapy tuned by hand: a callback writes each page as a whole, nothing is an item, and all that is not needed is off.

What https://docs.scrapy.org/en/latest/topics/optimize.html advises (concurrency, log level, cookies, unused
components), and beyond it orjson and a file of the spider's own in place of items and feeds.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, BinaryIO
from urllib.parse import urlencode

import orjson
import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

from benchmarks.peers.arguments import PAGES, Arguments, parsed

SETTINGS = {
    "CONCURRENT_REQUESTS": 64,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
    "COOKIES_ENABLED": False,
    "HTTPPROXY_ENABLED": False,
    "LOG_LEVEL": "ERROR",
    "MEMUSAGE_ENABLED": False,
    "REDIRECT_ENABLED": False,
    "METAREFRESH_ENABLED": False,
    "REFERER_ENABLED": False,
    "COMPRESSION_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",
    "DOWNLOADER_MIDDLEWARES_BASE": {"scrapy.downloadermiddlewares.retry.RetryMiddleware": 550},
    "SPIDER_MIDDLEWARES_BASE": {"scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": 50},
    "EXTENSIONS_BASE": {},
}


class Links(scrapy.Spider):
    """Reads the pages of each target, one after the other."""

    name = "links"
    given: Arguments
    output: BinaryIO

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Ask for the first page of each."""
        for target in self.given.targets:
            yield self.request(target, 1)

    def request(self, target: str, page: int) -> scrapy.Request:
        """Ask for a page."""
        address = f"{self.given.url}/links?{urlencode({'target': target, 'page': page})}"
        return scrapy.Request(address, cb_kwargs={"target": target, "page": page}, dont_filter=True)

    def parse(self, response: Response, target: str, page: int) -> Iterator[scrapy.Request]:
        """Write the rows of a page, and ask for the next one."""
        rows: list[Any] = orjson.loads(response.body)["result"]["data"]
        self.output.write(b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows]))
        if rows and page < PAGES:
            yield self.request(target, page + 1)


def main() -> None:
    """Crawl what the command line asks for."""
    given = parsed(__doc__)
    with given.output.open("wb") as output:
        process = CrawlerProcess(SETTINGS)
        process.crawl(Links, given=given, output=output)
        process.start()


if __name__ == "__main__":
    main()
