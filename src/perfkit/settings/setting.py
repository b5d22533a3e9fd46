"""What a setting is."""

from perfkit.settings import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Value = str | int | bool | None


class Setting:
    """One setting of one command.

    Args:
        name: As in a configuration file, words joined by `_`; the flag is the same with `-`.
        help: What it does, in one line, without a full stop.
        kind: Turns text into its value.
        default: Its text where nobody sets it; "" for none.
        shown: What help says of the default where `default` itself does not tell.
        metavar: What stands for the value in help; None for a switch.
        old: The original's variables.
        is_secret: Whether it is never a flag and never printed.
        command: The command it belongs to.
        is_flag_only: Whether no variable and no file sets it.
        flags: Its flags where they are not `--name`.
    """

    __slots__ = (
        "command", "default", "flags", "help", "is_flag_only", "is_secret", "kind", "metavar",
        "name", "old", "shown",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - a row of a table
        self,
        name: str,
        help: str,  # noqa: A002 - what it is called everywhere
        kind: "Callable[[str], Value]" = values.plain,
        *,
        default: str = "",
        shown: str = "",
        metavar: str | None = "TEXT",
        old: tuple[str, ...] = (),
        is_secret: bool = False,
        command: str = "collect",
        flags: tuple[str, ...] = (),
        is_flag_only: bool = False,
    ) -> None:
        self.name = name
        self.help = help
        self.kind = kind
        self.default = default
        self.shown = shown or default
        self.metavar = metavar
        self.old = old
        self.is_secret = is_secret
        self.command = command
        self.is_flag_only = is_flag_only
        self.flags = flags if flags or is_secret else ("--" + name.replace("_", "-"),)

    @property
    def variables(self) -> tuple[str, ...]:
        """Return the environment variables that set it, the strongest first."""
        if self.is_flag_only or self.command != "collect":
            return self.old
        return (f"PERFKIT_{self.name.upper()}", *self.old)

    @property
    def is_switch(self) -> bool:
        """Return whether its flag takes no value."""
        return self.metavar is None
