"""Rows become the text that Go's fmt and encoding/csv would write."""

import csv
import io

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from perfkit.goformat import float_text
from perfkit.report.original.rows import Rows, name_text, number, quoted, text_of

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def raw(name: str) -> msgspec.Raw:
    return msgspec.Raw(name_text(name))


def test_rows_become_lines():
    assert text_of([(1, raw("sda"), 3.0, 0, 0.5), (2, raw("sdb"), 10.0, 100, 5.0)]) == (
        b"1,sda,3,0,0.5\n2,sdb,10,100,5\n"
    )


def test_a_line_end_may_be_crlf():
    assert text_of([(1, 2.0), (3, 4.5)], b"\r\n") == b"1,2\r\n3,4.5\r\n"


def test_names_that_look_like_numbers_stay():
    rows = [(1, raw("eth0.0"), 0.0), (2, raw("v.0,1],[2"), 1.0), (3, raw("\u00e9.0"), 2.0)]
    assert text_of(rows).decode() == '1,eth0.0,0\n2,"v.0,1],[2",1\n3,\u00e9.0,2\n'


def test_names_are_quoted_only_where_needed():
    assert quoted("/mnt/a b") == b"/mnt/a b"
    assert quoted("a,b") == b'"a,b"'
    assert quoted('a"b') == b'"a""b"'
    assert quoted("a\nb\rc") == b'"a\nb\rc"'


@given(st.lists(st.tuples(st.integers(0, 2**40), NAMES, st.floats(0, 2.0**63)), min_size=1))
def test_any_rows_read_back(rows: list[tuple[int, str, float]]):
    text = text_of([(stamp, raw(name), number(value)) for stamp, name, value in rows])
    found = list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))
    assert found == [[str(stamp), name, float_text(value)] for stamp, name, value in rows]


def test_a_file_is_made_when_it_has_a_use():
    made: list[io.BytesIO] = []

    def create() -> io.BytesIO:
        made.append(io.BytesIO())
        return made[-1]

    rows = Rows(create, "#a,b")
    rows.flush()
    assert (made, rows.is_begun, rows.count) == ([], False, 0)
    rows.pending.append((1, 2.0))
    assert rows.count == 1
    rows.flush()
    rows.pending.append((3, 4.0))
    rows.flush()
    rows.begin()
    assert rows.count == 2
    assert [file.getvalue() for file in made] == [b"#a,b\n1,2\n3,4\n"]
