"""Ahrefs' contract, written from its reference alone."""

from harvester.sandbox.ahrefs.service import AHREFS

__all__ = ["AHREFS"]
