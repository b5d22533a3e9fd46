"""What is asked of a server, and in which order its machines come."""

import pytest

from perfkit.errors import NetworkError, PerfkitError
from perfkit.live.fleet import FRESH_SECONDS, MOST, Fleet

NOW = 1_700_000_100.0


class Api:
    """Answers like the server's API, and keeps what it was asked."""

    def __init__(self, *seen: float | None) -> None:
        self.seen = dict(enumerate(seen, 1))
        self.asked: list[str] = []
        self.next: int | None = None

    def get(self, path: str, **query: object) -> object:
        self.asked.append(path)
        if path == "/api/v1/machines":
            assert query == {"limit": MOST}
            items = [
                {
                    "number": n,
                    "identifier": f"id{n}",
                    "name": f"web{n}",
                    "last_seen": seen,
                    "id": "",
                }
                for n, seen in self.seen.items()
            ]
            return {"items": items, "next": self.next}
        rows = [{"device": "", "%idle": 75.0, "%usr": 25.0}]
        return {"cpu": {"timestamp": NOW, "rows": rows}}


def fleet_of(api: Api) -> Fleet:
    return Fleet(api, lambda: NOW)


def test_who_was_seen_last_comes_first_and_live_ones_by_name():
    api = Api(NOW - 1000, None, NOW - 2, NOW - 1)
    found = fleet_of(api).look(10)
    assert [each.name for each in found] == ["web3", "web4", "web1", "web2"]


def test_figures_are_of_live_machines_alone():
    api = Api(NOW, NOW - FRESH_SECONDS - 1, None)
    figures = {each.name: each.figures for each in fleet_of(api).look(10)}
    assert figures["web1"].cpu_percent == 25.0
    assert figures["web2"] is None
    assert figures["web3"] is None
    assert api.asked == ["/api/v1/machines", "/api/v1/machines/1/latest"]


def test_only_what_is_new_is_asked_again():
    api = Api(NOW - 1, NOW - 1)
    fleet = fleet_of(api)
    fleet.look(10)
    api.asked.clear()
    api.seen[2] = NOW
    fleet.look(10)
    assert api.asked == ["/api/v1/machines", "/api/v1/machines/2/latest"]


def test_no_more_are_asked_for_than_can_be_shown():
    api = Api(*[NOW] * 50)
    found = fleet_of(api).look(3)
    assert len(found) == 50
    assert len(api.asked) == 1 + 3


def test_a_list_that_goes_on_is_told():
    api = Api(NOW)
    fleet = fleet_of(api)
    fleet.look(1)
    assert fleet.is_all
    api.next = 1001
    fleet.look(1)
    assert not fleet.is_all


def test_an_answer_that_is_none_is_an_error():
    class Odd:
        def get(self, _path: str, **_query: object) -> object:
            return {"items": 3}

    with pytest.raises(PerfkitError, match="the server's answer: "):
        Fleet(Odd()).look(1)


def test_a_server_that_is_away_is_an_error():
    class Away:
        def get(self, _path: str, **_query: object) -> object:
            raise NetworkError("no server")

    with pytest.raises(NetworkError):
        Fleet(Away()).look(1)
