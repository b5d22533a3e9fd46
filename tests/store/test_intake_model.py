"""Any sequence of batches, split, shuffled, repeated, at once, across restarts: each line once."""

import hashlib
import os
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from uploads import MACHINE, TENANT, accepted, batch, folder_in_memory, line, opened

EXAMPLES = 2_000 if os.environ.get("PERFKIT_PROOF") else 300
RUNS = [UUID(int=21), UUID(int=22)]
LENGTH = 30

SENDING = st.tuples(
    st.sampled_from(RUNS),
    st.integers(0, LENGTH),
    st.integers(0, LENGTH),
    st.sampled_from(["", "", "", "!"]),  # now and then other bytes than the collector's
)
STEPS = st.lists(
    st.one_of(st.just("restart"), st.lists(SENDING, min_size=1, max_size=4)), max_size=8
)


def sent(run, first, end, text):
    start = 1_700_000_000 + 1000 * RUNS.index(run)
    return [line(number, start + number // 5, text) for number in range(first, end)]


@settings(max_examples=EXAMPLES, deadline=None)
@given(STEPS, st.sampled_from([150, 1000, 10**6]), st.sampled_from([500, 10**6]))
def test_each_line_is_had_once_in_order(steps, frame_bytes, segment_bytes):
    limits = {"frame_bytes": frame_bytes, "segment_bytes": segment_bytes}
    had = {}
    with folder_in_memory() as folder:
        intake = opened(folder, **limits)
        for step in steps:
            if step == "restart":
                intake.close()
                intake = opened(folder, **limits)
                continue
            sendings = [(r, a, sent(r, a, b, text)) for r, a, b, text in step if a <= b]
            outcomes = accepted(intake, *[batch(a, rows, run=r) for r, a, rows in sendings])
            for (run, first, rows), outcome in zip(sendings, outcomes, strict=True):
                # The first one to bring a position has it.
                new = [n for n in range(first, first + len(rows)) if (run, n) not in had]
                had.update({(run, n): rows[n - first] for n in new})
                same = sum(had[run, first + n] == row for n, row in enumerate(rows)) - len(new)
                assert (outcome.lines, outcome.duplicates) == (len(new), same)
                assert outcome.conflicts == len(rows) - len(new) - same
        assert list(intake.lines(TENANT, MACHINE)) == [had[key] for key in sorted(had)]
        for run in RUNS:
            closed = intake.intervals(TENANT, MACHINE, run)
            numbers = {n for first, last in closed for n in range(first, last + 1)}
            assert numbers == {n for r, n in had if r == run}
        replayed = b"".join(frame.lines for frame in intake.frames(TENANT))
        assert sorted(replayed.splitlines(keepends=True)) == sorted(had.values())
        intake.close()


def test_the_hash_in_a_header_is_of_the_lines():
    with folder_in_memory() as folder:
        intake = opened(folder)
        rows = sent(RUNS[0], 0, 7, "")
        accepted(intake, batch(0, rows, run=RUNS[0]))
        intake.close()
        (segment,) = folder.rglob("*.seg")
        assert hashlib.sha256(b"".join(rows)).digest() in segment.read_bytes()
