"""Whatever was sent before, and how: after an upload each line is there once, and verified."""

import gzip
import io
import json
import os
import random
import zipfile
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import conformance
import pytest
from calling import FORMS, RUN, export_of, machine_of, numbered, plain, written

from perfkit.process.run import Options, process

IS_PROOF = bool(os.environ.get("PERFKIT_PROOF"))
CASES = conformance.CASES if IS_PROOF else conformance.CASES[2:4] + conformance.CASES[5:6]


@pytest.mark.parametrize("size", [1, 7, 60])
def test_a_run_sent_in_every_cut_and_then_uploaded(ctl_shared, shared, tmp_path, size):
    name = f"run-{size}"
    lines = numbered(60, name)
    parts = [(first, lines[first : first + size]) for first in range(0, 60, size)] * 2
    random.Random(size).shuffle(parts)  # noqa: S311 - an order
    # A third of it stays for the upload.
    for (first, part), form in zip(parts, cycle(FORMS.values()), strict=False):
        if first % 3 or size == 60:
            body, headers = form(part)
            place = {"Perfkit_Run": RUN, "Perfkit_Position": str(first)}
            shared.upload(body, f"?machine_id={name}", **headers, **place)
    file = written(tmp_path / "a.json", lines)
    (one,) = ctl_shared.good("upload", file, "--json").json["files"]
    assert one["stored"] + one["known"] == one["lines"] == 60
    assert (one["conflicts"], one["skipped"]) == (0, 0)
    assert export_of(shared, name) == lines
    assert ctl_shared.good("verify", file, "--json").json["same"] is True
    target = tmp_path / "out.json"
    ctl_shared.good("export", "--collector", name, "--format", "capture", "-o", target)
    assert target.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_capture_without_a_run_in_every_form(ctl_shared, shared, tmp_path, form, is_first):
    name = f"plain-{form}-{is_first}"
    lines = plain()
    file = tmp_path / "a.json.gz"
    file.write_bytes(gzip.compress(b"".join(lines)))
    body, headers = FORMS[form](lines)
    if is_first:
        shared.upload(body, f"?machine_id={name}", **headers)
    (one,) = ctl_shared.good("upload", file, "--machine", name, "--json").json["files"]
    assert (one["stored"], one["known"]) == ((0, 60) if is_first else (60, 0))
    answer = shared.upload(body, f"?machine_id={name}", **headers).json
    assert (answer["lines"], answer["duplicates"]) == (0, 60)
    assert export_of(shared, name) == lines
    ctl_shared.good("verify", file, "--machine", name)


def test_what_grew_is_added_and_nothing_else_is_sent(ctl_shared, tmp_path):
    file = written(tmp_path / "a.json", plain(40))
    ctl_shared.good("upload", file, "--machine", "grown")
    written(file, plain(60))
    (one,) = ctl_shared.good("upload", file, "--machine", "grown", "--json").json["files"]
    assert (one["sent"], one["stored"], one["known"]) == (20, 20, 40)


def test_broken_lines_keep_their_places_and_cost_no_other(ctl_shared, shared, tmp_path):
    lines = plain()
    future = lines[0].replace(b"1700000000", b"99999999999")
    whole = [
        b"\n", b"no json\n", future, *lines[:20], b"  \n", b'{"timestamp":1}\n',
        lines[0].replace(b'"/x0"', b'"%b"' % (b"n" * 300)), *lines[20:],
        b'{"timestamp":1700000000,"subs',
    ]  # fmt: skip
    file = written(tmp_path / "broken.json", whole)
    # As the server counts them: it sees the cut line too.
    answer = shared.upload(b"".join(whole), "?machine_id=broken").json
    assert (answer["lines"], len(answer["rejected"])) == (60, 5)
    done = ctl_shared("upload", file, "--machine", "broken", "--json")
    assert done.code == 3
    (one,) = done.json["files"]
    assert (one["sent"], one["known"], one["skipped"]) == (0, 60, 5)
    assert [problem["line"] for problem in one["problems"]] == [2, 3, 25, 26, 62 + 5]
    assert f"{file}: line 2: expected timestamp, subsystem and measurement" in done.err
    (run,) = shared.get(f"/api/v1/machines/{machine_of(shared, 'broken')}/runs").json["items"]
    assert run["intervals"] == [[2, 21], [24, 63]]
    assert ctl_shared("verify", file, "--machine", "broken").code == 3


@pytest.mark.parametrize(
    "spelled",
    [
        b'{"timestamp":1700000000,"subsystem":"/a","measurement":"a\\ufffdb \xef\xbf\xbd <&>"}\n',
        b'{"measurement":"\\u0041\\b\\f\\/","subsystem":"/b","timestamp":1700000000,"more":[1]}\n',
        b'{"timestamp":1700000000,"subsystem":"/c","measurement":"\\u2028\xe2\x80\xa9\\u007f"}',
        b' { "timestamp" : 1700000000 , "subsystem":"\\t","measurement":"","ns":null}\r\n',
        b'{"timestamp":1700000000,"subsystem":"/d","measurement":"\\ud83d\\ude00","ns":5}\n',
    ],
)
def test_other_spellings_are_the_line_that_the_server_keeps(
    ctl_shared, shared, tmp_path, spelled, request
):
    name = f"spelled-{abs(hash(request.node.name))}"
    file = written(tmp_path / "a.json", [spelled])
    answer = shared.upload(spelled, f"?machine_id={name}").json
    assert answer["lines"] == 1
    (one,) = ctl_shared.good("upload", file, "--machine", name, "--json").json["files"]
    assert (one["sent"], one["known"]) == (0, 1)
    assert one["runs"] == [
        run["run"]
        for run in shared.get(f"/api/v1/machines/{machine_of(shared, name)}/runs").json["items"]
    ]
    ctl_shared.good("verify", file, "--machine", name)
    # And sent by ctl, its receipt is that of the server's own reading.
    ctl_shared.good("upload", file, "--machine", name + "b")


@pytest.mark.parametrize("kind", ["spaced", "crlf", "bom"])
def test_a_file_of_another_spelling_is_kept_as_canonical_lines(ctl_shared, shared, tmp_path, kind):
    lines = plain(10)
    spelled = {
        "spaced": [json.dumps(json.loads(line)).encode() + b"\n" for line in lines],
        "crlf": [line[:-1] + b"\r\n" for line in lines],
        "bom": [b"\xef\xbb\xbf" + lines[0], *lines[1:]],
    }[kind]
    file = written(tmp_path / "a.json", spelled)
    ctl_shared.good("upload", file, "--machine", kind)
    ctl_shared.good("verify", file, "--machine", kind)
    assert export_of(shared, kind) == lines


@pytest.mark.proof
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_conformance_captures_uploaded_and_exported_convert_to_the_originals(
    ctl_shared, case, tmp_path
):
    file, name = case / "capture.json", case.name
    ctl_shared.good("upload", file, "--machine", name)
    ctl_shared.good("verify", file, "--machine", name)
    back, tree = tmp_path / "back.json", tmp_path / "tree.zip"
    ctl_shared.good("export", "--collector", name, "--format", "capture", "-o", back)
    assert back.read_bytes() == file.read_bytes()
    names = case / "container_names.json"
    with TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        process(
            Options(
                capture=str(back),
                output=output,
                container_names=names if names.exists() else None,
            )
        )
        for check in conformance.checks(case):
            check.assert_equal((output / check.file).read_bytes())
    ctl_shared.good("export", "--collector", name, "--format", "csv", "-o", tree)
    with zipfile.ZipFile(io.BytesIO(tree.read_bytes())) as archive:
        for check in conformance.checks(case):
            if not names.exists():
                check.assert_equal(archive.read(check.file))


def test_a_capture_of_two_machines_goes_to_both(ctl_shared, shared, tmp_path):
    other = "00000000-0000-4000-8000-00000000beef"
    one, two = numbered(20, "both-1"), numbered(30, "both-2", other)
    file = written(tmp_path / "a.json", [*one, *two])
    (done,) = ctl_shared.good("upload", file, "--json").json["files"]
    assert (done["machines"], done["stored"]) == (["both-1", "both-2"], 50)
    assert export_of(shared, "both-1") == one
    assert export_of(shared, "both-2") == two
    ctl_shared.good("verify", file)


def test_a_damaged_file_gives_all_that_can_be_read(ctl_shared, shared, tmp_path):
    lines = numbered(60, "damaged")
    members = [gzip.compress(b"".join(lines[first : first + 20])) for first in (0, 20, 40)]
    cut = bytearray(members[1])
    cut[30:60] = b"\0" * 30
    file = tmp_path / "a.json.gz"
    file.write_bytes(members[0] + bytes(cut) + members[2])
    done = ctl_shared("upload", file, "--json")
    assert done.code == 3
    had = export_of(shared, "damaged")
    assert {*lines[:20], *lines[40:]} <= set(had)
    # Nobody knows how many lines are lost: those behind are not put where others belong.
    whole = written(tmp_path / "whole.json", lines)
    (one,) = ctl_shared.good("upload", whole, "--json").json["files"]
    assert one["conflicts"] == 0
    assert json.loads(ctl_shared("verify", whole, "--json").out)["same"] is True
