"""The server's API as functions: what the collector sends by and `perfkit ctl` asks by.

One connection, kept open, and opened anew when the server has closed it.  TLS is always verified,
no proxy is used, no redirect followed: a key goes where its owner said and nowhere else.  The
collector loads this module too: standard library only.
"""

import http.client
import json
import select
from urllib.parse import quote, urlencode, urlsplit

from perfkit import __version__
from perfkit.answer import Answer, Receipt, reason_of, receipt_of, seconds_of
from perfkit.errors import NetworkError, RefusedError, UsageError, shown
from perfkit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    from perfkit.answer import Json

    class Pieces(Protocol):
        """A body that is not in memory as a whole; it may be gone through more than once."""

        @property
        def length(self) -> int:
            """Return its bytes."""

        def __iter__(self) -> Iterator[bytes]:
            """Give them, piece by piece."""


TIMEOUT = 30.0
"""Seconds that the server may be silent."""

LONGEST_ANSWER = 64 * MIB
"""Bytes of an answer that is held in memory; `stream` has no such limit."""

PIECE = 64 * 1024

_GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
_REFUSED = (401, 403)


class Server:
    """A server, and the one connection to it.

    Args:
        url: http or https, host, port, perhaps a path before that of the API.
        key: Sent as `Authorization: Bearer`; never told in a message.
        ca_file: Certificates to trust in place of the system's.
        timeout: Seconds that the server may be silent.

    Raises:
        UsageError: one of them cannot be used.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        ca_file: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        scheme, self._host, self._port, self._prefix = parts_of(url)
        name = f"[{self._host}]" if ":" in self._host else self._host
        port = f":{self._port}" if self._port else ""
        self.url = f"{scheme}://{name}{port}{self._prefix}"
        """As it is told; no secret is in it."""
        self._headers = {"User-Agent": f"perfkit/{__version__}"}
        if key is not None:
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise UsageError("the key for the server: expected letters and digits, in one line")
            self._headers["Authorization"] = f"Bearer {key}"
        self._connection = self._made(scheme, ca_file, timeout)
        self._is_used = False

    def request(
        self,
        method: str,
        path: str,
        *,
        query: "Mapping[str, object] | None" = None,
        body: "bytes | Pieces | None" = None,
        headers: "Mapping[str, str] | None" = None,
    ) -> Answer:
        """Send a request and return the answer, whatever its status.

        Args:
            method: As in HTTP.
            path: From `/` on, below that of the URL.
            query: Parameters; those that are None are left out.
            body: What is sent.
            headers: Beside those that every request has.

        Raises:
            NetworkError: there is no answer, or one that leads elsewhere.
        """
        response = self._asked(method, path, query, body, headers)
        try:
            content = response.read(LONGEST_ANSWER + 1)
            _expect_end(response, len(content))
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._failure("stopped in the middle of its answer", error) from error
        if len(content) > LONGEST_ANSWER:
            self.close()
            raise NetworkError(
                f"server at {self.url}: expected an answer of {LONGEST_ANSWER} bytes at most",
                status=response.status,
            )
        return Answer(response.status, _headers_of(response), content)

    def get(self, path: str, **query: object) -> "Json":
        """Return what the server has at a path, decoded.

        Raises:
            RefusedError: the key is wrong, or may not.
            NetworkError: any other status than 2xx, or no answer, or no JSON.
        """
        answer = self.request("GET", path, query=query)
        self.check(answer)
        return self.decoded(answer)

    def stream(self, path: str, **query: object) -> "Iterator[bytes]":
        """Give what the server has at a path, piece by piece as it comes.

        Raises:
            RefusedError: the key is wrong, or may not.
            NetworkError: any other status than 2xx, or no answer, or one that is cut.
        """
        response = self._asked("GET", path, query, None, None)
        is_whole = False
        try:
            if response.status >= 300:
                content = response.read(PIECE)
                self.check(Answer(response.status, _headers_of(response), content))
            while piece := response.read(PIECE):
                yield piece
            _expect_end(response, 0)
            is_whole = True
        except (OSError, http.client.HTTPException) as error:
            raise self._failure("stopped in the middle of its answer", error) from error
        finally:
            if not is_whole:
                self.close()

    def upload(
        self,
        body: "bytes | Pieces",
        *,
        machine: str | None = None,
        run: str | None = None,
        position: int | None = None,
        kind: str | None = None,
        encoding: str | None = None,
    ) -> Receipt:
        """Send lines of a capture and return what became of them.

        Args:
            body: NDJSON, packed or not.
            machine: Its identifier; None where the key is bound to one.
            run: UUID of the run that they belong to.
            position: Of the first line in its run.
            kind: `stream` or `upload`.
            encoding: `gzip` or `zstd` where it is packed.

        Raises:
            RefusedError: the key is wrong, or may not.
            NetworkError: any other status than 200, or no answer, or one that is no receipt.
        """
        named = {
            "Perfkit-Run": run,
            "Perfkit-Position": None if position is None else str(position),
            "Perfkit-Kind": kind,
            "Content-Encoding": encoding,
        }
        headers = {name: text for name, text in named.items() if text is not None}
        headers["Content-Type"] = "application/x-ndjson"
        query = {"machine_id": machine}
        answer = self.request("POST", "/v1/upload", query=query, body=body, headers=headers)
        self.check(answer)
        return self._receipt(answer)

    def check(self, answer: Answer) -> None:
        """Raise what a status that is not 2xx stands for.

        Raises:
            RefusedError: 401, 403.
            NetworkError: any other.
        """
        status = answer.status
        if 200 <= status < 300:
            return
        kind = RefusedError if status in _REFUSED else NetworkError
        reason = reason_of(answer) or http.client.responses.get(status, "no reason given")
        raise kind(
            f"server at {self.url}: {reason} ({status})",
            status=status,
            retry_after=seconds_of(answer.headers.get("retry-after")),
        )

    def decoded(self, answer: Answer) -> "Json":
        """Return the JSON of an answer.

        Raises:
            NetworkError: it is none.
        """
        try:
            found: Json = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._no_server(answer, "expected JSON") from error
        return found

    def close(self) -> None:
        """Let go of the connection; the next request opens another one."""
        self._is_used = False
        self._connection.close()

    def _made(self, scheme: str, ca_file: str | None, timeout: float) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        import ssl  # noqa: PLC0415 - a MiB or two that only https needs

        try:
            context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"ca_file: {ca_file}: no certificates can be read: {reason}") from None
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=context)

    def _asked(
        self,
        method: str,
        path: str,
        query: "Mapping[str, object] | None",
        body: "bytes | Pieces | None",
        headers: "Mapping[str, str] | None",
    ) -> http.client.HTTPResponse:
        """Send a request, once more where the kept connection was closed under it."""
        target = self._prefix + quote(path, safe="/:%")
        if given := {key: text for key, text in (query or {}).items() if text is not None}:
            target += "?" + urlencode(given)
        sent = {**self._headers, **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            sent["Content-Length"] = str(body.length)
        if self._is_used and self._is_stale():
            self.close()
        # What was asked may have been done before the connection broke: only what can be done
        # twice is asked twice.
        is_repeatable = self._is_used and (method != "POST" or path.startswith("/v1/"))
        while True:
            try:
                response = self._sent(method, target, body, sent)
            except _GONE as error:
                self.close()
                if is_repeatable:
                    is_repeatable = False
                    continue
                raise self._failure("closed the connection without an answer", error) from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                raise self._failure("does not answer", error) from error
            self._is_used = not response.will_close
            if 300 <= response.status < 400 and response.status != 304:
                place = response.headers.get("Location", "")
                self.close()
                raise NetworkError(
                    f"server at {self.url}: leads to {shown(place)} ({response.status}): name that "
                    "address if it is right: a key is sent nowhere else",
                    status=response.status,
                )
            return response

    def _sent(
        self, method: str, target: str, body: "bytes | Pieces | None", headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        try:
            self._connection.request(method, target, body, headers)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            # A server that refuses a body answers before it has read all of it.
            if self._connection.sock is None or not self._is_stale():
                raise
            try:
                return self._connection.getresponse()
            except (OSError, http.client.HTTPException):
                pass
            raise
        return self._connection.getresponse()

    def _is_stale(self) -> bool:
        """Return whether the server has closed the connection, or said something unasked."""
        sock = self._connection.sock
        if sock is None:
            return True
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))

    def _failure(self, what: str, error: Exception) -> NetworkError:
        reason = _reason_for(error)
        if getattr(error, "verify_message", None):
            reason += ": its authority's certificate goes into --ca-file"
        return NetworkError(f"server at {self.url} {what}: {reason}")

    def _no_server(self, answer: Answer, expected: str) -> NetworkError:
        return NetworkError(
            f"server at {self.url}: {expected}, found {shown(answer.body)}: is it perfkit's?",
            status=answer.status,
        )

    def _receipt(self, answer: Answer) -> Receipt:
        found = self.decoded(answer)
        try:
            return receipt_of(found)
        except (KeyError, TypeError):
            raise self._no_server(answer, "expected a receipt") from None


def parts_of(url: str) -> tuple[str, str, int | None, str]:
    """Return scheme, host, port and path of a server's address.

    Raises:
        UsageError: it is none, or holds what must not be in it.
    """
    try:
        found = urlsplit(url)
        host, port = found.hostname, found.port
    except ValueError as error:
        raise UsageError(f"server: expected http://HOST:PORT: {error}") from None
    if found.username is not None or found.password is not None:
        raise UsageError("server: expected no name or password in the address: a key is sent")
    if found.scheme not in ("http", "https") or not host or not _is_plain(url):
        raise UsageError(f"server: expected http://HOST:PORT or https://HOST, found {shown(url)}")
    if found.query or found.fragment:
        raise UsageError(f"server: expected an address without ? and #, found {shown(url)}")
    return found.scheme, host, port, found.path.rstrip("/")


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url


def _expect_end(response: http.client.HTTPResponse, read: int) -> None:
    """Notice what http.client ends without a word.

    Raises:
        IncompleteRead: the answer is shorter than it was to be.
    """
    if response.length and read <= LONGEST_ANSWER:
        raise http.client.IncompleteRead(b"", response.length)


def _headers_of(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): text for name, text in response.getheaders()}


def _reason_for(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    text = getattr(error, "verify_message", None)
    if text:
        return f"its certificate is not trusted: {text}"
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
