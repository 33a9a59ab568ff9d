"""All providers by name. One is added with a file or folder of its own and one row here; nothing is discovered."""

from collections.abc import Mapping

from harvester.model import Provider
from harvester.providers.ahrefs import AHREFS
from harvester.providers.dataforseo import DATAFORSEO
from harvester.providers.semrush import SEMRUSH
from harvester.providers.serpstat import SERPSTAT

__all__ = ["PROVIDERS"]

PROVIDERS: Mapping[str, Provider] = {each.name: each for each in (AHREFS, SEMRUSH, SERPSTAT, DATAFORSEO)}
