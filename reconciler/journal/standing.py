"""Whether a run that has no end in its file is still under way.

Its process holds a lock of the operating system on the file for as long as it lives, wherever the folder is
shared.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import time
from typing import Final, Literal

from reconciler.journal.records import Actor

Standing = Literal["ended", "under way", "broken off", "unknown"]
"""`broken off`: its process is gone, and left no end. `unknown`: whether it is cannot be told from here."""

SILENT_SECONDS: Final = 24 * 60 * 60
"""A run of which nothing is known for so long is taken as gone: none waits that long between two lines."""

_HELD: Final = (errno.EWOULDBLOCK, errno.EACCES)
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def hold(descriptor: int) -> None:
    """Marks the file as one of a run that is under way, until it is closed, by whatever end. Where a file
    system knows no locks nothing is held. Raises OSError."""
    try:
        # A reader that looks at the same moment holds it until it has read.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def is_held(descriptor: int) -> bool | None:
    """Whether a run holds the file; None where that cannot be tested. If it does not, none can begin to until
    ``descriptor`` is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in _HELD else None
    return False


def standing(descriptor: int, *, held: bool | None, by: Actor) -> Standing:
    """How a run stands whose file has no end. That a lock is free says nothing of a run on another machine,
    because not every shared folder carries locks over. Raises OSError."""
    if held:
        return "under way"
    if held is False and by.host == platform.node():
        return "broken off"
    return "broken off" if time.time() - os.fstat(descriptor).st_mtime > SILENT_SECONDS else "unknown"
