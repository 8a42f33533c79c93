"""The files of earlier runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import simplejson

from reconciler.errors import JournalError
from reconciler.journal.records import FORMAT, Begin, End, Intent, Intents, Proofs, Results, adapter
from reconciler.journal.standing import Standing, is_held, standing
from reconciler.journal.writing import SUFFIX
from reconciler.outcome import ActionResult, Proof, Status
from reconciler.plan import key_of
from reconciler.planfile import fraction

_TAIL: Final = 65_536
"""Bytes at the end of a file in which its last line is looked for."""

LARGEST: Final = 1 << 30
"""Bytes of a file; a larger one is no journal of ours."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """One run as its file tells it. ``end`` is None where it did not end, or runs still: ``standing`` says.

    ``torn``: the last line was cut off while it was written.
    """

    file: Path
    begin: Begin
    intents: Mapping[Key, Intent] = field(default_factory=dict)
    results: Mapping[Key, ActionResult] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()
    end: End | None = None
    torn: bool = False
    standing: Standing = "ended"

    @property
    def id(self) -> str:
        return self.begin.run

    @property
    def open(self) -> list[Intent]:
        """What was about to be sent and has no result."""
        return [intent for key, intent in self.intents.items() if key not in self.results]

    def is_proven(self, registry: str) -> bool:
        """Whether ``registry`` was read once more after the writes of the run, or need not be."""
        return any(proof.registry == registry and proof.is_known for proof in self.proofs)

    def count(self, status: Status) -> int:
        return sum(result.status == status for result in self.results.values())


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of the journal."""

    path: Path

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    def files(self) -> list[Path]:
        """Every file of a run, the newest first: their names begin with the time. Raises JournalError."""
        try:
            found = [file for file in self.path.iterdir() if file.name.endswith(SUFFIX)]
        except FileNotFoundError:
            return []
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise JournalError(f"cannot read the journal {self.path}: {reason}") from None
        return sorted(found, reverse=True)

    def runs(self, files: list[Path] | None = None) -> Iterator[Run | JournalError]:
        """Every run, the newest first; in the place of one that cannot be read, why."""
        for file in self.files() if files is None else files:
            try:
                yield read(file)
            except JournalError as error:
                yield error

    def find(self, prefix: str) -> Run:
        """The run whose id begins with ``prefix``. Raises JournalError where that is none, or several."""
        found = [file for file in self.files() if prefix and run_of(file).startswith(prefix.lower())]
        if not found:
            raise JournalError(f"no run '{prefix}' in {self.path}", hint="`reconciler history` lists them")
        if len(found) > 1:
            ids = ", ".join(run_of(file) for file in found[:5])
            raise JournalError(f"several runs begin with '{prefix}': {ids}", hint="give more of it")
        return read(found[0])

    def unended(self, newest: int) -> list[Run]:
        """The runs among the ``newest`` that did not end and that no later one has looked after, the newest
        first. What cannot be read is passed over.

        By its name a file may seem older than one that it settles, after a clock was set back; so all of them
        are asked.
        """
        files = self.files()
        ends = {file: _end_of(file) for file in files[:newest]}
        left = [file for file, end in ends.items() if end is None]
        if not left:
            return []
        ends |= {file: _end_of(file) for file in files[newest:]}
        settled = {run for end in ends.values() if end is not None for run in end.settles}
        runs = self.runs([file for file in left if run_of(file) not in settled])
        return [run for run in runs if isinstance(run, Run) and run.end is None]


def run_of(file: Path) -> str:
    """The id of the run whose record ``file`` is."""
    return file.name.removesuffix(SUFFIX).rpartition("-")[2]


def read(file: Path) -> Run:
    """One run. A last line that was cut off is left out.

    Raises JournalError for what is no journal, or one of a format that we do not know.
    """
    descriptor = _opened(file)
    try:
        # Asked for before it is read: what ends in between must not seem to have been broken off.
        held = is_held(descriptor)
        found = _read(file, _bytes(file, descriptor))
        if found.end is not None:
            return found
        return replace(found, standing=standing(descriptor, held=held, by=found.begin.actor))
    except OSError as error:
        raise _unreadable(file, error) from None
    finally:
        os.close(descriptor)


def _read(file: Path, data: bytes) -> Run:
    lines = data.split(b"\n")
    torn = bool(lines.pop())
    records = [_record(file, number, line) for number, line in enumerate(lines, start=1)]
    if not records or not isinstance(records[0], Begin):
        raise JournalError(f"{file}: it does not begin as a record of a run does")
    intents: dict[Key, Intent] = {}
    results: dict[Key, ActionResult] = {}
    proofs: tuple[Proof, ...] = ()
    end = None
    for record in records:
        if isinstance(record, Intents):
            intents.update((intent.key, intent) for intent in record.actions)
        elif isinstance(record, Results):
            results.update(
                ((result.registry, key_of(result.resource, result.name)), result) for result in record.results
            )
        elif isinstance(record, Proofs):
            proofs = record.proofs
        elif isinstance(record, End):
            end = record
    return Run(file, records[0], intents, results, proofs, end, torn)


def _opened(file: Path) -> int:
    try:
        if not file.is_file():
            raise JournalError(f"{file}: no file, or too large for a record of a run")
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(file, error) from None


def _bytes(file: Path, descriptor: int) -> bytes:
    if os.fstat(descriptor).st_size > LARGEST:
        raise JournalError(f"{file}: no file, or too large for a record of a run")
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        return stream.read()


def _unreadable(file: Path, error: OSError) -> JournalError:
    return JournalError(f"cannot read {file}: {error.strerror or type(error).__name__}")


def _record(file: Path, number: int, line: bytes) -> Any:
    # RecursionError: nested deeper than anything that we write.
    try:
        data = simplejson.loads(line, parse_float=fraction)
    except (ValueError, RecursionError):
        raise JournalError(f"{file}:{number}: no line of JSON") from None
    if not isinstance(data, dict):
        raise JournalError(f"{file}:{number}: no record of a run")
    known = data.get("format", FORMAT)
    if known != FORMAT:
        message = f"{file}: its format is {known}, and this version knows {FORMAT}"
        raise JournalError(
            message, hint="read it with the version of reconciler that wrote it, or a newer one"
        )
    try:
        return adapter().validate_python(data)
    except (ValueError, RecursionError):
        raise JournalError(f"{file}:{number}: no record of a run") from None


def _end_of(file: Path) -> End | None:
    """As `_last`, and None also for what cannot be read."""
    try:
        return _last(file)
    except JournalError:
        return None


def _last(file: Path) -> End | None:
    """The end of a run, without reading all of it; None where it has none."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            tail = stream.read()
    except OSError as error:
        raise _unreadable(file, error) from None
    lines = tail.split(b"\n")
    if lines.pop() or not lines or b'"record":"end"' not in lines[-1]:
        return None
    record = _record(file, 0, lines[-1])
    return record if isinstance(record, End) else None
