"""Every setting, once: its name, type, default, variables and what it does."""

import os

from perfkit.settings import values
from perfkit.settings.setting import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def capture_path(environment: "Mapping[str, str]") -> str:
    """Return where a capture goes by default: the user's state folder, never /tmp."""
    return f"{_state_folder(environment)}/capture.json.gz"


def spool_path(environment: "Mapping[str, str]") -> str:
    """Return where the spool is by default."""
    return f"{_state_folder(environment)}/spool"


def _state_folder(environment: "Mapping[str, str]") -> str:
    """Return the user's folder for state, that of this program.

    Source: XDG base directory specification 0.8; platformdirs would answer the same on Linux.
    """
    folder = environment.get("XDG_STATE_HOME", "")
    if not folder.startswith("/"):
        folder = os.path.expanduser("~/.local/state")
    return f"{folder}/perfkit"


SETTINGS = (
    Setting(
        "mode",
        "Where samples go: local (a file), trickle (a server; with --collection also a file)",
        values.words("local", "trickle"),
        default="local",
        shown="local; trickle where a server is named",
        metavar="local|trickle",
        old=("PCC_MODE",),
    ),
    Setting(
        "collection",
        "Capture to write, continued if it exists; gzip if it ends in .gz; - for standard output",
        values.path,
        shown="perfkit/capture.json.gz in $XDG_STATE_HOME or ~/.local/state; none in mode trickle",
        metavar="FILE",
        old=("PCC_COLLECTION",),
    ),
    Setting(
        "frequency",
        "Time from one sample to the next, from 10ms on",
        values.period,
        default="10s",
        shown="10s; 1s with --watch",
        metavar="DURATION",
        old=("PCC_FREQUENCY",),
    ),
    Setting(
        "duration",
        "Time from the first sample to the last; 0 or infinity for no end",
        values.endless_duration,
        default="24h",
        metavar="DURATION",
        old=("PCC_DURATION",),
    ),
    Setting(
        "identifier",
        "Name of this machine in its samples",
        shown="content of /etc/machine-id",
        old=("PCC_IDENTIFIER",),
    ),
    Setting(
        "server",
        "Server to send to, as http://HOST:PORT or https://HOST",
        values.url,
        shown="http://localhost:8080 in mode trickle",
        metavar="URL",
        old=("PCC_SERVER_URL", "PCC_SERVER"),
    ),
    Setting(
        "api_key",
        "Key for the server",
        is_secret=True,
        old=("PCC_APIKEY",),
    ),
    Setting(
        "api_key_file",
        "File that holds the key for the server; read again when the server refuses it",
        values.path,
        metavar="FILE",
    ),
    Setting(
        "ca_file",
        "Certificates to trust in place of the system's",
        values.path,
        metavar="FILE",
    ),
    Setting(
        "flush",
        "When samples are sent: so many together, or after so long; 1 for each at once",
        values.flush,
        shown="6 samples or 60s, whichever is first",
        metavar="N|SECONDS",
    ),
    Setting(
        "spool_dir",
        "Folder where samples wait until the server has them, made if absent",
        values.path,
        shown="perfkit/spool in $XDG_STATE_HOME or ~/.local/state",
        metavar="DIR",
    ),
    Setting(
        "spool_max",
        "Size that it may grow to; then the oldest samples are dropped, and that is recorded",
        values.spool_size,
        default="256M",
        metavar="SIZE",
    ),
    Setting(
        "loglevel",
        "What is said on stderr: trace, debug, info, warn or error",
        values.level,
        default="info",
        metavar="LEVEL",
        old=("PCC_LOGLEVEL",),
    ),
    Setting(
        "config",
        'TOML file with settings by these names, as in frequency = "5s"',
        values.path,
        metavar="FILE",
    ),
    Setting("once", "Take one sample and end", values.is_true, default="false", metavar=None),
    Setting(
        "watch",
        "Show what is recorded, live, in this terminal",
        values.is_true,
        default="false",
        metavar=None,
        is_flag_only=True,
    ),
    Setting(
        "original",
        "Write what the original writes: three keys, no perfkit/ lines",
        values.is_true,
        default="false",
        metavar=None,
    ),
    Setting(
        "cpuinfo",
        "How often to record /proc/cpuinfo: once a file and when CPUs come or go, or every sample",
        values.words("once", "every"),
        default="once",
        metavar="once|every",
    ),
    Setting(
        "fsync",
        "How often the disk is told to keep it: tick, never, or so many seconds",
        values.fsync,
        default="60s",
        metavar="tick|never|SECONDS",
    ),
    Setting(
        "root",
        "Folder that stands for / of the host to record",
        values.path,
        default="/",
        metavar="DIR",
    ),
    Setting(
        "max_bytes",
        "Size at which the capture is moved to FILE.1, FILE.2 ... (the newest has the highest)",
        values.positive_size,
        shown="no limit",
        metavar="SIZE",
    ),
    Setting(
        "max_age",
        "Age at which the capture is moved, likewise",
        values.positive_duration,
        shown="no limit",
        metavar="DURATION",
    ),
    Setting(
        "keep",
        "How many moved captures stay; the oldest is removed",
        values.count,
        shown="all",
        metavar="NUMBER",
    ),
    Setting(
        "min_free",
        "Free space below which recording ends, exit code 7",
        values.size,
        default="16M",
        metavar="SIZE",
    ),
    Setting(
        "collection",
        "Capture to convert, where the command line names none",
        values.path,
        metavar="FILE",
        old=("PCR_COLLECTION",),
        command="process",
        flags=("CAPTURE",),
    ),
    Setting(
        "outdir",
        "Folder for the files, made if absent",
        values.path,
        metavar="DIR",
        old=("PCR_OUTDIR",),
        command="process",
        flags=("-o", "--output-dir"),
    ),
    Setting(
        "listen",
        "Address to listen on; port 0 is any free one",
        values.address,
        default="127.0.0.1:8080",
        metavar="HOST:PORT",
        old=("PERFKIT_LISTEN", "PCD_LISTENADDRESS", "LISTENADDRESS"),
        command="serve",
    ),
    Setting(
        "data_dir",
        "Folder that holds everything, made if absent",
        values.path,
        shown="perfkit/server in $XDG_STATE_HOME or ~/.local/state",
        metavar="DIR",
        old=("PERFKIT_DATA_DIR", "PCD_HOME"),
        command="serve",
    ),
    Setting(
        "apikeys_file",
        "The original's file of ingest keys, one a line; read again when it changes",
        values.path,
        shown="apikeys in the data folder",
        metavar="FILE",
        old=("PERFKIT_APIKEYS_FILE", "PCD_APIKEYS_FILE"),
        command="serve",
    ),
    Setting(
        "min_free",
        "Free space below which uploads are refused, until there is more",
        values.size,
        default="256M",
        metavar="SIZE",
        old=("PERFKIT_SERVE_MIN_FREE",),
        command="serve",
    ),
    Setting(
        "loglevel",
        "What is said on stderr: trace, debug, info, warn or error",
        values.level,
        default="info",
        metavar="LEVEL",
        old=("PERFKIT_LOGLEVEL", "PCD_LOGLEVEL"),
        command="serve",
    ),
    Setting(
        "demo",
        "Collect from this host, too, and show the latest figures of all machines",
        values.is_true,
        default="false",
        metavar=None,
        command="serve",
        is_flag_only=True,
    ),
    Setting(
        "config",
        'TOML file with settings by these names, as in listen = "0.0.0.0:8080"',
        values.path,
        metavar="FILE",
        old=("PERFKIT_SERVE_CONFIG",),
        command="serve",
    ),
    Setting(
        "server",
        "Server to ask, as http://HOST:PORT or https://HOST",
        values.url,
        default="http://127.0.0.1:8080",
        shown="that of the last login, else http://127.0.0.1:8080",
        metavar="URL",
        old=("PERFKIT_SERVER",),
        command="ctl",
    ),
    Setting(
        "key",
        "Key for the server",
        is_secret=True,
        old=("PERFKIT_KEY",),
        command="ctl",
    ),
    Setting(
        "key_file",
        "File that holds the key, or the first-run.json of perfkit serve",
        values.path,
        shown="that of the last login",
        metavar="FILE",
        old=("PERFKIT_KEY_FILE",),
        command="ctl",
    ),
    Setting(
        "ca_file",
        "Certificates to trust in place of the system's",
        values.path,
        metavar="FILE",
        old=("PERFKIT_CA_FILE",),
        command="ctl",
    ),
    Setting(
        "config",
        'TOML file with settings by these names, as in server = "https://perfkit.example.com"',
        values.path,
        metavar="FILE",
        old=("PERFKIT_CTL_CONFIG",),
        command="ctl",
    ),
)

NOT_BUILT = (
    "PCC_MACHINE_NAME",
    "PCC_BENCHMARK_ENABLE",
    "PCC_BENCHMARK_NAME",
    "PCC_BENCHMARK_TYPE",
    "PCC_BENCHMARK_COMMAND",
    "PCC_BENCHMARK_DELAY",
    "PCC_BUFFER_SIZE",
    "PCC_BATCH_SIZE",
    "PCC_FLUSH_INTERVAL",
    "PCC_SERIALIZATION",
    "PCC_COMPRESSION",
    "PCC_CONTAINER_DURATION",
    "PCC_CONTAINER_FREQUENCY",
    "PCC_CONTAINER_COLLECTION",
)
"""Variables of the original that mean nothing here: accepted, and named in a warning."""


def settings_of(command: str) -> tuple[Setting, ...]:
    """Return the settings of one command, in the order of its help."""
    return tuple(setting for setting in SETTINGS if setting.command == command)
