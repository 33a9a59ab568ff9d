"""What a reply is found to be: judged and, if it is to be kept, read and turned into lines. Pure.

Nothing here waits or knows a lane, so that it can also be done in another process, beside the event loop.
"""

import traceback
from collections.abc import Awaitable
from dataclasses import replace
from typing import Protocol

from harvester.engine.capture import captured_lines
from harvester.engine.ports import Finding, Question
from harvester.engine.render import Crop
from harvester.engine.seeding import seeds_of
from harvester.errors import UnknownReply
from harvester.model import Action


class Reader(Protocol):
    """Finds out what replies are."""

    def __call__(self, crop: Crop, question: Question) -> Awaitable[Finding]:
        """Return what a reply to a harvest's request is."""


def find(crop: Crop, question: Question) -> Finding:
    """Return what a reply to a harvest's request is."""
    step, request, reply = question.step, question.request, question.reply
    verdict = crop.exchange.judge(step, request, reply)
    found = Finding(status=reply.status, arrived_at=reply.arrived_at, verdict=verdict)
    if verdict.action is not Action.KEEP:
        return found
    try:
        page = crop.exchange.read(step, request, reply)
        lines = crop.page_lines(question.work, page, reply)
        seeds = seeds_of(crop.exchange, crop.feeds, question.work, page, reply) if crop.feeds else ()
    except Exception as exc:  # an answer that a provider's code stumbles over must not end the job, nor each rerun
        is_told = isinstance(exc, UnknownReply)
        return replace(
            found,
            lines=captured_lines(crop.captured, question, None),
            unreadable=str(exc) if is_told else f"{type(exc).__name__}: {exc}",
            stumble="" if is_told else traceback.format_exc(),
        )
    lines += captured_lines(crop.captured, question, len(page.rows))
    return replace(found, page=replace(page, rows=()), rows=len(page.rows), lines=lines, seeds=seeds)


async def find_here(crop: Crop, question: Question) -> Finding:
    """Find out at once, on the event loop."""
    return find(crop, question)
