"""``reconciler`` and ``python -m reconciler``."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    from reconciler.cli.app import run  # noqa: PLC0415 - so that importing the package stays cheap

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
