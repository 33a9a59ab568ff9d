"""The reference: a loop with aiohttp and orjson that fetches pages and appends their rows, and promises nothing.

It is told all its requests beforehand, so it need not even read where the next page begins: no loop that has to do its
work can be faster.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import orjson


async def fetch(requests: Iterator[dict[str, Any]], rows_at: list[str | int], output: BinaryIO, width: int) -> None:
    """Fetch all pages, `width` at a time, and append their rows."""

    async def work(session: aiohttp.ClientSession) -> None:
        for each in requests:
            async with session.request(
                each["method"], each["url"], data=each["body"] or None, headers=each["headers"]
            ) as reply:
                rows: Any = orjson.loads(await reply.read())
            for key in rows_at:
                rows = rows[key]
            output.write(b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows]))

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(work(session))


def main() -> None:
    """Fetch the requests of a file, JSON Lines, so many times over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--rows-at", required=True, help="JSON list: the way to the rows in an answer")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--width", type=int, default=16)
    given = parser.parse_args()
    requests = [json.loads(line) for line in given.requests.read_text().splitlines()]
    with given.output.open("ab") as output:
        asyncio.run(
            fetch(chain.from_iterable(repeat(requests, given.times)), json.loads(given.rows_at), output, given.width)
        )


if __name__ == "__main__":
    main()
