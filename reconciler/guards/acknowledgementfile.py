"""The format of `acknowledgements.yaml`, and how its text is checked."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from reconciler.errors import InputError, Place, Problem
from reconciler.guards.acknowledgements import OF_A_REGISTRY, OF_THE_RUN, Acknowledged, GuardName
from reconciler.manifests.fields import Name, Omittable, Strict, failure, matching
from reconciler.manifests.problems import validate
from reconciler.manifests.yamltree import locate, parse


class Acknowledgement(Strict):
    """Lets one change through one guard, and nothing else."""

    guard: GuardName = Field(description="The guard that refused.")
    model: Omittable[Name] = Field(
        None, description="The manifest's name; left out for a guard over a registry or a run."
    )
    registry: Omittable[Name] = Field(
        None, description="The registry; left out where the guard refused the whole run."
    )
    digest: Annotated[
        str,
        matching(r"[0-9a-f]{64}", "digest", "a digest is 64 hexadecimal digits, as the refusal prints it"),
    ] = Field(description="The digest of the change, as the refusal prints it.")
    reason: Annotated[str, Field(min_length=1)] = Field(description="Why this is right.")
    expires: Omittable[
        Annotated[str, matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "date", "a date reads 2026-12-31")]
    ] = Field(None, description="The last day on which it holds.")

    @model_validator(mode="after")
    def _says_what_it_is_about(self) -> Acknowledgement:
        missing = None
        if self.model is None and self.guard not in OF_A_REGISTRY:
            missing = ("model", "manifest")
        elif self.registry is None and self.guard not in OF_THE_RUN:
            missing = ("registry", "registry")
        if missing is not None:
            name, what = missing
            raise failure(
                "acknowledgement", f"'{name}' is missing", f"{self.guard} is about one {what}; name it"
            )
        if self.model is not None and self.guard in OF_A_REGISTRY:
            raise failure("acknowledgement", f"{self.guard} is not about one manifest", "remove `model`")
        return self

    @property
    def about(self) -> str:
        """What it lets through, in a few words."""
        if self.model is not None:
            return f"{self.model} in {self.registry}"
        return self.guard if self.registry is None else f"{self.guard} in {self.registry}"


class AcknowledgementFile(Strict):
    """`acknowledgements.yaml`."""

    apiVersion: Literal["reconciler/v1"]  # noqa: N815 - the field's name is given
    kind: Literal["Acknowledgements"]
    acknowledgements: list[Acknowledgement]


def read_acknowledgements(data: bytes, shown_as: str) -> Acknowledged:
    """Checks the text of an acknowledgements.yaml. Raises InputError with every mistake."""
    documents, problems = parse(data, shown_as)
    entries: list[tuple[Acknowledgement, Place]] = []
    for document in documents:
        file, found = validate(AcknowledgementFile, document)
        problems += found
        for index, entry in enumerate(file.acknowledgements if file else ()):
            place = locate(document, ("acknowledgements", index))
            entries.append((entry, place))
            if entry.expires and not _is_date(entry.expires):
                problems.append(Problem("date", f"{entry.expires} is not a day", place))
    if problems:
        raise InputError(problems)
    return Acknowledged(entries)


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
