"""No float stands between the YAML of a price and the wire, nor between an answer and the plan.

Two nets. One reads the code: outside of what has to do with time, no module has a float in it. The other
watches a run over every adapter: numbers that raise when they are made a float are planted where prices
come in, `float` is taken away, decimal arithmetic with floats is trapped, and everything that is made on the
way is searched. Both are shown to hold what they are for.
"""

from __future__ import annotations

import ast
import decimal
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from decimal import Decimal, FloatOperation
from pathlib import Path
from textwrap import dedent
from typing import Any, NoReturn

import pytest
from priced import Priced, PricedHouse
from pydantic import BaseModel

import reconciler
from reconciler.manifests.yamltree import pieces, scalars
from reconciler.outcome import Outcome

ROOT = Path(reconciler.__file__).parent

# ---- the code


ALLOWED = {
    "cli/probe.py": {"0.1"},
    "cli/progress.py": {"0.01", "0.1", "0.3", "5.0"},
    "cli/spans.py": {"3.0"},
    "executor/action.py": {"0.0"},
    "executor/live.py": {"float()"},
    "journal/lock.py": {"0.3"},
    "journal/writing.py": {"0.05"},
    "executor/timing.py": {"0.05", "0.2", "1.0", "4.0", "16.0", "30.0"},
    "git.py": {"20.0"},
    "manifests/fields.py": {"0.15"},
    "manifests/problems.py": {"0.6"},
    "policies/check.py": {"5.0"},
    "policies/library.py": {"0.8"},
    "progress.py": {"0.0", "0.5", "1.0", "10.0"},
    "registries/interface.py": {"import"},
    "registries/respan/client.py": {"float()", "import"},
    "registries/watsonx/client.py": {"import"},
}
"""What stands in a module and is no amount: seconds, an example in a schema, how alike two words are."""

WITHOUT_PRICES = {
    "http/text.py": "parts of a secret, to be kept from messages",
    "fingerprints.py": "the fingerprint of what an action rests on: texts",
    "forge/environment.py": "what a forge tells of an event: texts and numbers of requests",
    "journal/lock.py": "who holds the lock: texts and the number of a process",
}
"""Modules that read JSON without numbers."""

READS_BODIES = ("http/answer.py", "http/text.py")


def modules() -> list[Path]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        far = name.startswith(("http/", "probe/", "embedded/")) and name not in READS_BODIES
        if not far:
            found.append(path)
    return found


def floats_in(tree: ast.AST) -> Iterator[str]:
    """What makes a float, or could."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=value) if isinstance(value, float | complex):
                yield str(value)
            case ast.Call(func=ast.Name(id="float" | "complex")):
                yield "float()"
            case ast.Attribute(attr="from_float" | "__float__" | "total_seconds"):
                yield node.attr
            case ast.Import(names=names) if any(one.name in ("math", "statistics", "numpy") for one in names):
                yield "import"
            case ast.ImportFrom(module="math" | "statistics" | "numpy"):
                yield "import"


def loads_in(tree: ast.AST) -> Iterator[str]:
    """JSON that is read without a word on its numbers; those with a point would be floats."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        module = getattr(getattr(node.func, "value", None), "id", "")
        said = {keyword.arg for keyword in node.keywords}
        reads = (name in ("load", "loads") and "json" in module) or name in ("JSONDecoder", "validate_json")
        if reads and not said & {"parse_float", "use_decimal"}:
            yield name


def test_no_module_that_a_price_passes_has_a_float() -> None:
    found: dict[str, set[str]] = {}
    careless = set()
    for path in modules():
        name = path.relative_to(ROOT).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {name: words} if (words := set(floats_in(tree))) else {}
        careless |= {name} if any(loads_in(tree)) else set()
    assert found == ALLOWED
    assert careless == set(WITHOUT_PRICES)


@pytest.mark.parametrize(
    "code",
    [
        "float(amount)",
        "amount * 0.001",
        "amount / 1e3",
        "Decimal.from_float(x)",
        "import math",
        "from math import floor",
        "amount.__float__()",
        "json.loads(text)",
        "simplejson.loads(text)",
        "json.load(file)",
        "json.JSONDecoder()",
        "adapter.validate_json(text)",
    ],
)
def test_the_search_of_the_code_finds_what_it_is_for(code: str) -> None:
    tree = ast.parse(code)
    assert [*floats_in(tree), *loads_in(tree)]


# ---- the run


class Tripped(AssertionError):
    """A price met a float."""


class Planted(Decimal):
    """A number as it comes in; whoever makes a float of it is found."""

    def __float__(self) -> NoReturn:
        raise Tripped(f"float({self})")


class _NoFloat(type):
    def __call__(cls, *values: Any) -> NoReturn:
        raise Tripped(f"float{values}")

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, float)


class NoFloat(metaclass=_NoFloat):
    """Stands where a module would find `float`."""


def search(value: Any, where: str = "") -> None:
    """Fails on the first float in a tree of whatever we make on the way."""
    if isinstance(value, float):
        raise Tripped(f"{where} is {value!r}")
    if isinstance(value, Mapping):
        for key, item in value.items():
            search(key, f"{where} key")
            search(item, f"{where}.{key}")
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            search(item, f"{where}[{index}]")
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            search(getattr(value, name), f"{where}.{name}")
    elif is_dataclass(value) and type(value).__name__ not in ("Table", "Row", "LoadedConfig"):
        for field in fields(value):
            if field.name not in TIMES:
                search(getattr(value, field.name), f"{where}.{field.name}")


TIMES = ("read_at",)

ROWS = [
    Priced("orq", "unit: 1M tokens, input: 0.15, output: 0.6, cache_read: 0.075, batch: {input: 1.1}"),
    Priced("orq", "unit: 1K tokens, input: 1.1e-3, output: 0.0033, tiers: {above_200k: {input: 0.0022}}"),
    Priced("orq", "unit: token, input: 0.000001100000001, output: 0.0000022"),
    Priced(
        "orq", "image: 0.07 / image, video_second: 4.2 / minute, search: 12.5 / 1K searches", type="image"
    ),
    Priced("orq", "", native="input_cost: 0.0011, output_cost: 0.0012, metadata: {cached_input_cost: 0.1}"),
    Priced("openai-like", "unit: 1M tokens, input: 1.1, output: 3.3"),
    Priced("openai-like", "image: 0.07 / image", type="image"),
    Priced("respan", "unit: 1K tokens, input: 0.00011, output: 0.00033, cache_write: 1.1e-4"),
    Priced("watsonx", "unit: 1M tokens, input: 1.1"),
]


def forget() -> None:
    """What is remembered of numbers that were read."""
    scalars.VALUES.clear()
    pieces._PLAIN.clear()
    pieces.PIECES._forget()


@contextmanager
def tripwire(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """While it holds, a float on the way of a price raises Tripped, or is in the list at the end."""
    trips: list[str] = []
    with monkeypatch.context() as patch, decimal.localcontext() as context:
        context.traps[FloatOperation] = True
        context.clear_flags()
        patch.setitem(decimal.DefaultContext.traps, FloatOperation, True)
        for name in ("manifests.yamltree.scalars", "http.answer"):
            patch.setattr(importlib.import_module(f"reconciler.{name}"), "Decimal", Planted)
        for path in modules():
            module = sys.modules.get(".".join(("reconciler", *path.relative_to(ROOT).with_suffix("").parts)))
            if module is not None and "float()" not in ALLOWED.get(path.relative_to(ROOT).as_posix(), ()):
                patch.setattr(module, "float", NoFloat, raising=False)
        wire = importlib.import_module("reconciler.registries.talk")
        really = wire.body_bytes

        def searched(body: Any, secrets: Any) -> bytes:
            try:
                search(body, "body")
            except Tripped as trip:
                trips.append(str(trip))
                raise
            data: bytes = really(body, secrets)
            return data

        patch.setattr(wire, "body_bytes", searched)
        forget()
        try:
            yield trips
            if context.flags[FloatOperation]:
                trips.append("a float was compared with an amount")
        finally:
            forget()


def go(folder: Path) -> Outcome:
    """Load, plan, apply, observe, plan; another price, and once more. Everything is searched."""
    house = PricedHouse(folder, ROWS)
    for changed in (False, True):
        if changed:
            house.rows = [
                Priced(row.to, row.line.replace("1.1", "1.3"), row.native, row.currency, row.type)
                for row in ROWS
            ]
        project = house.load()
        search([one.value for one in project.manifests], "manifest")
        search([(one.fields, one.units) for one in project.desired], "desired")
        plan, outcome = house.apply()
        search(plan, "plan")
        assert {result.status for result in outcome.results} <= {"done", "unchanged"}, outcome.results
        for name, observed in house.observe().items():
            search([one.raw for one in observed.objects], f"observed {name}")
        again = house.plan(guarded=True)
        search(again, "plan")
        assert {action.operation for action in again.actions()} == {"none"}
    return outcome


def test_a_whole_run_makes_no_float_of_a_price(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tripwire(monkeypatch) as trips:
        outcome = go(tmp_path)
    assert trips == []
    assert sum(result.status == "done" for result in outcome.results) >= 4


MUTANTS = {
    "a float in the conversion": (
        "money",
        "Price.wire",
        """
        def mutant(self, unit):
            return Decimal(str(float(self.to(unit).amount)))
        """,
    ),
    "a factor that is a float": (
        "money",
        "Price.to",
        """
        def mutant(self, unit):
            return Price(self.amount * (unit.count / self.unit.count), self.currency, unit)
        """,
    ),
    "a float that becomes a decimal again": (
        "money",
        "plain",
        """
        def mutant(number):
            import builtins
            return Decimal(builtins.float(str(number)))
        """,
    ),
    "a float on the wire": (
        "registries.codecs",
        "Money.encode",
        """
        def mutant(self, value):
            return int(value.wire(self.unit) * 1000) / 1000
        """,
    ),
    "a float of what a codec reads": (
        "registries.codecs",
        "_number",
        """
        def mutant(wire):
            import math
            return as_double(Decimal(repr(math.fsum([wire])))) if isinstance(wire, Decimal) else Decimal(wire)
        """,
    ),
    "a float of what a codec is given": (
        "registries.codecs",
        "Number.normal",
        """
        def mutant(self, value, *, native):
            return plain(Decimal(str(float(value))))
        """,
    ),
    "floats in the answers": (
        "http.answer",
        "_fraction",
        """
        def mutant(text):
            import builtins
            return builtins.float(text)
        """,
    ),
    "floats in the manifests": (
        "manifests.yamltree.scalars",
        "_number",
        """
        def mutant(number):
            import builtins
            return builtins.float(number[0])
        """,
    ),
    "floats in a guard": (
        "guards.prices",
        "_ratio",
        """
        def mutant(one, other):
            return Decimal(repr(float(one.amount) / float(other.amount)))
        """,
    ),
    "a guard that compares with a float": (
        "guards.prices",
        "_slip",
        """
        def mutant(case, move):
            return None if move.after.amount > 0.5 else None
        """,
    ),
    "a plan that computes in floats": (
        "diff",
        "_shown",
        """
        def mutant(item, value, unit=None):
            return shown(float(value.amount) if isinstance(value, Price) else value)
        """,
    ),
}


@pytest.mark.parametrize(("module", "name", "code"), MUTANTS.values(), ids=MUTANTS)
def test_the_tripwire_trips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, code: str
) -> None:
    """Each of these is a way in which a float could come in; with it, the run above must fail."""
    holder: Any = importlib.import_module(f"reconciler.{module}")
    made: dict[str, Any] = {}
    # As if it stood in that module.
    exec(dedent(code), vars(holder), made)
    *above, last = name.split(".")
    for step in above:
        holder = getattr(holder, step)
    monkeypatch.setattr(holder, last, made["mutant"])
    with tripwire(monkeypatch) as trips:
        try:
            go(tmp_path)
        except Exception as error:  # noqa: BLE001 - however it fails, it does
            trips.append(repr(error))
    assert trips
