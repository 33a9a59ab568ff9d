"""A question: a SELECT over a job's views, with the scope that it is asked about filled in."""

from dataclasses import dataclass
from string import Template

from harvester.insight.questions import DOMAIN_REPORTS, LINK_REPORTS, text, texts
from harvester.insight.report.values import Scope

MOST_ROWS = 200  #: of a table; the command below it shows all
MONTHS = 12
RECENT_DAYS = 30
UPSET_TARGETS = 8
UPSET_COLUMNS = 20
MATRIX_TARGETS = 4
STEPS = 48  #: of units over time


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One SELECT; `$among`, `$mine`, `$as_of` and `$each` are filled in."""

    about: str  #: what it counts, for people
    sql: str
    each: str = ""  #: a column for each provider, with its name as `$provider`
    most: int | None = None  #: rows that are shown

    def text(self, scope: Scope) -> str:
        """Return the SQL about a scope."""
        return Template(self.sql.strip()).substitute(
            among=f"target = {text(scope.mine)}" if scope.is_mine else "true",
            mine=text(scope.mine),
            as_of=f"DATE '{scope.as_of:%Y-%m-%d}'",
            each="".join(Template(self.each).substitute(provider=name) for name in scope.providers),
            order="".join(f", {name} DESC NULLS LAST" for name in scope.providers),
            links=texts(LINK_REPORTS),
            domains=texts(DOMAIN_REPORTS),
        )
