"""The loader: everything of the log is loaded once, in its order, whatever fails."""

import threading
import time
from uuid import UUID

import pytest
from made import TENANT, Log, frame, line, named

from perfkit.errors import InputError
from perfkit.store.engines import BehindError, StoreError
from perfkit.store.loader import Loader, Times
from perfkit.store.log.frame import LoggedFrame, Place

OTHER = named("other tenant")
DAY = 86_400


def made(number: int, segment: int = 1) -> LoggedFrame:
    return frame(line(number, "/proc/x", "y") * 3, number, segment=segment)


class Engine:
    """An engine that can be told to fail."""

    def __init__(self) -> None:
        self.stored: dict[UUID, list[Place]] = {}
        self.sizes: list[int] = []
        self.failures: list[Exception] = []
        self.full = 0
        self.done: list[tuple] = []
        self.noted = 0
        self.meanwhile = (None, lambda: None)
        """What happens while the frame of a place is applied."""
        self.changed = threading.Condition()

    def loaded(self, tenant: UUID) -> Place | None:
        return self.stored[tenant][-1] if self.stored.get(tenant) else None

    def apply(self, tenant, frames, *, after) -> int:
        with self.changed:
            if self.failures:
                raise self.failures.pop(0)
            places = self.stored.setdefault(tenant, [])
            if self.loaded(tenant) != after:
                raise BehindError("not there")
            places += [each.place for each in frames]
            assert places == sorted(set(places))
            self.sizes.append(len(frames))
            if frames[-1].place == self.meanwhile[0]:
                self.meanwhile[1]()
            self.changed.notify_all()
        return len(frames)

    def noticed(self, _: UUID, frame: LoggedFrame) -> None:
        self.noted += len(frame.lines) > 0

    def is_full(self, _: UUID) -> bool:
        self.full -= 1
        return self.full >= 0

    def settle(self, tenant: UUID, before: int | None = None) -> int:
        self.told("settle", tenant, before)
        return 0

    def expire(self, tenant: UUID, received_before: int) -> int:
        self.told("expire", tenant, received_before)
        return 0

    def told(self, *what) -> None:
        with self.changed:
            self.done.append(what)
            self.changed.notify_all()

    def wait_for(self, count: int, tenant: UUID = TENANT) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.stored.get(tenant, [])) >= count, 20)


FAST = Times(load_seconds=0.01, retry_seconds=0.01)


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def start(engine, log):
    """Return what starts a loader that is stopped in the end."""
    loaders = []

    def start(times: Times = FAST, tenants=(TENANT,), **more) -> Loader:
        loader = Loader(engine, log, lambda: tenants, times=times, **more)
        loaders.append(loader)
        loader.start()
        return loader

    yield start
    for loader in loaders:
        loader.stop()


def test_what_the_store_lacks_is_loaded_at_the_start(engine, log, start):
    log.add(*(made(number) for number in range(1, 11)))
    log.add(made(1), tenant=OTHER)
    engine.stored[TENANT] = [Place(1, 4)]
    start(tenants=(TENANT, OTHER))
    engine.wait_for(7)
    engine.wait_for(1, OTHER)
    assert engine.stored[TENANT] == [Place(1, number) for number in range(4, 11)]


def test_what_comes_is_loaded_together(engine, log, start):
    loader = start()
    log.add(first := made(1))
    loader.put(TENANT, first)
    engine.wait_for(1)
    loader.stop()
    more = [made(number) for number in range(2, 30)]
    log.add(*more)
    for each in more:
        loader.put(TENANT, each)
    loader.start()
    loader.stop()
    assert [each.frame for each in engine.stored[TENANT]] == list(range(1, 30))
    assert engine.noted == 29


def test_enough_lines_do_not_wait(engine, log, start):
    loader = start(Times(load_seconds=1e9, load_lines=12))
    for number in range(1, 10):
        log.add(made(number))
        loader.put(TENANT, made(number))
    engine.wait_for(8)


def test_frames_known_from_the_log_are_not_loaded_again(engine, log, start):
    frames = [made(number) for number in range(1, 6)]
    log.add(*frames)
    loader = Loader(engine, log, lambda: (TENANT,), times=FAST)
    for each in frames:
        loader.put(TENANT, each)
    loader.start()
    engine.wait_for(5)
    loader.stop()
    assert [each.frame for each in engine.stored[TENANT]] == [1, 2, 3, 4, 5]
    assert start is not None


@pytest.mark.parametrize(
    "failure",
    [StoreError("no room"), BehindError("set aside"), RuntimeError("a bug")],
    ids=lambda error: type(error).__name__,
)
def test_what_fails_is_read_again_from_the_log(engine, log, start, failure):
    loader = start()
    engine.failures = [failure, failure, failure]
    for number in range(1, 6):
        log.add(made(number))
        loader.put(TENANT, made(number))
    engine.wait_for(5)
    assert [each.frame for each in engine.stored[TENANT]] == [1, 2, 3, 4, 5]


def test_a_store_that_was_set_aside_is_filled_from_the_beginning(engine, log, start):
    loader = start()
    log.add(made(1), made(2))
    loader.put(TENANT, made(1))
    loader.put(TENANT, made(2))
    engine.wait_for(2)
    with engine.changed:
        engine.stored[TENANT] = []
    log.add(made(3))
    loader.put(TENANT, made(3))
    engine.wait_for(3)
    assert [each.frame for each in engine.stored[TENANT]] == [1, 2, 3]


def test_a_tenant_that_fails_holds_nobody_up(engine, log, start):
    class Failing(Engine):
        def apply(self, tenant, frames, *, after):
            if tenant == TENANT:
                raise StoreError("broken")
            return super().apply(tenant, frames, after=after)

    engine = Failing()
    log.add(made(1))
    loader = Loader(engine, log, lambda: (TENANT, OTHER), times=FAST)
    loader.start()
    log.add(made(1), tenant=OTHER)
    loader.put(OTHER, made(1))
    engine.wait_for(1, OTHER)
    assert loader.lag(TENANT) > 0
    loader.stop()
    assert TENANT not in engine.stored
    assert start is not None


def test_more_than_can_be_held_is_read_from_the_log(engine, log, start):
    loader = Loader(engine, log, lambda: (TENANT,), times=Times(waiting_lines=9, load_seconds=0.01))
    for number in range(1, 51):
        log.add(made(number))
        loader.put(TENANT, made(number))
    loader.start()
    engine.wait_for(50)
    for number in range(51, 101):
        log.add(made(number))
        loader.put(TENANT, made(number))
    engine.wait_for(100)
    loader.stop()
    assert [each.frame for each in engine.stored[TENANT]] == list(range(1, 101))
    assert start is not None


def test_what_is_let_go_of_while_frames_are_loaded_is_not_passed_over(engine, log, start):
    times = Times(load_seconds=0.01, retry_seconds=0.01, load_lines=3, waiting_lines=9)
    loader = start(times)

    def come(numbers):
        for each in map(made, numbers):
            log.add(each)
            loader.put(TENANT, each)

    come([1])
    while loader.lag(TENANT):  # until the log is read, and what comes is taken from what waits
        time.sleep(0.001)
    engine.meanwhile = (Place(1, 2), lambda: come(range(3, 12)))
    come([2])
    engine.wait_for(11)
    assert engine.stored[TENANT] == [Place(1, number) for number in range(1, 12)]


def test_text_is_held_up_to_a_limit(engine, log):
    loader = Loader(engine, log, times=Times(held_bytes=250))
    frames = [made(number) for number in range(1, 11)]
    for each in frames:
        loader.put(TENANT, each)
    held = [each for each in frames if each._text is not None]  # noqa: SLF001 - what is held
    assert 0 < sum(len(each.lines) for each in held) <= 250


def test_a_frame_that_cannot_be_read_stops_nothing(engine, log, start):
    def damaged() -> bytes:
        raise InputError("1.seg:0: damaged")

    bad = made(1)
    bad._read = damaged  # noqa: SLF001 - as the log does it
    bad.forget()
    loader = start()
    log.add(bad, made(2))
    loader.put(TENANT, bad)
    loader.put(TENANT, made(2))
    engine.wait_for(2)


def test_a_full_store_is_settled(engine, log, start):
    engine.full = 1
    loader = start()
    log.add(made(1))
    loader.put(TENANT, made(1))
    engine.wait_for(1)
    with engine.changed:
        assert engine.changed.wait_for(lambda: ("settle", TENANT, None) in engine.done, 20)


def test_a_night_s_work_is_done_once_and_at_a_time_of_its_own(engine, log, start):
    late = UUID(int=999)
    now = [10 * DAY + 100.0]
    start(tenants=(UUID(int=1000), late), now=lambda: now[0])
    early = UUID(int=1000)
    with engine.changed:
        assert engine.changed.wait_for(lambda: len(engine.done) == 2, 20)
    assert engine.done == [
        ("settle", early, 10 * DAY),
        ("expire", early, int((now[0] - 90 * DAY) * 1e9)),
    ]
    now[0] = 10 * DAY + 7200
    log.add(made(1), tenant=late)
    loader = start(tenants=(late,), now=lambda: now[0])
    with engine.changed:
        assert engine.changed.wait_for(lambda: ("settle", late, 10 * DAY) in engine.done, 20)
    assert loader.lag(UUID(int=5)) == 0


def test_nothing_waits_when_nothing_came(engine, log, start):
    loader = start()
    log.add(made(1))
    loader.put(TENANT, made(1))
    engine.wait_for(1)
    loader.stop()
    assert loader.lag(TENANT) == 0
