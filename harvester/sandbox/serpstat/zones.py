"""Countries of top-level domains, as getDistributionTLD names them in its five languages."""

from collections.abc import Mapping

from harvester.sandbox.serpstat.query import LANGUAGES

#: Zone -> country code and names in the order of `LANGUAGES`. Other zones are generic: both are "".
_COUNTRIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "au": ("au", ("Australia", "Австралия", "Австралія", "Australien", "Australien")),
    "br": ("br", ("Brazil", "Бразилия", "Бразилія", "Brasilien", "Brasilien")),
    "de": ("de", ("Germany", "Германия", "Німеччина", "Deutschland", "Tyskland")),
    "es": ("es", ("Spain", "Испания", "Іспанія", "Spanien", "Spanien")),
    "fr": ("fr", ("France", "Франция", "Франція", "Frankreich", "Frankrike")),
    "it": ("it", ("Italy", "Италия", "Італія", "Italien", "Italien")),
    "jp": ("jp", ("Japan", "Япония", "Японія", "Japan", "Japan")),
    "nl": ("nl", ("Netherlands", "Нидерланды", "Нідерланди", "Niederlande", "Nederländerna")),
    "pl": ("pl", ("Poland", "Польша", "Польща", "Polen", "Polen")),
    "se": ("se", ("Sweden", "Швеция", "Швеція", "Schweden", "Sverige")),
    "ua": ("ua", ("Ukraine", "Украина", "Україна", "Ukraine", "Ukraina")),
    "uk": ("gb", ("United Kingdom", "Великобритания", "Велика Британія", "Vereinigtes Königreich", "Storbritannien")),
}


def country_of(zone: str, lang: str) -> tuple[str, str]:
    """Return name and code of the country that a zone belongs to; both "" for a generic one."""
    code, names = _COUNTRIES.get(zone, ("", ("",) * len(LANGUAGES)))
    return names[LANGUAGES.index(lang)], code
