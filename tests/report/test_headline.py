"""The few figures of a machine: of the busiest, or of all together."""

from perfkit.report.headline import Headline, headline


def test_figures_are_of_the_busiest_or_of_all_together():
    rows = {
        "cpu": [{"device": "", "%idle": 96.5}],
        "memory": [{"device": "", "%memused": 25.0}],
        "net": [
            {"device": "lo", "rxkB/s": 1000.0, "txkB/s": 1000.0},
            {"device": "eth0", "rxkB/s": 1.5, "txkB/s": None},
            {"device": "eth1", "rxkB/s": 2.0, "txkB/s": 3.0},
        ],
        "disk": [
            {"device": "sda", "%util": 7.0, "rkB/s": 5.0, "wkB/s": 0.0},
            {"device": "sdb", "%util": 9.0, "rkB/s": 1.0, "wkB/s": 2.0},
        ],
    }
    assert headline(rows) == Headline(
        cpu_percent=3.5,
        memory_percent=25.0,
        disk_percent=9.0,
        read_kb=5.0,
        written_kb=2.0,
        received_kb=3.5,
        sent_kb=3.0,
    )


def test_what_is_not_known_is_none():
    assert set(map(headline({}).__getattribute__, Headline.__struct_fields__)) == {None}
