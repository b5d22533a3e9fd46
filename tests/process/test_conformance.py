"""Captures of the original become the original's files, byte for byte."""

import gzip
import io
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import conformance
import pytest
from conformance import CASES, CHECKS, Check

from perfkit.process.run import Options, process

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def options(case: Path, capture: str, output: Path) -> Options:
    names = case / "container_names.json"
    return Options(
        capture=capture, output=output, container_names=names if names.exists() else None
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@cache
def converted(case: Path) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        summary = process(options(case, str(case / "capture.json"), output))
        assert summary.problems.count == 0
        assert summary.gaps == {}
        return tree(output)


def test_there_are_cases():
    conformance.needed()
    assert len(CASES) >= 8
    assert len(CHECKS) >= 38


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.case.name}-{check.file}")
def test_a_file_equals_the_originals(check: Check):
    check.assert_equal(converted(check.case)[check.file])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_there_are_the_originals_files_and_perhaps_a_portal_file(case: Path):
    wanted = {check.file for check in conformance.checks(case)}
    is_host = "proc/stat" in wanted
    assert set(converted(case)) == wanted | ({"portal.csv"} if is_host else set())


def gzip_flushed(data: bytes) -> bytes:
    """Return a gzip file in many members and flushes, without its last trailer."""
    middle = data.index(b"\n", len(data) // 2) + 1
    return gzip.compress(data[:middle]) + gzip.compress(data[middle:])[:-8]


CARRIERS = {"gz": gzip_flushed, "zst": zstd.compress, "stdin": bytes, "stdin-gz": gzip.compress}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_it_is_the_same_whatever_carries_it(case: Path, carrier: str, tmp_path: Path, monkeypatch):
    data = CARRIERS[carrier]((case / "capture.json").read_bytes())
    if carrier.startswith("stdin"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
        capture = "-"
    else:
        (tmp_path / "capture").write_bytes(data)
        capture = str(tmp_path / "capture")
    summary = process(options(case, capture, tmp_path / "out"))
    assert summary.problems.count == 0
    assert tree(tmp_path / "out") == converted(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_line_of_another_shape_is_the_same_line(case: Path, tmp_path: Path):
    # Keys turned round, spaces between them: none of it has the shape that is cut at fixed places.
    text = (case / "capture.json").read_bytes()
    lines = []
    for line in text.splitlines():
        head, middle, body = line.partition(b',"subsystem":')
        stamp = head.removeprefix(b"{")
        lines.append(b"{ " + middle[1:] + b" " + body.removesuffix(b"}") + b" , " + stamp + b" }")
    (tmp_path / "capture").write_bytes(b"\n".join(lines))
    summary = process(options(case, str(tmp_path / "capture"), tmp_path / "out"))
    assert summary.problems.count == 0
    assert tree(tmp_path / "out") == converted(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_text_with_escapes_is_the_same_text(case: Path, tmp_path: Path):
    # An escape that nothing needs sends each text the long way, through the parsers.
    text = (case / "capture.json").read_bytes()
    for plain, odd in (
        (b"cpu  ", b"\\u0063pu  "),
        (b"Inter-|", b"\\u0049nter-|"),
        (b" kB", b" \\u006bB"),
    ):
        text = text.replace(plain, odd)
    for end in (b"0\\n", b"1\\n", b"5\\n"):
        text = text.replace(b" " + end, b" \\u003%c\\n" % end[0])
    (tmp_path / "capture").write_bytes(text)
    summary = process(options(case, str(tmp_path / "capture"), tmp_path / "out"))
    assert summary.problems.count == 0
    assert tree(tmp_path / "out") == converted(case)
