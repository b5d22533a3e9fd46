"""A run that is sent, in this process: its two threads, its end, and what goes wrong in them."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import SECOND, ScriptedClock, make_host
from taker import Taker, taking

from perfkit.agent.handover import QUEUE_BYTES, Batches
from perfkit.agent.loop import Run
from perfkit.agent.recorder import Session
from perfkit.agent.spool import Spool
from perfkit.agent.trickle import Trickle, begin
from perfkit.agent.voice import INFO, Voice
from perfkit.errors import DiskError, NetworkError, PerfkitError, RefusedError, UsageError

RUN = "6f1c0000-0000-4000-8000-000000000001"


class Sayings(Voice):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def _say(self, _level: int, text: str) -> None:
        self.said.append(text)


class AlarmClock(ScriptedClock):
    def wait_for_alarm(self) -> None:
        threading.Event().wait(600)


@pytest.fixture
def taker():
    with taking() as one:
        yield one


def options_for(folder: Path, taker: Taker, **changes: object) -> dict[str, Any]:
    server = {
        "url": taker.url,
        "key": "k-1",
        "key_file": "",
        "ca_file": None,
        "spool": str(folder / "spool"),
        "spool_max": 1 << 20,
        "samples": 6,
        "age": 60 * SECOND,
    }
    options = {
        "collection": "",
        "server": server,
        "identifier": "web1",
        "period": SECOND,
        "ticks": 3,
        "is_once": False,
        "is_original": False,
        "is_cpuinfo_repeated": False,
        "root": str(make_host(folder / "root")),
        "loglevel": INFO,
        "fsync": -1,
        "min_free": 0,
        "max_bytes": None,
        "max_age": None,
        "keep": None,
    }
    return options | changes


def run(options: dict[str, Any]) -> tuple[int, list[str]]:
    """Run a session to its end; return the exit code and what was said."""
    codes: list[int] = []
    voice = Sayings()
    Session(options, AlarmClock(), voice, codes.append).run()
    (code,) = codes
    return code, voice.said


def lines_of(taker: Taker) -> list[bytes]:
    return [line for _, line in sorted(taker.lines.items())]


def test_a_run_is_delivered_and_says_so(tmp_path: Path, taker: Taker):
    code, said = run(options_for(tmp_path, taker))
    assert code == 0
    assert said[-1] == f"3 samples, 3 of them delivered to {taker.url}"
    names = [json.loads(line)["subsystem"] for line in lines_of(taker)]
    assert names[:2] == ["perfkit/host", "/proc/cpuinfo"]
    assert len(names) == 2 + 3 * 5
    first, *others = (int(head["Perfkit-Position"]) for head in taker.requests)
    assert first == 0
    assert others in ([], [7]), "one batch or two: the sender may come when all is spooled"
    assert {head["Perfkit-Kind"] for head in taker.requests} == {"stream"}
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["lock"]


def test_the_capture_beside_it_has_the_same_lines(tmp_path: Path, taker: Taker):
    path = tmp_path / "c.json"
    code, _ = run(options_for(tmp_path, taker, collection=str(path)))
    assert code == 0
    assert path.read_bytes() == b"".join(lines_of(taker))


def test_a_capture_that_cannot_be_written_does_not_stop_what_is_sent(tmp_path: Path, taker: Taker):
    code, said = run(options_for(tmp_path, taker, collection="/dev/full"))
    assert code == 7
    full = "/dev/full: no room to write: no space left on device"
    assert [text for text in said if full in text] == [
        f"warning: {full}: free some space, then start again: samples are sent all the same"
    ]
    assert "the local capture lacks 3 samples" in said
    names = [json.loads(line)["subsystem"] for line in lines_of(taker)]
    assert names.count("perfkit/host") == 3, "where it goes on, if it does"
    assert names.count("/proc/stat") == 3


def test_a_floor_of_free_space_that_is_passed_is_said():
    class Full:
        written = 0

        def prepare(self, at: int) -> bool:
            raise DiskError(f"no room at {at}")

    trickle = Trickle(a_run(), voice := Sayings(), no_note, Full())
    assert trickle.prepare(7)
    assert voice.said == ["warning: no room at 7: samples are sent all the same"]


def test_a_server_that_refuses_the_key_is_tried_once_at_the_end(tmp_path: Path, taker: Taker):
    taker.statuses = [(401, {})] * 9
    code, said = run(options_for(tmp_path, taker))
    assert code == 0
    spool = tmp_path / "spool"
    assert said[-2].startswith("warning: nothing was delivered: ")
    assert said[-2].endswith(
        f"wait in {spool}: the next `perfkit collect` with this spool sends them"
    )
    assert said[-1] == f"3 samples, 0 of them delivered to {taker.url}"
    assert len(taker.requests) <= 2


@pytest.mark.parametrize(("status", "code"), [(503, 5), (403, 6), (404, 5)])
def test_one_sample_that_is_not_taken(tmp_path: Path, taker: Taker, status: int, code: int):
    taker.statuses = [(status, {})] * 9
    found, said = run(options_for(tmp_path, taker, ticks=1, is_once=True))
    assert found == code
    assert f"({status}): the sample stays in {tmp_path}/spool" in said[-2]


def test_what_the_server_cannot_use_is_told_at_the_end(tmp_path: Path, taker: Taker):
    # A body of several samples is refused first where the sender begins late; it is sent again in
    # parts, and only one of those is put aside.
    taker.statuses = [(422, {})] * 2
    code, said = run(options_for(tmp_path, taker))
    assert code == 0
    parked = len(list((tmp_path / "spool" / "parked").iterdir()))
    assert parked in (1, 2)
    assert f"warning: {parked} refused bodies are in {tmp_path}/spool/parked" in said


def test_a_spool_that_is_in_use_leaves_no_empty_capture(tmp_path: Path, taker: Taker):
    held = Spool(
        str(tmp_path / "spool"), 1 << 20, RUN, "web1", dropped=no_drop, warn=lambda _text: None
    )
    path = tmp_path / "c.json"
    with pytest.raises(UsageError, match="uses this spool"):
        Session(options_for(tmp_path, taker, collection=str(path)), AlarmClock(), Sayings(), int)
    held.close()
    assert not path.exists()


def test_a_run_without_a_server_is_a_mistake(tmp_path: Path, taker: Taker):
    options = options_for(tmp_path, taker, server=None)
    with pytest.raises(UsageError, match="server: none is named"):
        begin(options, a_run(), Sayings(), no_note, None)


def a_run() -> Run:
    return Run(RUN, "web1", SECOND, 0)


def no_note(_subsystem: str, _facts: object) -> None:
    pass


def no_drop(_run: str, _first: int, _last: int, _why: str) -> None:
    pass


class Stub:
    """A sender that does what a test says, of a server that is not there."""

    url = "http://there"

    def __init__(self, step=lambda: None, error: PerfkitError | None = None) -> None:
        self.step = step
        self.error = error
        self.failures = 0
        self.parked = 0
        self.delivered: dict[str, int] = {}

    def hurry(self) -> None:
        pass

    close = hurry


class Kept:
    """A spool in memory that may refuse."""

    folder = "/spool"

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.taken: list[int] = []

    def append(self, _text: bytes, *, position: int, **_rest: int) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.taken.append(position)

    def seal(self) -> None:
        pass

    sync = close = seal

    def waiting(self) -> int:
        return len(self.taken)


def trickled(spool: Kept, sender: Stub, ticks: int, *, is_once: bool = False):
    """Run so many ticks; return what ended it and what was said."""
    run_, voice = a_run(), Sayings()
    trickle = Trickle(run_, voice, no_note, is_once=is_once)
    threads: list[threading.Thread] = []

    def start(work: Callable[[], None], _arguments: tuple[()]) -> None:
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    trickle.start(spool, sender, Batches(SECOND, 6, 60 * SECOND), start)
    for number in range(ticks):
        assert trickle.prepare(number) == (number == 0)
        trickle.append(b"x\n", number * SECOND)
        run_.position += 1
    failure = None
    try:
        trickle.close()
    except PerfkitError as error:
        failure = error
    for thread in threads:
        thread.join(20)
    return failure, voice.said


def test_a_spool_that_cannot_be_written_is_tried_again_at_the_next_tick():
    spool = Kept(DiskError("/spool: full"))
    failure, said = trickled(spool, Stub(), 3)
    assert failure is None
    assert spool.taken == [0, 1, 2]
    assert said[0] == (
        f"warning: /spool: full: samples are kept in memory, {QUEUE_BYTES} bytes of them"
    )


def test_what_never_got_into_the_spool_is_exit_7():
    failure, said = trickled(Kept(*[DiskError("/spool: full")] * 99), Stub(), 3)
    assert isinstance(failure, DiskError)
    assert str(failure) == "/spool: could not be written: the last samples are lost"
    assert sum("kept in memory" in text for text in said) == 1


def test_a_bug_of_the_spooler_is_told_and_exit_70():
    failure, said = trickled(Kept(ValueError("odd")), Stub(), 3)
    assert failure
    assert failure.exit_code == 70
    assert str(failure).startswith("a bug at test_trickle_session.py:")
    assert said[0].endswith(": ValueError: odd")


def test_a_bug_of_the_sender_is_told_and_exit_70():
    def fail() -> None:
        raise ValueError("odd")

    spool = Kept()
    failure, said = trickled(spool, Stub(fail, RefusedError("no")), 2)
    assert failure
    assert failure.exit_code == 70
    assert spool.taken == [0, 1], "it goes on recording"
    assert sum(text.endswith(": ValueError: odd") for text in said) == 1


def test_one_sample_without_any_answer_says_how_long_it_waited():
    failure, _ = trickled(Kept(), Stub(), 1, is_once=True)
    assert isinstance(failure, NetworkError)
    assert str(failure) == (
        "server at http://there: no answer within 5 s: the sample stays in /spool"
    )


def test_what_a_stuck_spool_does_not_take_in_time_is_dropped_and_told():
    noted: list[tuple[str, object]] = []
    run_, voice = a_run(), Sayings()
    trickle = Trickle(run_, voice, lambda *what: noted.append(what))  # nobody takes anything
    text = b"x" * (QUEUE_BYTES // 4 - 1) + b"\n"
    for number in range(7):
        trickle.append(text, number * SECOND)
        run_.position += 1
    assert noted == [
        ("perfkit/gap", {"run": RUN, "first": 0, "last": last, "why": "spool stuck"})
        for last in range(3)
    ]
    assert voice.said == ["warning: samples are dropped: spool stuck"]


def test_a_gap_holds_all_that_was_dropped_next_to_it():
    noted: list[dict[str, object]] = []
    trickle = Trickle(a_run(), Sayings(), lambda _name, facts: noted.append(facts))
    for first, last in ((0, 9), (20, 29), (10, 14), (15, 19), (40, 40)):
        trickle.lost(RUN, first, last, "spool full")
    trickle.lost("another", 30, 39, "spool full")
    found = [(facts["run"] == RUN, facts["first"], facts["last"]) for facts in noted]
    assert found == [
        (True, 0, 9),
        (True, 20, 29),
        (True, 0, 14),
        (True, 0, 29),
        (True, 40, 40),
        (False, 30, 39),
    ]


def test_after_a_loss_the_next_tick_says_again_what_the_run_is():
    """The line that said so may be among what was dropped."""
    trickle = Trickle(a_run(), Sayings(), lambda _name, _facts: None)
    assert trickle.prepare(0)
    trickle.append(b"{}\n", 0)
    assert not trickle.prepare(1)
    trickle.lost(RUN, 0, 5, "spool full")
    assert trickle.prepare(2)
    assert not trickle.prepare(3)
