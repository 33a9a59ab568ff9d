"""Every task is handed out until it is finished, to one taker at a time, in an order that keeps few of them open."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harvester.engine.ports import State, Work
from harvester.engine.schedule import Schedule
from harvester.model import Task


def work(harvest: str, number: int = 0, state: State = State.WAITING) -> Work:
    return Work(task=Task(id=f"{harvest}{number}", harvest=harvest, targets=("example.com",)), state=state)


def begun(taken: Work | None) -> Work:
    assert taken is not None
    return replace(taken, state=State.OPEN)


def taken_ids(schedule: Schedule, now_s: float = 0.0) -> list[str]:
    """Take all that can go, and return it by name; it stays with the taker."""
    ids = []
    while (taken := schedule.take(now_s)) is not None:
        ids.append(taken.task.id)
    return ids


def loaded(*works: Work) -> Schedule:
    schedule = Schedule([])
    schedule.add(works)
    return schedule


def test_work_that_has_begun_goes_first() -> None:
    schedule = loaded(work("a", 1), work("a", 2, State.OPEN), work("a", 3))
    assert taken_ids(schedule) == ["a2", "a1", "a3"]


def test_work_that_goes_on_is_the_very_next() -> None:
    schedule = loaded(work("a", 1), work("a", 2, State.OPEN), work("a", 3, State.OPEN))
    first = begun(schedule.take(0.0))
    schedule.go_on(first)
    assert taken_ids(schedule) == ["a2", "a3", "a1"]


def test_harvests_are_drawn_in_their_order_and_only_when_fresh_work_is_wanted() -> None:
    schedule = Schedule(["a", "b"])
    assert schedule.draws_from() == "a"
    schedule.add([work("a", 1)])
    assert schedule.draws_from() is None
    assert taken_ids(schedule) == ["a1"]
    assert schedule.draws_from() == "a"
    schedule.drawn_out("a")
    assert schedule.draws_from() == "b"
    schedule.drawn_out("b")
    assert schedule.draws_from() is None


def test_delayed_work_waits_for_its_time_and_keeps_its_order() -> None:
    schedule = loaded(work("a", 1), work("a", 2), work("a", 3))
    for at_s in (30.0, 10.0, 10.0):
        schedule.retry(begun(schedule.take(0.0)), at_s)
    assert schedule.next_at_s() == 10.0
    assert taken_ids(schedule, 9.9) == []
    assert taken_ids(schedule, 10.0) == ["a2", "a3"]
    assert schedule.next_at_s() == 30.0
    assert taken_ids(schedule, 100.0) == ["a1"]
    assert schedule.next_at_s() is None


def test_fresh_work_that_does_not_fit_holds_back_its_own_harvest_only() -> None:
    schedule = Schedule(["a", "b", "c"])
    schedule.add([work("a", 1), work("a", 2), work("b", 1)])
    dear = schedule.take(0.0)
    assert dear is not None
    schedule.park(dear)
    assert taken_ids(schedule) == ["b1"]
    assert schedule.has_parked
    assert schedule.draws_from() == "b"
    schedule.unpark()
    assert taken_ids(schedule) == ["a1", "a2"]
    assert not schedule.has_parked


def test_begun_work_that_does_not_fit_holds_back_nothing_else() -> None:
    schedule = Schedule(["a"])
    schedule.add([work("a", 1, State.OPEN), work("a", 2, State.OPEN), work("a", 3)])
    schedule.park(begun(schedule.take(0.0)))
    assert taken_ids(schedule) == ["a2", "a3"]
    assert schedule.draws_from() == "a"


def test_unparked_work_goes_before_what_was_behind_it() -> None:
    schedule = loaded(*(work("a", number) for number in range(4)), work("b", 1), work("b", 2))
    dear = schedule.take(0.0)
    assert dear is not None
    schedule.park(dear)
    cheap = schedule.take(0.0)
    assert cheap is not None
    assert cheap.task.id == "b1"
    schedule.unpark()
    assert taken_ids(schedule) == ["a0", "a1", "a2", "a3", "b2"]


def test_a_stopped_harvest_hands_out_nothing_and_says_why() -> None:
    schedule = Schedule(["a", "b"])
    schedule.add([work("a", 1, State.OPEN), work("a", 2), work("a", 3), work("b", 1)])
    schedule.retry(begun(schedule.take(0.0)), 5.0)
    schedule.stop_harvest("a", "not in your plan")
    schedule.stop_harvest("a", "another reason")
    assert taken_ids(schedule, 10.0) == ["b1"]
    schedule.unpark()
    assert schedule.draws_from() == "b", "what cannot go is no fresh work"
    assert taken_ids(schedule, 10.0) == []
    assert schedule.draws_from() == "b"
    assert dict(schedule.stopped) == {"a": "not in your plan"}
    assert not schedule.has_parked
    schedule.finish()
    schedule.drawn_out("b")
    assert schedule.has_left


def test_a_task_is_left_wherever_it_waits_until_it_is_finished() -> None:
    schedule = loaded(work("a", 1))
    assert schedule.has_left, "fresh"
    schedule.retry(begun(schedule.take(0.0)), 5.0)
    assert schedule.has_left, "delayed"
    schedule.park(begun(schedule.take(5.0)))
    assert schedule.has_left, "parked"
    schedule.unpark()
    assert schedule.has_left, "begun"
    schedule.go_on(begun(schedule.take(5.0)))
    schedule.stop_harvest("a", "why")
    assert schedule.take(5.0) is None
    schedule.unpark()
    assert schedule.has_left, "stopped"

    schedule = loaded(work("a", 1))
    schedule.take(0.0)
    assert schedule.has_left, "taken"
    schedule.finish()
    assert not schedule.has_left
    assert Schedule(["a"]).has_left, "perhaps not all drawn"


def test_the_parts_of_a_task_take_its_place_before_all_others() -> None:
    schedule = loaded(work("a", 1), work("a", 2))
    schedule.take(0.0)
    schedule.split([work("a", 11), work("a", 12)])
    assert (schedule.busy, schedule.added) == (0, 1)
    assert taken_ids(schedule) == ["a11", "a12", "a2"]


class Days(RuleBasedStateMachine):
    """A schedule beside a plain account of where every task is."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule(["a", "b", "c"])
        left = [work("b", 100, State.OPEN), work("c", 100), work("c", 101), work("c", 102)]  # by an earlier run
        self.schedule.add(left)
        self.undrawn = {"a": 4, "b": 3, "c": 0}
        self.drawn_out = set[str]()
        self.ready: dict[str, Work] = {task.task.id: task for task in left}
        self.later: dict[str, tuple[float, Work]] = {}
        self.parked: dict[str, Work] = {}
        self.taken: dict[str, Work] = {}
        self.finished = set[str]()
        self.stopped = set[str]()
        self.now_s = 0.0

    @property
    def blocked(self) -> set[str]:
        """Harvests of which a fresh task did not fit."""
        return {task.task.harvest for task in self.parked.values() if task.state is State.WAITING}

    def may_go(self, task: Work) -> bool:
        harvest = task.task.harvest
        return harvest not in self.stopped and (task.state is State.OPEN or harvest not in self.blocked)

    @precondition(lambda self: self.schedule.draws_from() is not None)
    @rule(block=st.integers(1, 3))
    def draw(self, block: int) -> None:
        harvest = self.schedule.draws_from()
        assert harvest is not None
        assert harvest not in self.stopped | self.blocked | self.drawn_out
        numbers = [self.undrawn[harvest] - done for done in range(min(block, self.undrawn[harvest]))]
        self.undrawn[harvest] -= len(numbers)
        drawn = [work(harvest, number) for number in numbers]
        self.schedule.add(drawn)
        self.ready |= {task.task.id: task for task in drawn}
        if not drawn:
            self.schedule.drawn_out(harvest)
            self.drawn_out.add(harvest)

    @rule()
    def take(self) -> None:
        due = {name: task for name, (at_s, task) in self.later.items() if at_s <= self.now_s}
        self.ready |= due
        for name in due:
            del self.later[name]
        can_go = {name: task for name, task in self.ready.items() if self.may_go(task)}
        got = self.schedule.take(self.now_s)
        assert (got is None) == (not can_go)
        if got is None:
            return
        assert can_go.pop(got.task.id) == got, "nothing is handed out twice, or from nowhere"
        if got.state is State.WAITING:
            assert all(task.state is State.WAITING for task in can_go.values()), "begun work goes first"
        self.taken[got.task.id] = self.ready.pop(got.task.id)

    def give_back(self, data: st.DataObject) -> Work:
        return self.taken.pop(data.draw(st.sampled_from(sorted(self.taken))))

    @precondition(lambda self: self.taken)
    @rule(
        data=st.data(), end=st.sampled_from(["go on", "retry", "park", "park", "finish"]), delay_s=st.floats(0.0, 9.0)
    )
    def end(self, data: st.DataObject, end: str, delay_s: float) -> None:
        task = self.give_back(data)
        name = task.task.id
        match end:
            case "go on":
                self.ready[name] = begun(task)
                self.schedule.go_on(self.ready[name])
            case "retry":
                self.later[name] = (self.now_s + delay_s, begun(task))
                self.schedule.retry(begun(task), self.now_s + delay_s)
            case "park":
                self.parked[name] = task
                self.schedule.park(task)
            case _:
                self.finished.add(name)
                self.schedule.finish()

    @rule()
    def units_come_back(self) -> None:
        self.schedule.unpark()
        self.ready |= self.parked
        self.parked.clear()

    @rule(harvest=st.sampled_from("abc"))
    def stop(self, harvest: str) -> None:
        if len(self.stopped) < 2:
            self.stopped.add(harvest)
            self.schedule.stop_harvest(harvest, "why")

    @rule(seconds=st.floats(0.0, 10.0))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @invariant()
    def the_counts_are_right(self) -> None:
        schedule = self.schedule
        assert (schedule.busy, schedule.finished) == (len(self.taken), len(self.finished))
        assert schedule.next_at_s() == min((at_s for at_s, _ in self.later.values()), default=None)
        assert set(schedule.stopped) == self.stopped
        is_all_drawn = len(self.drawn_out) == 3
        assert schedule.has_left == (not is_all_drawn or bool(self.taken or self.ready or self.later or self.parked))
        assert schedule.has_parked == any(task.task.harvest not in self.stopped for task in self.parked.values())

    def teardown(self) -> None:
        """Let everything finish: all tasks do, but those of stopped harvests."""
        for task in self.taken.values():
            self.schedule.go_on(begun(task))
        ids = list[str]()
        while True:
            self.schedule.unpark()
            if (got := self.schedule.take(1e9)) is not None:
                self.schedule.finish()
                ids.append(got.task.id)
            elif (harvest := self.schedule.draws_from()) is None:
                break
            else:
                self.schedule.add(work(harvest, number + 1) for number in range(self.undrawn[harvest]))
                self.undrawn[harvest] = 0
                if self.schedule.draws_from() == harvest:
                    self.schedule.drawn_out(harvest)
        every = {"b100", "c100", "c101", "c102", *(f"a{n}" for n in range(1, 5)), *(f"b{n}" for n in range(1, 4))}
        assert len(ids) == len(set(ids))
        assert not set(ids) & self.finished
        assert every - set(ids) - self.finished == {name for name in every - self.finished if name[0] in self.stopped}


TestDays = Days.TestCase
TestDays.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
