"""Which place a setting comes from: flag, variable, --config, /etc/perfkit, /etc/pcc.env, default.

A wrong value is refused with the setting's name and its place, wherever it was written.
"""

from perfkit.errors import UsageError, shown
from perfkit.settings.setting import Setting
from perfkit.settings.table import NOT_BUILT, SETTINGS, settings_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from perfkit.settings.setting import Value

    Layer = dict[str, tuple[str, str]]

DEFAULT = "default"

_ORIGINAL = {"serve": "PCD_", "ctl": "PCCTL_"}
"""How the original's variables of a command begin, where not with PCC_."""


_NO_SETTINGS = ("PERFKIT_DEBUG", "PERFKIT_FAULT", "PERFKIT_PROOF")
"""Variables of ours that set nothing: the traceback of a bug, and what tests use."""


class Resolved:
    """The settings of one start.

    Args:
        command: Whose they are.
    """

    __slots__ = ("command", "origins", "texts", "values", "warnings")

    def __init__(self, command: str) -> None:
        self.command = command
        self.values: dict[str, Value] = {}
        self.texts: dict[str, str] = {}
        """What was written, for people."""
        self.origins: dict[str, str] = {}
        """Where: `flag --once`, `variable PCC_MODE`, `/etc/pcc.env:3`, `default`."""
        self.warnings: list[str] = []

    def is_set(self, name: str) -> bool:
        """Return whether somebody set it, if only to what it would have been."""
        return self.origins[name] != DEFAULT

    def text(self, name: str) -> str:
        """Return the value of a setting that is a text; "" where it has none."""
        value = self.values[name]
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """Return the value of a setting that is a number."""
        value = self.values[name]
        return value if isinstance(value, int) else None

    def is_on(self, name: str) -> bool:
        """Return the value of a switch."""
        return self.values[name] is True

    def lines(self) -> list[str]:
        """Return each setting with its place, secrets hidden."""
        lines = []
        for setting in settings_of(self.command):
            text = self.texts[setting.name]
            if setting.is_secret:
                text = "(hidden)" if text else ""
            lines.append(f"{setting.name} = {text or '(none)'} ({self.origins[setting.name]})")
        return lines


def resolve(
    command: str,
    flags: "dict[str, str]",
    environment: "Mapping[str, str]",
    *,
    etc: str = "/etc",
) -> Resolved:
    """Return the settings of `command`, each from the strongest place that has it.

    Args:
        command: `collect`.
        flags: What the command line says, by name of the setting; "true" for a switch.
        environment: Variables; an empty one counts as not set.
        etc: Folder of the system's configuration.

    Raises:
        UsageError: a value, or a line of a file, is wrong.
    """
    settings = settings_of(command)
    found = Resolved(command)
    layers = [
        {name: (text, f"flag --{name.replace('_', '-')}") for name, text in flags.items()},
        _variables(settings, environment),
    ]
    config = next((layer["config"] for layer in layers if "config" in layer), None)
    if config:
        layers.append(_toml(config[0], settings, is_required=True, found=found))
    layers.append(_toml(f"{etc}/perfkit/{command}.toml", settings, is_required=False, found=found))
    if command != "ctl":  # of which the original sets nothing
        layers.append(_env_file(f"{etc}/pcc.env", settings, found))
    for setting in settings:
        text, origin = setting.default, DEFAULT
        for layer in layers:
            if setting.name in layer:
                text, origin = layer[setting.name]
                break
        if not text.strip() and origin != DEFAULT:
            raise UsageError(f"{setting.name} ({origin}): expected a value, found none")
        found.texts[setting.name] = text
        found.origins[setting.name] = origin
        found.values[setting.name] = _value(setting, text, origin) if text else None
    begins = _ORIGINAL.get(command, "PCC_")
    odd = [
        name
        for name, text in sorted(environment.items())
        if text and _is_odd(name, begins, settings)
    ]
    found.warnings += _about(odd, "")
    return found


def _value(setting: Setting, text: str, origin: str) -> "Value":
    try:
        return setting.kind(text)
    except ValueError as error:
        what = "" if setting.is_secret else f", found {shown(text)}"
        raise UsageError(f"{setting.name} ({origin}): {error}{what}") from error


def _is_odd(variable: str, begins: str, settings: tuple[Setting, ...]) -> bool:
    """Return whether a variable looks like a setting of ours and is none."""
    if variable.startswith("PERFKIT_"):
        return variable not in _NO_SETTINGS and not _is_known(variable, SETTINGS)
    return variable.startswith(begins) and not _is_known(variable, settings)


def _is_known(variable: str, settings: tuple[Setting, ...]) -> bool:
    return any(variable in setting.variables for setting in settings)


def _variables(settings: tuple[Setting, ...], environment: "Mapping[str, str]") -> "Layer":
    layer: Layer = {}
    for setting in settings:
        for name in setting.variables:
            if environment.get(name) and setting.name not in layer:
                layer[setting.name] = (environment[name], f"variable {name}")
    return layer


def _text_of(path: str, found: Resolved, *, is_required: bool) -> str | None:
    """Return a configuration file's text; only one that was asked for has to be there."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError as error:
        if is_required:
            raise UsageError(f"config: {path}: no such file") from error
        return None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected UTF-8 text: {error.reason}") from error
    except OSError as error:
        reason = f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"
        if is_required:
            raise UsageError(f"config: {reason}") from error
        found.warnings.append(f"{reason}: going on without it")
        return None


def _toml(
    path: str, settings: tuple[Setting, ...], *, is_required: bool, found: Resolved
) -> "Layer":
    text = _text_of(path, found, is_required=is_required)
    if text is None:
        return {}
    import tomllib  # noqa: PLC0415 - most starts have no such file

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {str(error)[:1].lower()}{str(error)[1:]}") from error
    layer: Layer = {}
    names = {setting.name for setting in settings if setting.variables} - {"config"}
    for key, value in table.items():
        place = f"{path}:{_line_of(key, text)}"
        name = key.replace("-", "_")
        if name not in names:
            raise UsageError(f"{place}: {key!r} is no setting: docs/settings.md names them")
        if isinstance(value, bool):
            layer[name] = ("true" if value else "false", place)
        elif isinstance(value, str | int | float):
            layer[name] = (str(value), place)
        else:
            raise UsageError(f"{place}: {key}: expected one value")
    return layer


def _line_of(key: str, text: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().lstrip("\"'[").startswith(key):
            return number
    return 1


def _env_file(path: str, settings: tuple[Setting, ...], found: Resolved) -> "Layer":
    """Read the original's file: `[export] NAME=value` a line, quoted or not, never by a shell."""
    layer: Layer = {}
    odd = []
    lines = (_text_of(path, found, is_required=False) or "").splitlines()
    for number, line in enumerate(lines, start=1):
        place = f"{path}:{number}"
        words = line.strip().removeprefix("export ").strip()
        if not words or words.startswith("#"):
            continue
        name, is_assigned, text = words.partition("=")
        if not is_assigned or not name.replace("_", "").isalnum():
            # The line may hold a secret: it is not shown.
            raise UsageError(f"{place}: expected NAME=value, without blanks around the =")
        text = _unquoted(text.strip(), name, place)
        setting = next((one for one in settings if name in one.variables), None)
        if setting is not None and text:
            # The last line wins, as in a shell.
            layer[setting.name] = (text, place)
        elif text and name.startswith(("PCC_", "PERFKIT_")):
            odd.append(name)
    found.warnings += _about(odd, f"{path}: ")
    return layer


def _about(variables: list[str], place: str) -> list[str]:
    """Return warnings about variables that no setting has."""
    not_built = [name for name in variables if name in NOT_BUILT]
    unknown = [name for name in variables if name not in NOT_BUILT]
    warnings = []
    if not_built:
        warnings.append(f"{place}{', '.join(not_built)}: accepted, but not built: no effect")
    if unknown:
        warnings.append(f"{place}{', '.join(unknown)}: no setting has this name: no effect")
    return warnings


def _unquoted(text: str, name: str, place: str) -> str:
    quote = text[:1]
    if quote in {"'", '"'} and quote:
        end = text.find(quote, 1)
        if end < 0:
            raise UsageError(f"{place}: {name}: expected a closing {quote}")
        inner = text[1:end]
    else:
        inner = text.split(" #", maxsplit=1)[0].strip()
    if quote != "'" and ("$" in inner or "`" in inner):
        raise UsageError(f"{place}: {name}: no shell reads this file: write the value out")
    return inner
