"""What the shared world does not tell: topics of domains, names of countries (reference, sections 4.6, 4.13, 4.14)."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from harvester.sandbox.facts import Dice, Facts

#: English names, as `backlinks_geo` writes them, of the countries that the shared world knows.
COUNTRY_NAMES = {
    "BR": "Brazil",
    "CZ": "Czech Republic",
    "DE": "Germany",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "IN": "India",
    "IT": "Italy",
    "JP": "Japan",
    "NL": "Netherlands",
    "PL": "Poland",
    "UA": "Ukraine",
    "US": "United States",
}
_TOPICS = (
    "/Arts & Entertainment",
    "/Arts & Entertainment/Music & Audio/Radio",
    "/Autos & Vehicles/Bicycles & Accessories",
    "/Business & Industrial/Advertising & Marketing",
    "/Business & Industrial/Advertising & Marketing/Public Relations",
    "/Computers & Electronics/Software",
    "/Computers & Electronics/Software/Internet Software",
    "/Food & Drink/Cooking & Recipes",
    "/Home & Garden/Gardening & Landscaping",
    "/Internet & Telecom/Web Services/Web Design & Development",
    "/News",
    "/News/Technology News",
    "/Science",
    "/Shopping/Apparel",
    "/Travel/Hotels & Accommodations",
)
_MOST_TOPICS = 5


class Topic(NamedTuple):
    """One line of `backlinks_categories` or `backlinks_categories_profile`."""

    category_name: str
    rating: float | int  #: confidence from 0 to 1, or a number of domains


def main_topic(facts: Facts, domain: str) -> str:
    """Return the topic that a domain is counted under."""
    return Dice(facts.seed, "topic", domain).pick(0, _TOPICS)


def topics_of(facts: Facts, domain: str) -> list[Topic]:
    """Return the topics of a domain, the surest first."""
    dice = Dice(facts.seed, "topic", domain)
    further = (dice.pick(at, _TOPICS) for at in range(1, dice.number(14, 1, _MOST_TOPICS)))
    confidence = 0.5 + dice.unit(15) / 2
    return [
        Topic(name, confidence / (1 + place))
        for place, name in enumerate(dict.fromkeys((main_topic(facts, domain), *further)))
    ]


def profile(facts: Facts, domains: Iterable[str]) -> list[Topic]:
    """Return how many of the domains belong to each topic, the largest number first."""
    counts = Counter(main_topic(facts, domain) for domain in domains)
    return sorted(
        (Topic(name, count) for name, count in counts.items()), key=lambda topic: (-topic.rating, topic.category_name)
    )
