"""statfs_ALL: sizes as recorded, use in whole percent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import Driver

from perfkit.errors import ParseError
from perfkit.report.original.statfs import StatFs


def statfs(*mounts: tuple[str, int, int, int, int]) -> bytes:
    keys = ("mount_point", "block_size", "blocks_total", "blocks_free", "blocks_available")
    lines = [
        json.dumps(dict(zip(keys, mount, strict=True)), separators=(",", ":")) for mount in mounts
    ]
    return "".join(line + "\n" for line in lines).encode()


def driver() -> Driver:
    return Driver(lambda rows, _: StatFs(rows))


def test_each_number_stands_in_its_column():
    table = driver()
    text = statfs(("/", 4096, 1000, 700, 650), ("/boot/efi", 512, 100, 60, 60))
    assert table.add(5, text) == ["5,/,4096,1000,650,35", "5,/boot/efi,512,100,60,40"]
    assert table.add(6, text) == ["6,/,4096,1000,650,35", "6,/boot/efi,512,100,60,40"]
    assert table.add(7, statfs(("/", 4096, 1000, 700, 550))) == ["7,/,4096,1000,550,45"]


@pytest.mark.parametrize(
    ("total", "available", "use"),
    [
        pytest.param(200, 199, 1, id="half-rounds-up"),
        pytest.param(1000, 996, 0, id="under-half"),
        pytest.param(0, 0, 0, id="nothing-of-nothing"),
        pytest.param(3, 0, 100, id="full"),
        pytest.param(2**62, 2**61, 50, id="huge"),
    ],
)
def test_use_in_whole_percent(total: int, available: int, use: int):
    assert driver().add(1, statfs(("/", 1, total, 0, available))) == [
        f"1,/,1,{total},{available},{use}"
    ]


def test_odd_mount_points_stay_readable():
    names = ["/a b", "/a,b", '/q"', "/\u00e9", "/back\\slash", "/tab\t", "/.0", "/twice", "/twice"]
    found = driver().add(1, statfs(*((name, 1, 2, 1, 1) for name in names)))
    shown = ["/a b", '"/a,b"', '"/q"""', *names[3:]]
    assert found == [f"1,{name},1,2,1,50" for name in shown]


def test_further_keys_are_passed_over():
    text = statfs(("/", 4096, 1000, 700, 650)).replace(b"}", b',"inodes_total":5,"new":[1]}')
    assert driver().add(5, text) == ["5,/,4096,1000,650,35"]


def test_no_file_system_is_no_row():
    assert driver().add(1, b"") == []


@pytest.mark.parametrize("bad", [b"{}", b"[]", b"x", b'{"mount_point":"/"}', b"[" * 5000])
def test_what_is_no_mount_is_an_error_and_costs_its_sample_alone(bad: bytes):
    table = driver()
    text = statfs(("/", 4096, 1000, 700, 650))
    table.add(1, text)
    with pytest.raises(ParseError, match=r"^statfs:2: "):
        table.add(2, text + bad + b"\n")
    assert table.add(3, text) == ["3,/,4096,1000,650,35"]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"])), *[st.integers(0, 2**64 - 1)] * 4
        )
    )
)
def test_both_ways_of_reading_agree(mounts: list[tuple[str, int, int, int, int]]):
    text = statfs(*mounts)
    assert driver().add(1, text) == driver().add_slowly(1, text)
