"""Bulk backlink harvesting."""
