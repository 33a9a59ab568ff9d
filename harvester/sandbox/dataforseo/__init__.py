"""DataForSEO's contract, written from its reference alone."""

from harvester.sandbox.dataforseo.service import DATAFORSEO

__all__ = ["DATAFORSEO"]
