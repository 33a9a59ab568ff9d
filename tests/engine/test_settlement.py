"""What an account says of units in doubt: the pure sum, and the books that keep it."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from engine_kit import LANE, checkpoint_in, hold_entry
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from harvester.engine.checkpoint import SqliteBooks, SqliteCheckpoint, open_database, take_census
from harvester.engine.ledger import Ledger, settlement_of
from harvester.engine.ports import Doubt, Entry, Reading, Settlement, Tally
from harvester.errors import StorageError
from harvester.testing import EPOCH

BEFORE = Reading(used_units=1000, period="", spent_units=100)

# What the account has charged since, what we were billed since, and what is in doubt -> what that settles.
SETTLED = [
    (0, 0, 0, Settlement(0, 0, 0)),
    (70, 70, 0, Settlement(70, 0, 0)),
    (70, 70, 30, Settlement(70, 0, 30)),  # nothing of it was charged
    (90, 70, 30, Settlement(90, 20, 30)),  # some
    (100, 70, 30, Settlement(100, 30, 30)),  # all
    (101, 70, 30, Settlement(101, 30, 30)),  # and more, which is somebody else's
    (500, 70, 0, Settlement(500, 0, 0)),
    (69, 70, 0, Settlement(69, 0, 0)),  # late, or filled up
    (69, 70, 30, Settlement(69, 0, 0)),
    (-400, 70, 30, Settlement(0, 0, 0)),
]


@pytest.mark.parametrize(("charged", "billed", "doubt", "settled"), SETTLED)
def test_what_an_account_was_charged_bounds_what_is_in_doubt(
    charged: int, billed: int, doubt: int, settled: Settlement
) -> None:
    now = Reading(BEFORE.used_units + charged, "", BEFORE.spent_units + billed)
    assert settlement_of(BEFORE, now, doubt) == settled


@pytest.mark.parametrize("doubt", [0, 30])
def test_the_count_of_another_period_says_nothing(doubt: int) -> None:
    now = Reading(used_units=5, period="next", spent_units=170)
    assert settlement_of(BEFORE, now, doubt) == Settlement(70, 0, 0)


@pytest.mark.parametrize(("spent", "doubt"), [(0, 0), (1, 0), (0, 1)])
def test_a_first_reading_settles_nothing_and_takes_our_word(spent: int, doubt: int) -> None:
    assert settlement_of(None, Reading(5000, "", spent), doubt) == Settlement(spent, 0, 0)


@given(limit=st.none() | st.integers(0, 100), free=st.none() | st.integers(0, 100))
def test_an_account_that_is_asked_when_nothing_is_open_is_believed_whatever_it_says(
    limit: int | None, free: int | None
) -> None:
    ledger = Ledger(limit, spent_units=7, in_doubt_units=5)
    ledger.renew(free)
    assert ledger.free_units == free


class Accounts(RuleBasedStateMachine):
    """A lane and its account, which others use too; the provider alone knows what a lost reply cost."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = TemporaryDirectory()
        self.checkpoint = SqliteCheckpoint(open_database(Path(self.temporary.name)))
        self.books = SqliteBooks(self.checkpoint.db)
        self.checkpoint.begin([], [(LANE, "acme")])
        self.used_units = 500  #: by the account's own count
        self.charged_units = 0  #: of these, for our requests
        self.hold = 0
        self.read()

    def exchange(self, held_units: int, charged_units: int, tally: Tally | None) -> None:
        self.hold += 1
        self.used_units += charged_units
        self.charged_units += charged_units
        self.checkpoint.commit([hold_entry(self.hold, "a.com", units=held_units)], {})
        if tally is not None:
            self.checkpoint.commit([Entry(lane=LANE, at=EPOCH, settles=self.hold, tally=tally)], {})

    @rule(held=st.integers(0, 60), share=st.floats(0, 1))
    def a_reply_with_its_bill(self, held: int, share: float) -> None:
        billed = int(share * held)
        self.exchange(held, billed, Tally(requests=1, units_spent=billed))

    @rule(held=st.integers(0, 60), share=st.floats(0, 1))
    def a_lost_reply(self, held: int, share: float) -> None:
        self.exchange(held, int(share * held), Tally(requests=1, units_in_doubt=held))

    @rule(held=st.integers(0, 60), share=st.floats(0, 1))
    def a_crash_with_a_request_open(self, held: int, share: float) -> None:
        self.exchange(held, int(share * held), None)
        self.checkpoint.begin([], [(LANE, "acme")])

    @rule(units=st.integers(1, 100))
    def others_spend(self, units: int) -> None:
        self.used_units += units

    @rule()
    def read(self) -> None:
        """Believe the account, as at the start or end of a run."""
        counted, _ = self.checkpoint.lane(LANE)
        now = Reading(self.used_units, "", counted.units_spent)
        doubt_units = sum(doubt.units for doubt in self.books.doubts(LANE))
        assert doubt_units == counted.units_in_doubt
        self.books.believe(LANE, now, settlement_of(self.books.last_reading(LANE), now, doubt_units))
        counted, _ = self.checkpoint.lane(LANE)
        assert counted.units_in_doubt == 0
        found = take_census(self.checkpoint.db, "subdomains").providers["acme"].charged
        assert found == self.used_units - 500

    @invariant()
    def the_books_never_say_less_than_the_provider_charged(self) -> None:
        counted, _ = self.checkpoint.lane(LANE)
        assert counted.units_spent + counted.units_in_doubt >= self.charged_units

    def teardown(self) -> None:
        self.checkpoint.db.close()
        self.temporary.cleanup()


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_doubts_are_kept_one_by_one_until_a_receipt_or_a_reading_settles_them(tmp_path: Path) -> None:
    lost = Tally(requests=1, units_in_doubt=20)
    with checkpoint_in(tmp_path) as checkpoint:
        books = SqliteBooks(checkpoint.db)
        checkpoint.begin([], [(LANE, "acme"), ("acme#2", "acme")])
        holds = [hold_entry(1, "a"), hold_entry(2, "b"), hold_entry(3, "c", lane="acme#2")]
        assert holds[0].hold is not None
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, hold=holds[0].hold._replace(mark="m-1")), *holds[1:]], {})
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, settles=1, tally=lost)], {})
        assert books.doubts(LANE) == [Doubt(1, 20, "m-1", EPOCH)]
        checkpoint.begin([], [])
        assert [(doubt.units, doubt.mark) for doubt in books.doubts(LANE)] == [(20, "m-1"), (20, None)]
        books.found(LANE, books.doubts(LANE)[0], 7)
        assert [(doubt.units, doubt.mark) for doubt in books.doubts(LANE)] == [(20, None)], "the other is settled"
        assert checkpoint.lane(LANE)[0] == Tally(requests=2, units_spent=7, units_in_doubt=20)
        assert books.last_reading(LANE) is None
        books.believe(LANE, Reading(900, "march", 7), Settlement(12, 5, 20))
        assert checkpoint.lane(LANE)[0] == Tally(requests=2, units_spent=12)
        assert (books.doubts(LANE), books.last_reading(LANE)) == ([], Reading(900, "march", 12))
        assert len(books.doubts("acme#2")) == 1, "another lane's account says nothing of it"


def test_books_that_make_no_sense_are_an_error_of_ours(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        books = SqliteBooks(checkpoint.db)
        checkpoint.begin([], [(LANE, "acme")])
        checkpoint.db.execute("INSERT INTO doubts (lane, units, at) VALUES (?, 7, 'never')", (LANE,))
        with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be read: "):
            books.doubts(LANE)
        checkpoint.db.execute("DROP TABLE lanes")
        with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be read: no such table"):
            books.last_reading(LANE)


def test_what_an_account_cannot_settle_stays_in_doubt_for_good(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        books = SqliteBooks(checkpoint.db)
        checkpoint.begin([], [(LANE, "acme")])
        checkpoint.commit([hold_entry(1, "a")], {})
        checkpoint.begin([], [])
        books.believe(LANE, Reading(900, "", 0), Settlement(0, 0, 0))
        assert (checkpoint.lane(LANE)[0].units_in_doubt, books.doubts(LANE)) == (20, [])


def test_a_provider_has_a_count_of_its_own_only_if_all_its_accounts_have(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint, closing(open_database(tmp_path)) as db:
        books = SqliteBooks(checkpoint.db)
        checkpoint.begin([], [(LANE, "acme"), ("acme#2", "acme")])
        books.believe(LANE, Reading(1, "", 0), Settlement(5, 0, 0))
        assert take_census(db, "subdomains").providers["acme"].charged is None
        books.believe("acme#2", Reading(1, "", 0), Settlement(6, 0, 0))
        books.believe("acme#2", Reading(1, "", 0), Settlement(1, 0, 0))
        assert take_census(db, "subdomains").providers["acme"].charged == 12
