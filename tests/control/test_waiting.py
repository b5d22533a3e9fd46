"""What a server's figures lack, told beside them; rows that are made again, in its words."""

import pytest
from scripted_server import scripted

MACHINE = {"id": "00000000-0000-4000-8000-000000000001", "number": 4, "identifier": "a"}
STATS = {
    "name": "%usr",
    "device": "",
    "unit": "%",
    "count": 2,
    "sd": None,
    "p97_5": 1.0,
    **dict.fromkeys(("min", "mean", "max", "p50", "p75", "p90", "p95", "p99", "p100"), 1.0),
}
LINE = {"name": "%usr", "device": "", "unit": "%", "min": [1.0], "mean": [1.0], "max": [1.0]}
SERIES = {"start": 0.0, "end": 1.0, "step_s": 1.0, "t": [0.0], "series": [LINE]}


@pytest.fixture
def asking(call):
    """`perfkit ctl` with a key for any server."""
    call.monkeypatch.setenv("PERFKIT_KEY", "key")
    return call


def answering(waiting, series, stats):
    """Return what answers with figures, and with what they lack."""

    def answer(_method, path, _body):
        for part, found in (("/series/", series), ("/stats/", stats)):
            if part in path:
                told = waiting.get(part)
                return 200, found, {"Perfkit-Waiting": told} if told else {}
        return 200, {"items": [MACHINE], "next": None}, {}

    return answer


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
@pytest.mark.parametrize("verb", ["series", "stats"])
@pytest.mark.parametrize(
    ("count", "told"),
    [
        ("1", "perfkit: 1 line of this range is not loaded yet: ask again in a few seconds\n"),
        (
            "120",
            "perfkit: 120 lines of this range are not loaded yet: ask again in a few seconds\n",
        ),
        (None, ""),
        ("9" * 5000, ""),
        ("-1", ""),
    ],
)
def test_what_figures_lack_is_told_beside_them(asking, verb, form, count, told):
    waiting = dict.fromkeys(("/series/", "/stats/"), count)
    with scripted(answering(waiting, SERIES, [STATS])) as url:
        done = asking.good(verb, "a", "cpu", *form, "--server", url)
    assert "%usr" in done.out
    assert done.err == told


def test_what_only_the_means_of_a_series_lack_is_told(asking):
    with scripted(answering({"/stats/": "7"}, SERIES, [STATS])) as url:
        assert asking.good("series", "a", "cpu", "--server", url).err.startswith("perfkit: 7 lines")


@pytest.mark.parametrize("verb", ["series", "stats"])
def test_no_figures_where_lines_wait_is_not_silent(asking, verb):
    waiting = dict.fromkeys(("/series/", "/stats/"), "120")
    with scripted(answering(waiting, {**SERIES, "series": []}, [])) as url:
        done = asking(verb, "a", "cpu", "--server", url)
    assert (done.code, done.out) == (8, "")
    assert "120 lines of this range are not loaded yet: ask again" in done.err


@pytest.mark.parametrize("words", [["latest", "a"], ["series", "a", "cpu"], ["stats", "a", "cpu"]])
def test_rows_that_are_made_again_are_5_in_the_server_s_words(asking, words):
    detail = "the rows are being made again from the log: 4 of 9 lines are done"

    def answer(_method, path, _body):
        if path.startswith("/api/v1/machines?"):
            return 200, {"items": [MACHINE], "next": None}, {}
        return 503, {"detail": detail}, {"Retry-After": "5"}

    with scripted(answer) as url:
        done = asking(*words, "--server", url)
    assert (done.code, done.out) == (5, "")
    assert detail in done.err


def test_newest_figures_of_one_machine_do_not_wait_for_those_of_another(asking):
    other = MACHINE | {"id": "00000000-0000-4000-8000-000000000002", "number": 5, "identifier": "b"}
    cpu = {"timestamp": 1.0, "rows": [{"device": "", "%idle": 25.0}]}
    refusal = {"title": "Service Unavailable", "status": 503, "detail": "0 of 9 lines are done"}
    is_any = True

    def answer(_method, path, _body):
        if not path.endswith("/latest"):
            return 200, {"items": [MACHINE, other], "next": None}, {}
        if MACHINE["id"] in path or not is_any:
            return 503, refusal, {"Retry-After": "0"}
        return 200, {"cpu": cpu}, {}

    with scripted(answer) as url:
        done = asking("latest", "--server", url)
        assert (done.code, "75.0" in done.out or "75" in done.out) == (5, True)
        assert "of 1 of 2 machines there is no answer: of 4" in done.err
        assert "0 of 9 lines are done" in done.err
        is_any = False
        done = asking("latest", "--server", url)
        assert (done.code, done.out) == (5, "")
