"""From settings to a server: its address, and the key that a verb needs."""

from pathlib import Path
from typing import TYPE_CHECKING

from perfkit.client import Server
from perfkit.control.login import Keys, kept, key_for, keys_of_file
from perfkit.errors import InputError, PerfkitError, UsageError

if TYPE_CHECKING:
    from perfkit.settings.resolve import Resolved


class Connection:
    """Where a server is, and what is known of its keys.

    Args:
        found: The settings of this call.
        login: The file that `ctl login` writes.
    """

    def __init__(self, found: "Resolved", login: Path) -> None:
        self._servers: list[Server] = []
        self._ca_file = found.text("ca_file") or None
        self._damage: PerfkitError | None = None
        server, keys = "", Keys()
        try:
            server, keys = kept(login)
        except (InputError, UsageError) as error:
            # Told where something of it is needed: a new login needs nothing.
            self._damage = error
        self._is_known = found.is_set("server") or self._damage is None
        is_named = found.is_set("server") or not server
        self.url = Server(found.text("server") if is_named else server).url
        """As it is told."""
        self.given = _given(found)
        """The keys that this call names, not those of the last login."""
        self.keys = self.given
        if not self.keys and keys and self.url == Server(server).url:
            self.keys = keys

    @property
    def ca_file(self) -> str | None:
        """Return the certificates to trust in place of the system's."""
        return self._ca_file

    def server(self, scope: str | None) -> Server:
        """Return the server, asked with the key for a scope.

        Args:
            scope: `ingest`, `read`, `admin`; None: no key is needed.

        Raises:
            RefusedError: there are keys for something else only.
            UsageError: there is no key, or what the last login kept is needed and damaged.
        """
        if self._damage is not None and not (self._is_known and (scope is None or self.keys)):
            raise self._damage
        key = key_for(scope, self.keys)
        if scope is not None and key is None:
            raise UsageError(
                f"no key for {self.url}: name its file by --key-file, set PERFKIT_KEY, "
                "or keep it by perfkit ctl login"
            )
        server = Server(self.url, key, ca_file=self._ca_file)
        self._servers.append(server)
        return server

    def close(self) -> None:
        """Let go of every server given."""
        for server in self._servers:
            server.close()


def _given(found: "Resolved") -> Keys:
    """Return the keys that this call names: a flag wins over a variable over a file."""
    file = found.text("key_file")
    if file and (found.origins["key_file"].startswith("flag") or not found.text("key")):
        return keys_of_file(file)
    return {"any": found.text("key")} if found.text("key") else {}
