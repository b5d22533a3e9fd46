"""Stands for the columnar store until there is one: says so, and gives no figure."""

from http import HTTPStatus
from typing import NoReturn
from uuid import UUID

from perfkit.server.refusal import Refusal


class NoRows:
    """Refuses every question about rows; the lines themselves can be exported."""

    def last_seen(self, _tenant: UUID, _machine: UUID) -> None:
        """Return that it is not known."""

    def latest(self, *_: object) -> NoReturn:
        """Refuse.

        Raises:
            Refusal: always.
        """
        raise Refusal(
            HTTPStatus.NOT_IMPLEMENTED,
            "this version keeps lines, not rows yet: export the machine's capture and convert it",
        )

    series = stats = latest
