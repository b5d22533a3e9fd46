"""A text in pieces of any size is the same lines, and the same elements of an array."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.server.elements import blocks, elements
from perfkit.server.limits import Limits
from perfkit.server.refusal import Refusal


def cut(text, size):
    return [text[at : at + size] for at in range(0, len(text), size)]


def listed(pieces, **limits):
    return [one for some in elements(pieces, Limits(**limits)) for one in some]


@given(st.lists(st.binary(max_size=20), max_size=10), st.integers(1, 30))
def test_blocks_are_the_text_and_end_with_a_line(parts, size):
    text = b"\n".join(parts)
    found = list(blocks(cut(text, size), Limits()))
    assert b"".join(found) == text
    assert all(block.endswith(b"\n") for block in found[:-1])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_of_a_line_that_is_too_long_only_its_size_is_kept(size):
    text = b"a\n" + b"x" * 26 + b"\nbc\n" + b"y" * 30
    found = list(blocks(cut(text, size), Limits(line_bytes=20)))
    assert [one for one in found if isinstance(one, int)] == [26, 30]
    assert b"".join(one for one in found if isinstance(one, bytes)) == b"a\nbc\n"


@pytest.mark.parametrize("size", [20, 21])
def test_a_line_at_its_limit_is_kept(size):
    text = b"x" * size + b"\n"
    found = list(blocks(cut(text, 1), Limits(line_bytes=20)))
    assert found == ([text] if size == 20 else [21])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_elements_of_an_array_are_as_they_were_spelled(values, size, is_ascii, indent):
    text = json.dumps(values, ensure_ascii=is_ascii, indent=indent).encode()
    found = listed(cut(text, size))
    assert [json.loads(one) for one in found] == values
    assert all(one in text for one in found)


def test_a_byte_that_is_not_utf8_goes_on_to_the_door():
    assert listed([b'["\xff', b'", 1]']) == [b'"\xff"', b"1"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "the JSON array is cut"),
        (b"[", "cut or malformed"),
        (b"[1", "the JSON array is cut"),
        (b"[1 2]", "expected ',' at character 3 of the JSON array, found '2'"),
        (b"[1] 2", "nothing after"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_array_is_refused_with_a_reason(text, reason):
    with pytest.raises(Refusal, match=reason):
        listed(cut(text, 7))


def test_an_element_without_end_is_given_up_early():
    def endless():
        yield b'["'
        while True:
            yield b"x" * 1000

    with pytest.raises(Refusal, match="elements of 10000 bytes at most"):
        listed(endless(), line_bytes=10_000)
