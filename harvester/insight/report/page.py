"""Writes the page: one file that asks nobody for anything, and in which nothing runs that is not ours.

Jinja2 escapes every value. Style and script stand in the page, and the policy in its head allows these two by their
digests and nothing else: no other script, no request, no frame, no form. So even a text that got past all that would
be shown, and not run.
"""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from shlex import quote
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from harvester.display import shown
from harvester.insight.report.parts import PARTS, broken, gap, health, losses
from harvester.insight.report.parts.whole import completeness
from harvester.insight.report.question import MOST_ROWS
from harvester.insight.report.values import Facts, Found
from harvester.insight.report.words import counted, day, title_of

STATES = {"complete": "complete", "running": "still running", "stopped": "stopped"}


def page_of(found: Found) -> str:
    """Return the page as HTML."""
    style, script = _text("page.css"), _text("page.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_text("page.html.j2"))
    sections = [part(found) for part in PARTS]
    return template.render(
        head=_head(found),
        tiles=[gap.tile(found), losses.tile(found), broken.tile(found), health.tile(found)],
        sections=sections,
        scopes=found.scopes,
        style=Markup(style),  # ours
        script=Markup(script),
        policy=_policy(style, script),
        svg=Markup,  # what `drawing` kept
        title_of=title_of,
        commands=lambda sql: _command(found.facts, sql),
        most_rows=MOST_ROWS,
    )


def _head(found: Found) -> Mapping[str, Any]:
    facts = found.facts
    why = f" ({shown(facts.stopped_by, 100)})" if facts.stopped_by else ""
    return {
        "title": shown(facts.title or facts.job, 200),
        "state": STATES.get(facts.state, shown(facts.state, 20)) + why,
        "is_whole": facts.state == "complete" and not (facts.tasks["incomplete"] or facts.tasks["set_aside"]),
        "mine": found.mine,
        "is_default": facts.mine is None,
        "targets": counted(facts.targets, "target"),
        "providers": [(name, title_of(name)) for name in facts.providers],
        "rows": f"{sum(item['rows'] for item in facts.providers.values()):,}",
        "requests": f"{sum(item['requests'] for item in facts.providers.values()):,}",
        "as_of": day(found.scopes[0].as_of),
        "completeness": completeness(found),
        "made_at": f"{day(facts.made_at)}, {facts.made_at:%H:%M} UTC",
        "version": facts.version,
        "job": shown(facts.job, 100),
        "directory": shown(facts.directory, 300),
    }


def _command(facts: Facts, sql: str) -> str:
    """Return the command that asks a question anew, for a shell."""
    return f"harvester query {quote(shown(facts.directory, 300))} {_quoted(sql)}"


def _quoted(sql: str) -> str:
    """Return SQL as one word for a shell, in double quotes where it can be: they leave it as people read it."""
    return quote(sql) if any(char in sql for char in '"$`\\!') else f'"{sql}"'


def _policy(style: str, script: str) -> str:
    """Return a policy that allows this style and this script, and nothing else."""
    ours = f"style-src {_digest(style)}; script-src {_digest(script)}"
    return f"default-src 'none'; {ours}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _text(name: str) -> str:
    return (files("harvester.insight.report") / "template" / name).read_text(encoding="utf-8")
