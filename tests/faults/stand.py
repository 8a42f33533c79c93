"""A folder and a registry that misbehaves, with the command line between them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from conformance.stand import OPTIONS, TOKEN, Stand
from conformance.subject import Subject, Variant

from reconciler.embedded import create_app
from reconciler.embedded.faults.faults import Faults
from reconciler.embedded.faults.injector import FaultInjector
from reconciler.embedded.faults.rules import FaultFile

from .gate import Gate

Json = Any


@dataclass(frozen=True)
class Ran:
    """One run of the command line, with `-o json`."""

    code: int
    document: Mapping[str, Json]


class FaultStand(Stand):
    """``cli`` runs a command in the current folder, and gives its exit code and its stdout."""

    cli: Callable[..., tuple[int, str]]
    reads: Sequence[int]
    """How many reads come before each write, as long as all is well."""

    def __init__(self, folder: File, variant: Variant, subject: Subject, gate: Gate, url: str) -> None:
        super().__init__(folder, variant, subject, gate, url)  # type: ignore[arg-type]
        self.gate = gate
        self._saved = folder / "saved"

    def save(self) -> None:
        """Keeps the registry as it is, for ``restore``."""
        self.close()
        self._saved.mkdir()
        for file in self.folder.glob(f"{self.database.name}*"):
            shutil.copy(file, self._saved)

    def restore(self) -> None:
        """The registry as it was saved, behind the gate."""
        for file in self.folder.glob(f"{self.database.name}*"):
            file.unlink()
        for file in self._saved.iterdir():
            shutil.copy(file, self.folder)
        self.gate.reset()
        self.gate.is_read = self._is_read
        self.gate.app = create_app(self.database, token=TOKEN, options=OPTIONS)

    def rehearse(self) -> None:
        """Applies once, to see which calls are made."""
        self.restore()
        assert self.run("apply", "--yes").code == 0
        reads, before = 0, []
        for method, path in self.gate.seen:
            if not self._is_read(method, path):
                before.append(reads)
            elif path != "/v2/deployments":
                reads += 1
        self.reads = before
        self.close()

    def count(self) -> int:
        """How many objects the registry holds, whoever they belong to."""
        with closing(sqlite3.connect(self.database)) as connection:
            tables = ("orq_model", "respan_model", "respan_provider", "watsonx_model")
            counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]
        return sum(count for (count,) in counts)

    def misbehave(self, rules: Sequence[Mapping[str, Json]]) -> Faults:
        """From now on, until ``behave``."""
        faults = Faults(FaultFile.model_validate({"faults": list(rules)}))
        self.gate.faulty = FaultInjector(self.gate.app, faults=faults, store=self.gate.app.state.store)
        return faults

    def behave(self) -> None:
        self.gate.faulty = None

    def run(self, *arguments: str) -> Ran:
        code, out = self.cli(*arguments, "-o", "json")
        return Ran(code, json.loads(out))
