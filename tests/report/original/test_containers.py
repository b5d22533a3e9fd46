"""containers.csv: container by container, however they were mixed in the capture."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import ParseError
from perfkit.record import escaped
from perfkit.report.original import containers
from perfkit.report.original.containers import HEADING, Containers
from perfkit.report.original.table import NO_TIME, WENT_BACK

SECOND = 10**9
ID = "942b476921d8001bc53b35e48954a3a280e4a4cdceee8f13dc9396caf72de7f7"
SUBSYSTEM = "container/docker/942b476921d8"

# Half a core for ten seconds, 0.4 of it user: 5e6, 4e6 and 1e6 microseconds.
BEFORE = {
    "container_id": ID,
    "container_name": "",
    "cpu_usage_usec": 1_000_000,
    "cpu_user_usec": 500_000,
    "cpu_system_usec": 500_000,
    "memory_current": 50,
    "memory_max": 400,
    "io_read_bytes": 1,
    "io_write_bytes": 2,
    "io_read_ops": 3,
    "io_write_ops": 4,
    "pids_current": 5,
    "pids_max": 99,
    "runtime": "docker",
}
AFTER = {
    **BEFORE,
    "cpu_usage_usec": 6_000_000,
    "cpu_user_usec": 4_500_000,
    "cpu_system_usec": 1_500_000,
}


class Driver:
    def __init__(self, names: dict[str, str] | None = None) -> None:
        self.reports: list[tuple[str, str]] = []
        self.table = Containers(
            io.BytesIO(),
            lambda _, reason, name: self.reports.append((reason, name)),
            names or {},
        )

    def add(self, second: int, record: dict[str, object], subsystem: str = SUBSYSTEM) -> None:
        body = escaped(json.dumps(record).encode())
        self.table.add(b"%d" % second, second * SECOND, subsystem, body)

    def rows(self) -> list[str]:
        file = io.BytesIO()
        self.table.finish(file.write)
        heading, *rows, end = file.getvalue().decode().split("\r\n")
        assert (heading, end) == (HEADING, "")
        assert self.table.count == len(rows)
        return rows


def test_each_value_stands_in_its_column():
    table = Driver()
    table.add(10, BEFORE)
    table.add(20, AFTER)
    assert table.rows() == [
        f"10,{ID},942b476921d8,docker,,,,50,400,12.50,1,2,3,4,5",
        f"20,{ID},942b476921d8,docker,50.00,40.00,10.00,50,400,12.50,1,2,3,4,5",
    ]


def test_names_come_from_the_file_then_the_record_then_the_id():
    table = Driver({ID: "web,1"})
    table.add(1, BEFORE)
    table.add(1, {**BEFORE, "container_id": "b" * 64, "container_name": "db"}, "container/docker/b")
    table.add(1, {}, "container/podman/0123456789abcdef")
    assert [row.split(",", 1)[1].split(",,,")[0] for row in table.rows()] == [
        f'{ID},"web,1",docker',
        f"{'b' * 64},db,docker",
        "0123456789abcdef,0123456789ab,podman",
    ]


def test_no_more_than_eight_cores_are_printed():
    table = Driver()
    table.add(0, BEFORE)
    table.add(1, {**BEFORE, "cpu_usage_usec": 10**9})
    assert table.rows()[1].split(",")[4:7] == ["800.00", "0.00", "0.00"]


@pytest.mark.parametrize("limit", [0, None, "max"])
def test_memory_without_a_limit_is_0_percent(limit: object):
    table = Driver()
    table.add(0, {**BEFORE, "memory_max": limit})
    assert table.rows()[0].split(",")[7:10] == ["50", "0", "0.00"]


def test_a_restart_or_a_clock_set_back_gives_no_shares():
    table = Driver()
    table.add(10, AFTER)
    table.add(20, BEFORE)
    table.add(15, AFTER)
    assert [row.split(",")[4:7] for row in table.rows()] == [["", "", ""]] * 3
    assert table.reports == [(WENT_BACK, "942b476921d8"), (NO_TIME, "942b476921d8")]


def test_a_record_of_the_same_time_replaces_the_earlier():
    table = Driver()
    table.add(10, AFTER)
    table.add(10, BEFORE)
    table.add(20, AFTER)
    assert [row.split(",")[4] for row in table.rows()] == ["", "50.00"]


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"cpu_usage_usec":"x"}', b"[" * 5000])
def test_what_is_no_container_is_an_error(text: bytes):
    with pytest.raises(ParseError, match=r"^container: "):
        Driver().table.add(b"1", SECOND, SUBSYSTEM, escaped(text))


def test_there_is_a_most_of_containers(monkeypatch):
    monkeypatch.setattr(containers, "MAX_CONTAINERS", 2)
    table = Driver()
    for number in (1, 2):
        table.add(1, BEFORE, f"container/docker/{number}")
    with pytest.raises(ParseError, match="expected 2 containers at most, found another"):
        table.add(1, BEFORE, "container/docker/3")
    table.add(2, AFTER, "container/docker/1")
    assert len(table.rows()) == 3


@given(st.lists(st.sampled_from("abc"), max_size=40), st.sampled_from([1, 300, 10**6]))
def test_rows_that_wait_in_a_file_are_the_same(order: list[str], held: int):
    before = containers.HELD_BYTES
    containers.HELD_BYTES = held
    try:
        table = Driver()
        for second, name in enumerate(order):
            table.add(second, {**BEFORE, "container_id": name}, f"container/docker/{name}")
        rows = [row.split(",")[:2] for row in table.rows()]
    finally:
        containers.HELD_BYTES = before
    assert rows == [
        [str(second), name]
        for name in dict.fromkeys(order)
        for second, found in enumerate(order)
        if found == name
    ]


@pytest.mark.parametrize("value", ["1" + "0" * 399, "-5", str(2**64)])
@pytest.mark.parametrize("name", ["cpu_usage_usec", "memory_current", "io_read_ops"])
def test_a_counter_out_of_bounds_is_a_problem_of_its_line(name: str, value: str):
    with pytest.raises(ParseError, match=r"expected 0 to 2.64 - 1|expected an object"):
        Driver().table.add(b"1", 1, SUBSYSTEM, escaped(f'{{"{name}":{value}}}'.encode()))


def test_a_report_has_the_name_as_it_is():
    table = Driver()
    named = {"container_id": "a,b", "container_name": 'the "web", one'}
    table.add(10, {**AFTER, **named})
    table.add(20, {**BEFORE, **named})
    assert all(
        row.split(",", 1)[1].startswith('"a,b","the ""web"", one",docker,') for row in table.rows()
    )
    assert table.reports == [(WENT_BACK, 'the "web", one')]
