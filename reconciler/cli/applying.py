"""What comes around the writes of an apply: the proof after them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.cli.run import Asked, Planned
from reconciler.errors import RegistryError
from reconciler.executor import Executed
from reconciler.outcome import Proof, proof_of
from reconciler.planner import failure_of, make_plan
from reconciler.registries.interface import Observation


def proofs_of(planned: Planned, asked: Asked, executed: Executed) -> tuple[Proof, ...]:
    """What every registry of the run shows now, and what a new plan would do there; nothing where nothing was
    written. Reads nothing: the executor has read each registry after its writes."""
    if not executed.read_back:
        return ()
    observed = {name: _seen(executed, name, found) for name, found in planned.observed.items()}
    again = make_plan(
        planned.project.config,
        planned.project.desired,
        {name: found for name, found in observed.items() if found is not None},
        selection=asked.selection,
        acknowledged=planned.project.acknowledged,
    )
    parts = {part.name: part for part in again.registries}

    def proofs() -> Iterator[Proof]:
        for name, found in observed.items():
            if found is None:
                yield Proof(name, "interrupted")
            elif name in executed.read_back and isinstance(found, RegistryError):
                yield Proof(name, "failed", failure_of(found))
            else:
                yield proof_of(parts[name], "again" if name in executed.read_back else "before")

    return tuple(proofs())


def _seen(
    executed: Executed, name: str, planned: Observation | RegistryError
) -> Observation | RegistryError | None:
    read_back: Mapping[str, Observation | RegistryError | None] = executed.read_back
    return read_back.get(name, planned)
