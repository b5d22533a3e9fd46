from uuid import UUID

from perfkit.errors import PerfkitError
from perfkit.server.seen import Seen

TENANT, MACHINE = UUID(int=1), UUID(int=2)


class Engine:
    def __init__(self, *answers):
        self.answers = list(answers)

    def last_seen(self, tenant, machine):
        assert (tenant, machine) == (TENANT, MACHINE)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_the_store_is_asked_once_and_then_the_newest_counts():
    seen = Seen(Engine(100.0))
    seen.note(MACHINE, 50)
    assert seen.of(TENANT, MACHINE) == 100
    seen.note(MACHINE, 150)
    seen.note(MACHINE, 140)
    assert seen.of(TENANT, MACHINE) == 150


def test_a_machine_that_sent_nothing_was_never_seen():
    assert Seen(Engine(None)).of(TENANT, MACHINE) is None


def test_a_store_that_fails_is_asked_again():
    seen = Seen(Engine(PerfkitError("it is being mended"), 7.0))
    assert seen.of(TENANT, MACHINE) is None
    assert seen.of(TENANT, MACHINE) == 7
