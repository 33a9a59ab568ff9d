"""README's section "Adding a provider", followed word for word in a copy of the project."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path

from aiohttp import web
from e2e_kit import REPOSITORY, lines_of

LINKS = 250


def code_blocks(heading: str) -> list[str]:
    """Return the Python blocks of one of README's sections."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = readme.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def follow_the_readme(copy: Path) -> None:
    """Add the toy provider to a copy of the package as the section says."""
    shutil.copytree(REPOSITORY / "harvester", copy / "harvester", ignore=shutil.ignore_patterns("__pycache__"))
    toy, rows = code_blocks("Adding a provider")
    (copy / "harvester/providers/toy.py").write_text(toy, encoding="utf-8")
    table = copy / "harvester/providers/__init__.py"
    importing, row = (line for line in rows.splitlines() if line)
    text = table.read_text(encoding="utf-8")
    ahrefs = "from harvester.providers.ahrefs import AHREFS\n"
    assert ahrefs in text
    text = text.replace(ahrefs, f"{ahrefs}{importing}\n")
    text, replaced = re.subn(r"^PROVIDERS: .*$", row, text, flags=re.MULTILINE)
    assert replaced == 1
    table.write_text(text, encoding="utf-8")


async def serve_links(request: web.Request) -> web.Response:
    """Answer as the toy's service would: 250 links for each target, and one that cannot be read."""
    if request.headers.get("X-Key") != "toy-secret":
        return web.Response(status=401)
    offset, limit = int(request.query["offset"]), int(request.query["limit"])
    target = request.query["target"]
    links: list[object] = [
        {"from": f"https://site-{n}.test/", "to": f"https://{target}/", "text": f"no. {n}", "found": "2026-01-02"}
        for n in range(LINKS)
    ]
    links[17] = "garbled"
    return web.json_response({"links": links[offset : offset + limit]})


async def in_copy(copy: Path, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "TOY_KEY": "toy-secret", "XDG_RUNTIME_DIR": str(copy)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def harvest_toy(copy: Path) -> None:
    app = web.Application()
    app.router.add_get("/v1/links", serve_links)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        (copy / "toy.toml").write_text(
            f"""
            [job]
            name = "toy"
            targets = {{ inline = ["a.example", "b.example", "c.example"] }}
            [providers.toy]
            key = "env:TOY_KEY"
            base_url = "http://127.0.0.1:{port}/v1"
            rate = "unlimited"
            budget = 620
            [[harvest]]
            provider = "toy"
            report = "backlinks"
            """
        )
        code, said = await in_copy(copy, "-m", "harvester", "run", "toy.toml")
        assert code == 4, said  # 620 credits do not buy 750 links
        assert json.loads((copy / "out/toy/manifest.json").read_bytes())["providers"]["toy"]["unit"] == "credits"
        written = [lines_of(copy / f"out/toy/{name}.jsonl") for name in ("toy.backlinks", "rejects")]
        assert sum(map(len, written)) == 620, "each credit bought a row"
        code, said = await in_copy(copy, "-m", "harvester", "run", "toy.toml", "--budget", "toy=800")
        assert code == 0, said
    finally:
        await runner.cleanup()


def test_a_newcomer_adds_a_provider_by_following_the_readme(tmp_path: Path) -> None:
    follow_the_readme(tmp_path)
    asyncio.run(harvest_toy(tmp_path))
    records = lines_of(tmp_path / "out/toy/toy.backlinks.jsonl")
    assert len(records) == 3 * (LINKS - 1)
    assert {record["provider"] for record in records} == {"toy"}
    assert records[0]["first_seen_at"] == "2026-01-02T00:00:00Z"
    rejects = lines_of(tmp_path / "out/toy/rejects.jsonl")
    assert [reject["raw"] for reject in rejects] == ["garbled"] * 3


def test_the_readmes_provider_keeps_the_contract(tmp_path: Path) -> None:
    follow_the_readme(tmp_path)
    contract = REPOSITORY / "tests/contracts"
    code, said = asyncio.run(
        in_copy(
            tmp_path,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            "-o",
            f"pythonpath={' '.join(str(REPOSITORY / 'tests' / kits) for kits in ('chaos', 'cli', 'e2e', 'engine'))}",
            "--rootdir",
            str(tmp_path),
            "-k",
            "toy",  # the others keep it in a run of their own
            str(contract),
        )
    )
    assert code == 0, said
