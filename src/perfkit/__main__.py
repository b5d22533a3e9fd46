"""The entry of all five names: perfkit, pcc, pcd, pcctl, pcprocess.

It loads only what the command needs: nothing for `--version`, no third-party package for
`collect`, all else through `perfkit.cmd.app`.
"""

import sys

from perfkit import __version__

ALIASES = {"pcc": "collect", "pcd": "serve", "pcctl": "ctl", "pcprocess": "process"}


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        argv: The program's name and its arguments; those of this process by default.
    """
    path, *arguments = sys.argv if argv is None else argv
    name = path.rpartition("/")[2]
    if arguments == ["--version"]:
        return _print_version()
    if name in ALIASES:
        arguments = [ALIASES[name], *arguments]
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # while something was being loaded
        return 130


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["collect"]:
        from perfkit.agent import launch  # noqa: PLC0415 - only collect pays for it

        code = launch.main(arguments[1:])
        if code is not None:
            return code
    from perfkit.cmd.app import main as run  # noqa: PLC0415 - loads Typer, which takes its time

    return run(arguments)


def _print_version() -> int:
    try:
        print(f"perfkit {__version__}", flush=True)
    except OSError as error:
        # A second attempt at exit would complain.
        sys.stdout = None
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"perfkit: standard output: {str(error.strerror).lower()}\n")
            return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())
