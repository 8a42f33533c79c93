"""``reconciler`` and ``python -m reconciler``."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    # A short run makes little garbage; to look for it after every 700 objects takes a tenth of the time.
    gc.set_threshold(500_000, 10, 10)
    # Our models take none; to look for them reads the metadata of everything that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # httpx does without its own command line, which loads rich and pygments, where that is not to be had.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    try:
        from reconciler.cli.app import run  # noqa: PLC0415 - so that importing the package stays cheap

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while it loads, or while it says how it ended
        code = 130
    gc.freeze()  # the process ends: to look once more through everything that it holds would free nothing
    sys.exit(code)


if __name__ == "__main__":
    main()
