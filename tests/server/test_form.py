"""Where the parts of a multipart body lie, however its headers are spelled."""

import pytest

from perfkit.server.body import Body
from perfkit.server.form import parts
from perfkit.server.limits import Limits
from perfkit.server.refusal import Refusal

FORM = "multipart/form-data; boundary=x"


def found(data, content_type=FORM, **limits):
    body = Body(data, 0, len(data))
    where = parts(body, content_type, Limits(**limits))
    return {name: data[start:end] for name, (start, end) in where.items()}


def part(disposition, content=b"text"):
    return b"--x\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n"


NAMED = b'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (NAMED, "a"),
        (b"Content-Type: text/plain\r\ncontent-disposition: form-data; name=a", "a"),
        (b"Content-Disposition: form-data; name*=UTF-8''file", "file"),
        (b"Content-Disposition: form-data", ""),
        (b"Content-Type: text/plain", ""),
        (b'Content-Disposition: form-data; name="\xff"', "\ufffd"),
    ],
)
def test_the_name_of_a_part(disposition, name):
    assert found(part(disposition) + b"--x--\r\n") == {name: b"text"}


def test_text_before_the_first_part_and_after_the_last_is_none_of_it():
    assert found(b"preamble\r\n" + part(NAMED) + b"--x--\r\nepilogue") == {"a": b"text"}


def test_an_empty_part_is_empty():
    assert found(part(NAMED, b"") + b"--x--") == {"a": b""}


def test_a_name_that_comes_twice_is_refused():
    with pytest.raises(Refusal, match="one part named 'a': send each file by itself"):
        found(part(NAMED, b"one") + part(NAMED, b"other") + b"--x--")


@pytest.mark.parametrize(("count", "is_taken"), [(1, True), (2, True), (3, False)])
def test_how_many_parts(count, is_taken):
    names = [f"a{number}" for number in range(count)]
    data = b"".join(part(NAMED.replace(b'"a"', f'"{name}"'.encode())) for name in names) + b"--x--"
    if is_taken:
        assert found(data, parts=2) == dict.fromkeys(names, b"text")
    else:
        with pytest.raises(Refusal, match="2 parts"):
            found(data, parts=2)


@pytest.mark.parametrize("end", range(len(part(NAMED)) + 4))
def test_a_form_cut_at_any_byte_is_refused(end):
    with pytest.raises(Refusal, match="cut"):
        found((part(NAMED) + b"--x--")[:end])


@pytest.mark.parametrize(
    "content_type", ["", "multipart/form-data", f"multipart/form-data; boundary={'x' * 71}"]
)
def test_a_boundary_is_needed(content_type):
    with pytest.raises(Refusal, match="boundary"):
        found(part(NAMED) + b"--x--", content_type)
