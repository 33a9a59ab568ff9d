"""The server, through real sockets."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox_kit import TODAY

from harvester import codec
from harvester.errors import ConfigError
from harvester.sandbox.app import CONTRACTS, Options, Sandbox, serve_forever, serving
from harvester.sandbox.faults import Fault, Faults, seeded

PAID = "/site-explorer/domain-rating?date=2026-11-01&target=t{}.example"
LINKS = "/site-explorer/all-backlinks?target=site5.example&select=url_from,anchor&limit=20"


class Client:
    """A client of one key that asks for paths of Ahrefs."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, key: str) -> None:
        self.sandbox = sandbox
        self.session = session
        self._key = key

    async def get(self, path: str) -> tuple[int, Any, bytes]:
        headers = {"Authorization": f"Bearer {self._key}"}
        async with self.session.get(self.sandbox.base_urls["ahrefs"] + path, headers=headers) as response:
            return response.status, response.headers, await response.read()

    async def seen(self) -> dict[str, Any]:
        """Return the log of this key as the server shows it to everybody."""
        async with self.session.get(f"http://127.0.0.1:{self.sandbox.port}/_sandbox/account") as response:
            found = codec.parse(await response.read())["ahrefs"]["keys"][self._key]
        assert isinstance(found, dict)
        return found

    def log(self) -> dict[str, Any]:
        found = self.sandbox.account()["ahrefs"]["keys"][self._key]
        assert isinstance(found, dict)
        return found


@asynccontextmanager
async def client_of(options: Options, key: str = "sandbox-ahrefs-key") -> AsyncIterator[Client]:
    async with serving(options) as sandbox, aiohttp.ClientSession() as session:
        yield Client(sandbox, session, key)


def run(story: Callable[[Client], Awaitable[None]], key: str = "sandbox-ahrefs-key", **options: Any) -> None:
    """Run a test's story against a sandbox with these options."""

    async def go() -> None:
        async with client_of(Options(today=TODAY, **options), key) as client:
            await story(client)

    asyncio.run(go())


def test_a_request_is_answered_charged_and_logged() -> None:
    async def story(client: Client) -> None:
        assert client.sandbox.keys.keys() == client.sandbox.base_urls.keys() == CONTRACTS.keys()
        assert client.sandbox.keys["ahrefs"] == "sandbox-ahrefs-key"
        assert client.sandbox.base_urls["ahrefs"] == f"http://127.0.0.1:{client.sandbox.port}/ahrefs/v3"
        status, headers, body = await client.get(LINKS)
        rows = codec.parse(body)["backlinks"]
        assert (status, len(rows), headers["x-api-rows"]) == (200, 20, "20")
        await client.get("/subscription-info/limits-and-usage")
        assert client.log() == {
            "units_charged": 50,
            "units_left": 999_950,
            "requests": 2,
            "balances_asked": 1,
            "refused_for_rate": 0,
            "refused_for_units": 0,
            "refused_for_open": 0,
            "most_in_window": 1,
            "most_open": 1,
            "faults": 0,
            "rows_served": 20,
            "cache_hits": 0,
            "by_path": {"/site-explorer/all-backlinks": 1, "/subscription-info/limits-and-usage": 1},
        }
        assert await client.seen() == client.log()

    run(story)


def test_an_unknown_key_is_401_and_another_path_404() -> None:
    async def story(client: Client) -> None:
        assert (await client.get(PAID.format(1)))[0] == 401
        async with client.session.get(f"http://127.0.0.1:{client.sandbox.port}/elsewhere") as response:
            assert response.status == 404
        assert client.sandbox.account()["ahrefs"]["keys"]["sandbox-ahrefs-key"]["requests"] == 0

    run(story, key="wrong")


def test_each_key_has_its_own_pool_and_its_own_rate() -> None:
    async def story(client: Client) -> None:
        other = Client(client.sandbox, client.session, "second")
        for number in range(2):
            assert (await client.get(PAID.format(number)))[0] == 200
        assert (await client.get(PAID.format(2)))[0] == 429
        assert (await other.get(PAID.format(0)))[0] == 200
        assert (client.log()["units_left"], other.log()["units_left"]) == (20, 70)
        assert (client.log()["most_in_window"], client.log()["refused_for_rate"]) == (3, 1)
        assert other.log()["most_in_window"] == 1

    run(story, keys={"ahrefs": ("second",)}, rates={"ahrefs": "2/hour"}, units={"ahrefs": 120})


def test_keys_can_share_one_window() -> None:
    async def story(client: Client) -> None:
        other = Client(client.sandbox, client.session, "second")
        assert (await client.get(PAID.format(0)))[0] == 200
        assert (await other.get(PAID.format(0)))[0] == 429

    run(story, keys={"ahrefs": ("second",)}, rates={"ahrefs": "1/hour"}, switches=("ahrefs.shared_window=true",))


def test_the_balance_does_not_count_toward_the_rate() -> None:
    async def story(client: Client) -> None:
        for _ in range(3):
            assert (await client.get("/subscription-info/limits-and-usage"))[0] == 200
        assert (await client.get(PAID.format(0)))[0] == 200
        status, headers, _ = await client.get(PAID.format(1))
        assert status == 429
        assert 3590 <= int(headers["Retry-After"]) <= 3600

    run(story, rates={"ahrefs": "1/hour"}, switches=("ahrefs.retry_after=true",))


def test_latency_passes_after_the_charge_and_open_requests_are_counted() -> None:
    async def story(client: Client) -> None:
        asked = [asyncio.create_task(client.get(PAID.format(number))) for number in range(5)]
        while (await client.seen())["units_charged"] < 250:
            assert not any(task.done() for task in asked)
        assert not any(task.done() for task in asked)
        assert client.log()["most_open"] == 5
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert client.log()["units_charged"] == 250

    run(story, latency_ms=300.0)


async def outcome(client: Client, path: str) -> str:
    """Ask once and say what came of it. By hand: aiohttp sends a GET again when nothing comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.sandbox.port)
    writer.write(
        f"GET /ahrefs/v3{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer sandbox-ahrefs-key\r\n\r\n".encode()
    )
    try:
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    except ConnectionResetError:
        return "reset"
    finally:
        writer.close()
    if not head:
        return "dropped"
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    if len(body) < int(length.partition(b":")[2]):
        return "truncated"
    return f"{head.split()[1].decode()} {'json' if body.startswith(b'{') else 'html'}"


async def outcomes(client: Client, count: int) -> list[tuple[str, int]]:
    """Ask for different things one after the other; return what came of each and what it was charged."""
    found = []
    for number in range(count):
        before = client.log()["units_charged"]
        word = await outcome(client, PAID.format(number))
        found.append((word, client.log()["units_charged"] - before))
    return found


def test_every_fault_is_met_and_charged_as_promised() -> None:
    async def story(client: Client) -> None:
        found = await outcomes(client, 60)
        assert set(found) == {
            ("500 json", 0),
            ("502 html", 0),
            ("reset", 0),
            ("truncated", 50),
            ("dropped", 50),
        }
        assert client.log()["faults"] == 60
        assert client.log()["rows_served"] == 0
        for _ in range(20):
            assert (await client.get("/subscription-info/limits-and-usage"))[0] == 200

    run(story, faults=1.0, rates={"ahrefs": "unlimited"})


def test_a_client_that_asks_again_behind_our_back_pays_twice() -> None:
    async def story(client: Client) -> None:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.get(PAID.format(0))
        assert (client.log()["requests"], client.log()["units_charged"]) == (2, 100)

    seed = next(
        seed
        for seed in range(1000)
        if [Faults(1.0, seeded(seed)).draw(number) for number in (1, 2)] == [Fault.DROPPED, Fault.DROPPED]
    )
    run(story, faults=1.0, seed=seed, switches=("ahrefs.cache=false",))


def test_faults_are_the_same_for_the_same_seed() -> None:
    found: list[list[tuple[str, int]]] = []

    async def story(client: Client) -> None:
        found.append(await outcomes(client, 25))

    for seed in (5, 5, 6):
        run(story, faults=0.5, seed=seed, rates={"ahrefs": "unlimited"})
    first, second, third = found
    assert first == second != third
    assert ("200 json", 50) in first


def test_stray_refusals_come_only_when_switched() -> None:
    async def story(client: Client) -> None:
        assert ("429 json", 0) in await outcomes(client, 40)
        assert client.log()["refused_for_rate"] == 0

    run(story, faults=1.0, rates={"ahrefs": "unlimited"}, switches=("ahrefs.stray_429=true",))


def test_real_links_can_be_served_instead(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text(
        "source_url,target_url,anchor,first_seen,last_seen,lost_at,lost_reason\n"
        "https://a.example/,https://site5.example/x,only,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,,\n"
    )

    async def story(client: Client) -> None:
        _, _, body = await client.get(LINKS)
        assert codec.parse(body) == {"backlinks": [{"url_from": "https://a.example/", "anchor": "only"}]}

    run(story, links=path)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"rates": {"ahrefs": "sixty"}}, "rate 'sixty'"),
        ({"rates": {"bing": "60/minute"}}, "rate of 'bing': no provider of that name; there are ahrefs"),
        ({"units": {"bing": 1}}, "units of 'bing'"),
        ({"keys": {"bing": ("k",)}}, "keys of 'bing'"),
        ({"switches": ("ahrefs.nothing=1",)}, "switch ahrefs.nothing: unknown"),
        ({"faults": 1.5}, "faults 1.5"),
        ({"links": Path("none.csv")}, "cannot be read"),
        ({"host": "192.0.2.1"}, "cannot listen on 192.0.2.1:0"),
    ],
)
def test_options_that_cannot_be_used_are_told(options: dict[str, Any], why: str) -> None:
    async def go() -> None:
        async with serving(Options(**options)):
            raise AssertionError("it serves")

    with pytest.raises(ConfigError, match=why):
        asyncio.run(go())


@pytest.mark.skipif(sys.platform == "win32", reason="a process of Windows cannot send itself SIGTERM and live")
def test_serving_forever_tells_where_and_with_which_key_and_ends_by_a_signal() -> None:
    lines: list[str] = []

    def announce(line: str) -> None:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            os.kill(os.getpid(), signal.SIGTERM)

    asyncio.run(serve_forever(Options(today=TODAY), announce))
    assert lines[0].startswith("ahrefs       http://127.0.0.1:")
    assert lines[1].strip() == "export AHREFS_API_TOKEN=sandbox-ahrefs-key"
    said = "\n".join(lines)
    for name, contract in CONTRACTS.items():
        assert f"{name:<12} http://127.0.0.1:" in said
        assert contract.key in said
    assert "/_sandbox/account" in said


def test_more_requests_open_at_once_than_allowed_are_refused_and_counted() -> None:
    async def story(client: Client) -> None:
        url = (
            f"{client.sandbox.base_urls['semrush']}?type=backlinks_ascore_profile&key={client.sandbox.keys['semrush']}"
        )

        async def ask() -> bytes:
            async with client.session.get(f"{url}&target=a.example&target_type=root_domain") as response:
                return await response.read()

        bodies = await asyncio.gather(*(ask() for _ in range(12)))
        log = client.sandbox.account()["semrush"]["keys"][client.sandbox.keys["semrush"]]
        assert sum(body.startswith(b"ERROR 429") for body in bodies) == log["refused_for_open"] == 2

    run(story, latency_ms=100, rates={"semrush": "unlimited"})
