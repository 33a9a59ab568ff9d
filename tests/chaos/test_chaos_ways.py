"""Ways that lead nowhere, ways through a company's proxy, and answers larger than any memory: runs and processes."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from chaos_kit import OPTIONS, TARGETS, Ended, Figures, Job, assert_no_traceback, of
from meddling_kit import Do, Heard, in_a_hurry, meddling, run_here
from memory_kit import on_linux
from misdeeds_kit import MISDEEDS
from tunnel_kit import CERTIFICATE, HOST, measured, own_tls, tunnel

from harvester.assembly.status import read_status
from harvester.providers import PROVIDERS
from harvester.sandbox.app import Sandbox, serving

FEW = TARGETS[:2]
MOST_MEGABYTES = 400
LARGE = tuple(name for name, misdeed in MISDEEDS.items() if misdeed.is_large)


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def booked(job: Job) -> int:
    """Return the units in the books of a run that never reached its providers."""
    units = 0
    for name, books in read_status(job.directory).as_json()["providers"].items():
        assert books["retries"] > 0
        assert (books["requests"], job.account(name)["units_charged"]) == (0, 0)
        units += sum(books[kind] for kind in ("units_spent", "units_in_doubt", "units_held"))
    return units


WAYS = {
    "a name that is none": "cannot connect to nonexistent.invalid:443",
    "nobody there": "cannot connect to 127.0.0.1:",
    "a certificate that nobody signed": "CERTIFICATE_VERIFY_FAILED",
    "plain HTTP at an https port": "WRONG_VERSION_NUMBER",
    "a proxy that refuses": "the proxy that HTTPS_PROXY names does not connect: it answers 407",
    "a proxy that is not there": "cannot connect to the proxy that HTTPS_PROXY names, 127.0.0.1:",
}


@pytest.mark.parametrize("way", of(("a certificate that nobody signed", "a proxy that refuses"), tuple(WAYS)))
def test_a_way_that_leads_nowhere_costs_nothing_and_is_named(way: str, tmp_path: Path, figures: Figures) -> None:
    async def scenario() -> None:
        async with (
            serving(OPTIONS) as sandbox,
            meddling(sandbox) as plain,
            meddling(sandbox, own_tls()) as secure,
            tunnel(secure.port, status=407) as proxy,
        ):
            origins = {
                "a name that is none": "https://nonexistent.invalid",
                "nobody there": f"http://127.0.0.1:{closed_port()}",
                "a certificate that nobody signed": f"https://127.0.0.1:{secure.port}",
                "plain HTTP at an https port": f"https://127.0.0.1:{sandbox.port}",
            }
            base_urls = plain.base_urls_at(origins.get(way, f"https://{HOST}"))
            port = closed_port() if way == "a proxy that is not there" else proxy.port
            named = {"HTTPS_PROXY": f"http://me:hidden-password@127.0.0.1:{port}"} if "proxy" in way else {}
            job = Job(folder=tmp_path, sandbox=sandbox, base_urls=base_urls, targets=FEW, environ=named)
            outcome = await run_here(job)
            assert outcome.exit_code == 4
            assert {name: stop.kind for name, stop in outcome.stops.items()} == dict.fromkeys(PROVIDERS, "unreachable")
            for stop in outcome.stops.values():
                assert WAYS[way] in stop.why
            assert outcome.stopped_by == "unreachable"
            assert not plain.heard
            assert not secure.heard
            assert "hidden-password" not in (job.directory / "harvester.log").read_text()
            assert not any(key.encode() in line for line in proxy.heard for key in sandbox.keys.values())
            figures["ways that lead nowhere"] += 1
            figures["units booked for ways that lead nowhere"] += booked(job)
            assert booked(job) == 0

    in_a_hurry(scenario())


async def run_behind(sandbox: Sandbox, folder: Path, base_urls: Mapping[str, str], **environ: str) -> tuple[Job, Ended]:
    """Run a job as a process in a company's network."""
    silent = dict.fromkeys(("no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"), "")
    job = Job(folder=folder, sandbox=sandbox, base_urls=base_urls, targets=FEW, environ={**silent, **environ})
    return job, await job.run()


def test_a_companys_proxy_leads_to_the_providers_and_sees_no_key(tmp_path: Path, figures: Figures) -> None:
    async def scenario() -> None:
        async with (
            serving(OPTIONS) as sandbox,
            meddling(sandbox, own_tls()) as secure,
            tunnel(secure.port) as proxy,
            tunnel(secure.port) as other,
        ):
            job, ended = await run_behind(
                sandbox,
                tmp_path,
                secure.base_urls_at(f"https://{HOST}"),
                HTTPS_PROXY=f"http://me:hidden-password@127.0.0.1:{proxy.port}",
                HTTP_PROXY=f"http://127.0.0.1:{other.port}",
                SSL_CERT_FILE=str(CERTIFICATE),
            )
            assert ended.code == 0, ended.err
            assert_no_traceback(ended)
            assert {row["provider"] for row in job.records().values()} == set(PROVIDERS)
            assert proxy.heard
            for asked in proxy.heard:
                assert asked.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n".encode())
                assert b"Proxy-Authorization: Basic bWU6aGlkZGVuLXBhc3N3b3Jk" in asked
                assert not any(key.encode() in asked for key in sandbox.keys.values())
                assert b"\r\nAuthorization" not in asked
            assert not other.heard, "HTTP_PROXY is for what is not encrypted, and no key goes there"
            figures["requests that a company's proxy could read"] += len(other.heard)

    in_a_hurry(scenario(), hurry=1.0)


def test_loopback_goes_through_no_proxy_and_a_proxy_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(OPTIONS) as sandbox, meddling(sandbox) as meddler, tunnel(meddler.port) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            _, ended = await run_behind(
                sandbox, tmp_path / "direct", meddler.base_urls, HTTPS_PROXY=url, HTTP_PROXY=url, ALL_PROXY=url
            )
            assert ended.code == 0, ended.err
            assert not proxy.heard
            _, ended = await run_behind(
                sandbox, tmp_path / "socks", meddler.base_urls, HTTPS_PROXY="socks5://me:hidden-password@127.0.0.1:1"
            )
            assert ended.code == 2
            assert "the environment variable HTTPS_PROXY names no proxy that can be used" in ended.err
            assert "hidden-password" not in ended.err
            assert_no_traceback(ended)

    in_a_hurry(scenario(), hurry=1.0)


@on_linux
@pytest.mark.parametrize("provider", of(("semrush",), tuple(PROVIDERS)))
@pytest.mark.parametrize("name", of(("two gigabytes",), LARGE))
def test_an_answer_without_end_does_not_take_all_memory(
    name: str, provider: str, tmp_path: Path, figures: Figures
) -> None:
    async def scenario() -> None:
        async with serving(OPTIONS) as sandbox, meddling(sandbox) as meddler:
            met: list[int] = []

            def plan(heard: Heard) -> Do | None:
                if not heard.is_paid or len(met) == 2:
                    return None
                met.append(heard.number)
                return MISDEEDS[name].do

            meddler.plan = plan
            job = Job(
                folder=tmp_path,
                sandbox=sandbox,
                base_urls=meddler.base_urls,
                targets=FEW,
                providers=(provider,),
                reports=("backlinks",),
            )
            ended, megabytes = await measured(job.config, job.environment())
            assert ended.code == 0, ended.err
            assert_no_traceback(ended)
            figures["answers larger than any memory"] += len(met)
            assert megabytes <= MOST_MEGABYTES, f"{megabytes} MB"

    in_a_hurry(scenario(), hurry=1.0)
