"""Semrush's contract, written from its reference alone."""

from harvester.sandbox.semrush.service import SEMRUSH

__all__ = ["SEMRUSH"]
