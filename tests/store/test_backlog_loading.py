"""What is not rows yet while the loader is at work."""

import threading

import pytest
from backlogs import MOST, NOW, Engine, made
from made import MACHINE, TENANT, Log

from perfkit.store.backlog import RefillError
from perfkit.store.engines import StoreError
from perfkit.store.loader import Loader, Times
from perfkit.store.log.frame import Place


@pytest.fixture
def log():
    return Log()


class Filled(Engine):
    """An engine that the loader fills when it may, or that cannot be written to."""

    def __init__(self):
        super().__init__()
        self.may = threading.Semaphore(0)
        self.is_in = threading.Semaphore(0)
        self.failure: Exception | None = None

    def apply(self, _, frames, *, after):
        self.is_in.release()
        assert self.may.acquire(timeout=20)
        if self.failure is not None:
            raise self.failure
        assert after == self.at
        self.at = frames[-1].place
        return 1

    def noticed(self, *_):
        pass

    def is_full(self, _):
        return False

    def settle(self, *_):
        pass

    expire = settle


@pytest.fixture
def filled():
    return Filled()


@pytest.fixture
def loader(filled, log):
    times = Times(load_seconds=0, load_lines=MOST, retry_seconds=0, waiting_lines=40)
    one = Loader(filled, log, lambda: [TENANT], times=times, now=lambda: NOW)
    yield one
    filled.failure = None
    filled.may.release(1000)
    one.stop()


def counted(loader):
    return loader.backlog.asked(TENANT, MACHINE, None, None, lambda: None)[1]


def come(loader, log, *numbers):
    for number in numbers:
        log.add(made(number))
        loader.put(TENANT, made(number))


def until_in(filled):
    """Wait until a transaction is under way."""
    assert filled.is_in.acquire(timeout=20)


def test_lines_of_the_transaction_under_way_wait(filled, log, loader):
    loader.start()
    come(loader, log, 1)
    until_in(filled)
    assert counted(loader) == 4
    come(loader, log, 2, 3)
    assert counted(loader) == 12
    filled.may.release()
    until_in(filled)
    assert counted(loader) == 8


def test_lines_that_are_read_from_the_log_wait(filled, log, loader):
    log.add(*(made(number) for number in range(1, 3)))
    loader.start()
    until_in(filled)
    come(loader, log, *range(3, 33))  # more than is held
    assert counted(loader) == 128
    filled.may.release()
    until_in(filled)
    assert counted(loader) == 120


def test_a_disk_that_is_full_refuses_nothing(filled, log, loader):
    filled.at = Place(1, 1)
    log.add(made(1))
    loader.start()
    filled.failure = StoreError("no room")
    filled.may.release(5)
    come(loader, log, *range(2, 20))
    for _ in range(5):
        until_in(filled)
        assert counted(loader) == 72
    assert loader.backlog.refills() == 0


def test_a_store_whose_loss_a_question_finds_is_filled_though_nothing_comes(filled, log, loader):
    log.add(*(made(number) for number in range(1, 6)))
    filled.at = Place(1, 5)
    loader.start()
    assert counted(loader) == 0
    filled.at = None
    with pytest.raises(RefillError, match="0 of 20 lines"):
        counted(loader)
    until_in(filled)
    with pytest.raises(RefillError):
        counted(loader)
    filled.may.release()
    until_in(filled)
    with pytest.raises(RefillError, match="12 of 20 lines"):
        counted(loader)
    filled.may.release()
    loader.stop()
    assert filled.at == Place(1, 5)
    assert counted(loader) == 0
