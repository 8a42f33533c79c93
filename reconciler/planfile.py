"""Plan files: how a plan document is sealed, read again, and held against this checkout.

The ``integrity`` of a document is a hash over everything else in it. It finds a file that was edited, cut or
mixed up. It proves nothing of who made it: whoever can write the file can write the hash. What decides is
this checkout: its registries, its tables, its own list of secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

import simplejson

from reconciler import __version__
from reconciler.errors import InternalError, ReconcilerError
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.problems import did_you_mean
from reconciler.plan import FORMAT, Action, Plan, RegistryPlan, canonical, digest_of, plan_digest, plan_type
from reconciler.registries import KINDS
from reconciler.registries.rows import Table
from reconciler.unpacked import unpacked

SEAL: Final = "integrity"
MOST_BYTES: Final = 512 * 2**20
"""A plan of 100,000 creates is about half as large."""
MOST_EXPONENT: Final = 1000
"""More than a manifest or a registry may have in a number."""


class PlanFileError(ReconcilerError):
    """A plan file that cannot be used: unreadable, no plan, edited, or made for something else."""

    code = "plan-file"


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """``document`` with its integrity, in the place of one that it may have."""
    open_ = {key: value for key, value in document.items() if key != SEAL}
    return {**open_, SEAL: digest_of(open_)}


def load_plan(path: Path, shown_as: str) -> Plan:
    """Reads a plan file.

    Raises PlanFileError where it cannot be read, is no plan, or is not as it was written.
    """
    return read_plan(read_bytes(path, shown_as, hint="reconciler plan --out FILE writes one"), shown_as)


def read_bytes(path: Path, shown_as: str, *, hint: str) -> bytes:
    """What is in a file of ours, no more than may be. Raises PlanFileError."""
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        message = f"{shown_as}: {error.strerror or 'cannot be read'}"
        raise PlanFileError(message, hint=hint) from None


def read_plan(data: bytes, shown_as: str) -> Plan:
    """The plan in the text of a plan file. Raises PlanFileError."""
    document = read_object(data, shown_as, what="plan", hint="reconciler plan --out FILE writes one")
    if document.get("kind") != "Plan":
        message = f"{shown_as}: this is no plan; its kind is {_quoted(document.get('kind'))}"
        raise PlanFileError(message, hint="reconciler plan --out FILE writes one")
    made_by = document.get("tool")
    if document.get("format") != FORMAT:
        told = f"its format is {_quoted(document.get('format'))}, and reconciler {__version__} reads {FORMAT}"
        raise PlanFileError(f"{shown_as}: {told}", hint=f"it was made by reconciler {_quoted(made_by)}")
    if not seal_fits(document, shown_as):
        raise PlanFileError(
            f"{shown_as}: it was changed after it was made: its contents do not fit its {SEAL}",
            hint="plan again. (The value finds mistakes; it is no signature and proves no author.)",
        )
    return plan_in(document, shown_as)


def plan_in(document: Mapping[str, Any], shown_as: str) -> Plan:
    """The plan that ``document``, which was read from JSON, is. Raises PlanFileError where it is none."""
    try:
        plan: Plan = plan_type().validate_python(document)
        # What pydantic bent into shape, or left out, would be something else than what was written.
        read = unpacked(plan)
        agrees = canonical(read) == canonical({key: document.get(key) for key in read})
        _check_prices(plan)
    except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError) as error:
        where = ".".join(str(step) for step in _first_place(error))
        raise PlanFileError(
            f"{shown_as}: it does not read as a plan{f' at {where}' if where else ''}"
        ) from None
    if not agrees or plan.digest != plan_digest(plan.registries):
        raise PlanFileError(f"{shown_as}: it does not read as a plan: its parts contradict each other")
    return plan


def _check_prices(plan: Plan) -> None:
    """Raises one of several errors where what shall be a price is none: reports count with them."""
    for action in plan.actions():
        held = [each for change in action.changes for each in (change.live, change.desired)]
        for shown in (*held, *(field.live for field in action.unmanaged)):
            if shown.form == "price":
                fraction(shown.value["amount"])
                _ = shown.price


def seal_fits(document: Mapping[str, Any], shown_as: str) -> bool:
    """Whether ``document`` is as it was sealed. Raises PlanFileError where it is too deep to be walked."""
    try:
        return bool(document.get(SEAL) == sealed(document)[SEAL])
    except (ValueError, RecursionError):  # ValueError: a number of more digits than Python writes
        raise PlanFileError(f"{shown_as}: it is nested too deeply, or has too large a number") from None


def read_object(data: bytes, shown_as: str, *, what: str, hint: str) -> dict[str, Any]:
    """The JSON object in ``data``, which shall be a ``what``; no key may come twice. Raises PlanFileError."""
    if len(data) > MOST_BYTES:
        raise PlanFileError(f"{shown_as}: it has more than {MOST_BYTES:,} bytes")
    try:
        document = simplejson.loads(
            data.decode("utf-8"),
            parse_float=fraction,
            object_pairs_hook=_object,
            parse_constant=_no_number,
        )
    except simplejson.JSONDecodeError as error:
        place = f"{shown_as}:{error.lineno}:{error.colno}"
        raise PlanFileError(f"{place}: not valid JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        told = {UnicodeDecodeError: "it is not UTF-8", RecursionError: "it is nested too deeply"}
        raise PlanFileError(f"{shown_as}: {told.get(type(error), str(error)[:200])}") from None
    if not isinstance(document, dict):
        raise PlanFileError(f"{shown_as}: this is no {what}", hint=hint)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def fraction(text: str) -> Decimal:
    """A number of a document of ours. Raises ValueError for one that none could hold."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = None
    # Past this, to make a whole number of it takes for ever.
    if value is None or not value.is_finite() or abs(value.adjusted()) > MOST_EXPONENT:
        raise ValueError("it has a number that no plan could hold")
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _quoted(value: Any) -> str:
    return "missing" if value is None else f"'{str(value)[:80]}'"


def _first_place(error: Exception) -> tuple[Any, ...]:
    errors = getattr(error, "errors", None)
    return tuple(errors(include_input=False)[0]["loc"]) if errors is not None else ()


def hold_against(plan: Plan, config: LoadedConfig, shown_as: str) -> None:
    """Whether ``plan`` can be executed from this checkout: its registries, calls, fields and secrets.

    Raises PlanFileError.
    """

    def no(what: str, hint: str | None = None) -> PlanFileError:
        return PlanFileError(f"{shown_as}: {what}", hint=hint)

    for part in plan.registries:
        entry = config.value.registries.get(part.name)
        if entry is None:
            known = config.value.registries
            raise no(
                f"it is for the registry '{part.name}', which {config.file} does not have",
                did_you_mean(part.name, known) or f"{config.file} has {', '.join(known)}",
            )
        there = (entry.kind, entry.url or f"embedded:{entry.embedded}")
        if there != (part.kind, part.target):
            what = f"'{part.name}' is {part.kind} at {part.target} in it, and {there[0]} at {there[1]}"
            raise no(f"{what} in {config.file}", "plan again from this checkout")
        try:
            TopologicalSorter({action.key: action.after for action in part.actions}).prepare()
        except CycleError:
            raise no(f"{part.name}: its actions wait for each other", "plan again") from None
        for action in part.actions:
            wrong = _wrong(action, part, config)
            if wrong is not None:
                raise no(f"{part.name}: {action.name}: {wrong}", "plan again from this checkout")


def _wrong(action: Action, part: RegistryPlan, config: LoadedConfig) -> str | None:
    """What an action of a plan says that nothing of ours would have written, or None."""
    table = KINDS[part.kind].tables.get(action.variant)
    if action.registry != part.name or bool(action.requests) != (action.operation in ("create", "update")):
        return "its parts contradict each other"
    if not action.requests:
        return None
    if table is None or table.resource != action.resource:
        return f"kind {part.kind} has no {action.resource} '{action.variant}'"
    if action.operation == "update" and not action.id:
        return "an update of nothing"
    return _wrong_request(action, table) or _unlisted(action, config)


def _wrong_request(action: Action, table: Table) -> str | None:
    for number, request in enumerate(action.requests):
        call = table.calls.get(request.call)
        if call is None or (call.method, call.path) != (request.method, request.path):
            return f"{table.title} has no call '{request.call}' with {request.method} {request.path}"
        if (call is table.create) != (action.operation == "create" and number == 0):
            return f"a call '{request.call}' where none can stand"
        for edit in request.edits:
            try:
                table.row_at(edit.path)
            except InternalError:
                return f"{table.title} has no field at {'.'.join(edit.path)}"
    return None


def _unlisted(action: Action, config: LoadedConfig) -> str | None:
    named: Iterable[str] = (
        edit.secret for request in action.requests for edit in request.edits if edit.secret is not None
    )
    for name in named:
        if name not in config.value.secrets:
            return f"it names the secret '{name}', which {config.file} does not list"
    return None
