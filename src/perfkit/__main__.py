"""The entry of all five names."""


def main() -> int:
    """Run the command line."""
    return 0
