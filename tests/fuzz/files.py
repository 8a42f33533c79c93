"""Files that people write: manifests, reconciler.yaml, acknowledgements, usage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import simplejson

from reconciler.cli.console import SourceLines
from reconciler.costs.count import count_costs
from reconciler.costs.quantities import COLUMNS
from reconciler.costs.usage import columns_of, read_usage
from reconciler.desired import desire_all
from reconciler.errors import ExitCode, InputError, Problem
from reconciler.guards.acknowledgements import load_acknowledgements
from reconciler.manifests.config import LoadedConfig, read_config
from reconciler.manifests.load import but_for, read_documents
from reconciler.manifests.yamltree import parse
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Observation
from reconciler.report.costs import costs_text
from reconciler.report.documents import plan_document, render
from reconciler.report.markdown import COMMENT, plan_markdown
from reconciler.report.problems import problems_text
from reconciler.schemas import schemas

from . import checks, stage
from .mutation import Mutator, keys, subtrees, with_depth
from .runner import Broken

# fmt: off
TOKENS: Final = (
    *(b"- ", b"? ", b": ", b"{", b"}", b"[", b"]", b",", b"#", b"&a ", b"*a", b"<<: *a\n", b"<<: [*a, *a]\n"),
    *(b"!!str ", b"!!float ", b"!x ", b"|\n", b">-\n", b"|2+\n", b"%YAML 1.2\n", b"%TAG ! x\n", b"---\n"),
    *(b"...\n", b"\t", b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"'", b'"', b'"\\x', b'"\\ud800"'),
    *(b'"\\U0010ffff"', b"null", b"~", b".nan", b"-.inf", b"1e-06", b"0x1f", b"0o7", b"1_000", b"12:30"),
    *(b"no", b"yes", b"\r", b"\r\n", b"\x00", b"\x07", b"\xff\xfe", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
    *(b"9" * 400, b"1e99999999999", b"[" * 90, b"{a: " * 90, b"- " * 200, b"a: &a [" + b"*b," * 30 + b"]\n"),
    *(b"&a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c]\n", b"x" * 5000, b"\n" * 300),
    *(b"{secret: HOUSE_KEY}", b"{env: X, hosts: [a]}", b"{file: ../x}", b"0.15 / 1M tokens"),
)
# fmt: on


@cache
def _config() -> LoadedConfig:
    return stage.project(edited=False).config


@cache
def _schema_words() -> frozenset[str]:
    """Every property that a schema knows."""
    found: set[str] = set()
    for schema in schemas().values():
        for part in (schema, *subtrees(schema)):
            if isinstance(part, dict) and isinstance(part.get("properties"), dict):
                found |= set(part["properties"])
    return frozenset(found)


def _texts(*patterns: str) -> list[bytes]:
    return [
        path.read_bytes()
        for pattern in patterns
        for path in sorted(stage.ROOT.glob(pattern))
        if path.name != "reconciler.yaml" or "configs" in pattern or pattern.endswith("reconciler.yaml")
    ]


class _Yaml:
    """What is common to targets of YAML: text with small changes, or a tree with some, as JSON or YAML."""

    name = ""

    def __init__(self) -> None:
        self._corpus: list[bytes] = []

    def corpus(self) -> Sequence[bytes]:
        raise NotImplementedError

    def start(self, seed: int) -> Callable[[Sequence[bytes]], bytes]:
        trees = [document.root for text in self.corpus() for document in parse(text, "corpus")[0]]
        words = {*_schema_words(), *(key for tree in trees for key in keys(tree))}
        mutator = Mutator(seed, words, [part for tree in trees for part in subtrees(tree)])
        random = mutator.random

        def make(kept: Sequence[bytes]) -> bytes:
            text = random.choice(kept if random.random() < 0.5 else self.corpus())
            if random.random() < 0.55:
                documents = [document.root for document in parse(text, "kept")[0]]
                found = [_json(mutator, mutator.tree(document)) for document in documents[:4]]
                text = b"\n---\n".join(each for each in found if each) or text
                if random.random() < 0.6:
                    return text[:200_000]
            return mutator.bytes(text, self.corpus(), TOKENS)

        return make


def _json(mutator: Mutator, tree: Any) -> bytes:
    """JSON is YAML."""
    try:
        text: str = simplejson.dumps(tree, use_decimal=True, indent=1, default=str)
    except (RecursionError, ValueError, TypeError):
        return b""
    return with_depth(text, mutator.random).encode()


def _say(problems: Sequence[Problem], data: bytes) -> str:
    """Mistakes as they are shown; their codes."""
    path = stage.folder() / "shown.yaml"
    path.write_bytes(data)
    source = SourceLines()
    moved = sorted(problems, key=Problem.sort_key)
    checks.shown(problems_text(moved, source))
    checks.failure(InputError(problems), source)
    if any(not problem.message or "Traceback" in problem.message for problem in problems):
        raise Broken("a mistake without words")
    return " ".join(sorted({problem.code for problem in problems}))


class Manifests(_Yaml):
    """A file of manifests, through loader and tables to a plan on empty registries."""

    name = "yaml"

    def corpus(self) -> Sequence[bytes]:
        if not self._corpus:
            found = _texts("examples/**/models/*.yaml", "tests/data/manifests/*/*.yaml")
            self._corpus = [*found, stage.MORE.encode()]
        return self._corpus

    def run(self, data: bytes) -> str:
        config = _config()
        documents, problems = parse(data, str(stage.folder() / "shown.yaml"))
        loaded = read_documents(config, documents)
        problems = [*problems, *but_for(problems, loaded.problems)]
        desired, more = desire_all(config, loaded)
        problems += but_for(problems, more)
        if problems:
            return _say(problems, data)
        observed = {name: Observation(name, (), 0.0) for name in config.value.registries}
        plan = make_plan(
            config,
            desired,
            observed,
            selection=Selection(),
            acknowledged=stage.project(edited=False).acknowledged,
        )
        return checks.plan(plan, config)


class Configs(_Yaml):
    """A file as reconciler.yaml, and as acknowledgements.yaml."""

    name = "config"

    def corpus(self) -> Sequence[bytes]:
        if not self._corpus:
            patterns = ("examples/*/reconciler.yaml", "tests/data/configs/*/*.yaml")
            found = _texts(*patterns, "tests/data/acknowledgements/*/*.yaml")
            self._corpus = [*found, stage.CONFIG.encode()]
        return self._corpus

    def run(self, data: bytes) -> str:
        path = stage.folder() / "shown.yaml"
        path.write_bytes(data)
        try:
            config = read_config(data, str(path), stage.folder())
        except InputError as error:
            told = _say(error.problems, data)
        else:
            told = "config"
            config.secret_rules()
            for name, entry in config.value.registries.items():
                config.credential(name)
                if entry.embedded:
                    config.database(name)
            desire_all(config, read_documents(config, _manifests()))
        try:
            entries = load_acknowledgements(path, str(path))
        except InputError as error:
            return f"{told} / {_say(error.problems, data)}"
        checks.shown(*entries.remarks())
        for entry, _ in entries.entries:
            entries.covers(entry.guard, entry.registry, entry.model, entry.digest)
        return f"{told} / acknowledged"


@cache
def _manifests() -> Sequence[Any]:
    """A few manifests, so that a configuration has something to be held against."""
    return parse(stage.MORE.encode(), "more.yaml")[0]


# fmt: off
CELLS: Final = (
    *(b",", b";", b"\t", b'"', b'""', b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf", b"\x00", b"\xff", b"=1+1"),
    b"0000-01",
    *(b"gpt-4o-mini", b"claude-haiku-4-5", b"orq", b"2026-10", b"2026-10-31", b"2026-13", b"9999-12"),
    *(b"1,000", b"1.000.000", b"1 000", b"1e6", b"-1", b"0", b"0.5", b"1.00", b"NaN", b"9" * 20, b"9" * 4000),
    *(b"0." + b"1" * 9, "١٢".encode(), "½".encode(), "\u00a0".encode(), "\u2028".encode(), b" ", b"\x1b[31m"),
    *(column.encode() for column in COLUMNS),
)
# fmt: on


class Usage:
    """A file of usage, beside a plan that changes prices."""

    name = "usage"

    def corpus(self) -> Sequence[bytes]:
        head = ",".join(COLUMNS)
        rows = [
            ",".join((model, month, registry, *(str(number * 1000) for number in range(len(COLUMNS) - 3))))
            for model in ("gpt-4o-mini", "claude-haiku-4-5", "mistral-small", "stranger")
            for month in ("2026-09", "2026-10-03")
            for registry in ("orq", "respan")
        ]
        return [
            "\n".join([head, *rows]).encode(),
            b"model,month,input_tokens,output_tokens\ngpt-4o-mini,2026-09,1000000000,5\nmistral-small,2026-10,7,7\n",
            b'model;month;input_tokens\r\n"gpt-4o-mini";2026-09-30;200000000,5\r\n',
            b"model\tmonth\tvideo_seconds\ngpt-4o-mini\t2026-10\t1.5\n",
            b'\xef\xbb\xbfModel,Month,Registry,Prompt tokens\n"a\nb",2026-10,orq,1\n',
        ]

    def start(self, seed: int) -> Callable[[Sequence[bytes]], bytes]:
        mutator = Mutator(seed)

        def make(kept: Sequence[bytes]) -> bytes:
            return mutator.bytes(mutator.random.choice(kept), kept, CELLS)

        return make

    def run(self, data: bytes) -> str:
        path = stage.folder() / "usage.csv"
        path.write_bytes(data)
        given = ("input_tokens=Prompt tokens",) if b"Prompt" in data else ()
        kinds = []
        for kind, (plan, registries) in _priced().items():
            try:
                usage = read_usage(path, str(path), columns=columns_of(given), registries=registries)
            except InputError as error:
                checks.failure(error, SourceLines())
                checks.shown(problems_text(error.problems, SourceLines()))
                return " ".join(sorted({problem.code for problem in error.problems}))
            costs = count_costs(plan, usage, {"gpt-4o-mini": ["orq", "respan"], "mistral-small": ["orq"]})
            checks.shown(
                costs_text(costs),
                plan_markdown(plan, costs, limit=COMMENT, command="reconciler plan"),
                render(plan_document(plan, ExitCode.OK, costs)),
            )
            reasons = {one.reason for part in costs.registries for one in part.unknown}
            kinds.append(f"{kind} {len(usage.months)} {len(costs.unmatched)} {sorted(reasons)}")
        return " / ".join(kinds)


@cache
def _priced() -> Mapping[str, tuple[Any, Any]]:
    """Plans that change prices, by kind."""
    return {
        kind: (stage.recorded(kind)["update"][1], _config().value.registries) for kind in ("orq", "respan")
    }
