"""A list of DataForSEO's that is as long as one likes: one page that was learnt, given out under many numbers.

DataForSEO is the provider whose lists have no end: beyond 20,000 rows its links go on by `search_after_token`, "with
all other parameters identical". So here: every answer says of how many rows the list is and carries the token of the
next page, which is opaque to the client; a request without a token is answered by page 0; one whose other parameters
differ from page 0's is not known. Every row is another one: its page's number is part of the address that links.
"""

import re
from dataclasses import dataclass, field

_LIST = b"/backlinks/backlinks/live "
_SENT_TOKEN = re.compile(rb',?"search_after_token":"page-([0-9]{7})"')
_TOKEN = re.compile(rb'"search_after_token":"[^"]*"')
_TOTAL = re.compile(rb'"total_count":[0-9]+')
_ITEMS = re.compile(rb'"items_count":([0-9]+)')
_LINKING = re.compile(rb'"url_from":"(https?)://')
_NUMBER = "://p{:07d}."  #: the beginning of the host that links


@dataclass(slots=True)
class Endless:
    """So many pages of every list of links."""

    pages: int
    _bare: dict[int, bytes] = field(default_factory=dict)  #: learnt pages as page 0, by their hash

    def is_of_list(self, line: bytes) -> bool:
        """Whether a request is for such a list."""
        return _LIST in line

    def asked(self, body: bytes) -> tuple[int, bytes]:
        """Return the number of the page that is asked for, and the request for page 0 of the same list."""
        found = _SENT_TOKEN.search(body)
        return (0, body) if found is None else (int(found[1]), _SENT_TOKEN.sub(b"", body))

    def page(self, learnt: bytes, number: int) -> bytes:
        """Return the body of a page, made from what was answered for page 0."""
        key = hash(learnt)
        if key not in self._bare:
            self._bare[key] = self._numbered(learnt)
        page = self._bare[key].replace(_NUMBER.format(0).encode(), _NUMBER.format(number).encode())
        following = b'"page-%07d"' % (number + 1) if number + 1 < self.pages else b"null"
        return _TOKEN.sub(b'"search_after_token":' + following, page)

    def _numbered(self, learnt: bytes) -> bytes:
        """Return a page whose list is that long and whose rows are numbered. Raises ValueError if it has too few."""
        items = _ITEMS.search(learnt)
        rows = int(items[1]) if items else 0
        page, numbered = _LINKING.subn(rb'"url_from":"\1' + _NUMBER.format(0).encode(), learnt)
        if numbered != rows or not rows:
            raise ValueError(f"{rows} rows, of which {numbered} could be numbered")
        return _TOTAL.sub(b'"total_count":%d' % (self.pages * rows), page)
