"""Scrapy as its documentation shows it: a spider that yields items and the next request, and a feed of JSON Lines.

Follows https://docs.scrapy.org/en/latest/intro/overview.html (a spider that yields a dict for each row and follows the
next page), https://docs.scrapy.org/en/latest/topics/practices.html ("Run Scrapy from a script", `FEEDS`) with the
default settings, https://docs.scrapy.org/en/latest/topics/jobs.html (`JOBDIR`; the same command again goes on) and
https://docs.scrapy.org/en/latest/topics/settings.html (`DOWNLOAD_DELAY`: 60 / requests per minute).
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

from benchmarks.peers.arguments import PAGES, Arguments, parsed


class Links(scrapy.Spider):
    """Reads the pages of each target, one after the other."""

    name = "links"
    given: Arguments

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Ask for the first page of each."""
        for target in self.given.targets:
            yield self.request(target, 1)

    def request(self, target: str, page: int) -> scrapy.Request:
        """Ask for a page."""
        address = f"{self.given.url}/links?{urlencode({'target': target, 'page': page})}"
        return scrapy.Request(address, cb_kwargs={"target": target, "page": page})

    def parse(self, response: Response, target: str, page: int) -> Iterator[Any]:
        """Yield the rows of a page, and then the next one."""
        rows = response.json()["result"]["data"]
        yield from rows
        if rows and page < PAGES:
            yield self.request(target, page + 1)


def settings(given: Arguments) -> dict[str, Any]:
    """Return what differs from the defaults."""
    found: dict[str, Any] = {"FEEDS": {str(given.output): {"format": "jsonlines"}}, "LOG_LEVEL": "INFO"}
    if given.is_resumable:
        found["JOBDIR"] = str(given.state)
    if given.seconds_a_call is not None:
        found["DOWNLOAD_DELAY"] = given.seconds_a_call
    return found


def main() -> None:
    """Crawl what the command line asks for."""
    given = parsed(__doc__)
    process = CrawlerProcess(settings(given))
    process.crawl(Links, given=given)
    process.start()


if __name__ == "__main__":
    main()
