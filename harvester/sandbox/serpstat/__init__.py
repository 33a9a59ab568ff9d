"""Serpstat's contract, written from its reference alone."""

from harvester.sandbox.serpstat.service import SERPSTAT

__all__ = ["SERPSTAT"]
