"""The least that a tool of this kind must do: ``python -m benchmarks.floor plan FOLDER URL KIND``.

Reads the same bytes, parses them with libyaml into trees that keep what a good message and an exact price
need (line and column of every key and value, the scalars of YAML 1.2, Decimal), fetches and decodes the same
pages, and compares as many documents with ``==``. No checks, no units, no words, no report. What it compares
with is decoded a second time, and that is taken out of its time. Collection of garbage is off.

With two processes, the second one is forked when the pages are decoded, parses and compares its half, and
sends nothing back but how many were equal.

Says its own times as one line of JSON.
"""

from __future__ import annotations

import argparse
import gc
import http.client
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from yaml._yaml import CParser
from yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from yaml.nodes import MappingNode, ScalarNode

_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+").fullmatch
_FRACTION: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?").fullmatch


class _Scalars(dict[str, Any]):
    """What an unquoted text means in YAML 1.2; each text is worked out once."""

    def __missing__(self, text: str) -> Any:
        if _INTEGER(text):
            value: Any = int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
        elif _FRACTION(text):
            value = Decimal(text)
        else:
            words = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None}
            value = words.get(text, None if text == "" else text)
        self[text] = value
        return value


_SCALARS: Final = _Scalars()


class Map(dict[str, Any]):
    """A mapping, and where its keys and values start, in turns."""

    __slots__ = ("marks",)
    marks: list[Any]


class Seq(list[Any]):
    """A list, and where its items start."""

    __slots__ = ("marks",)
    marks: list[Any]


def from_events(data: bytes) -> list[Any]:
    """The documents of ``data`` from libyaml's events."""
    read: Any = CParser(data).get_event
    read()
    documents = []
    while type(read()) is DocumentStartEvent:
        documents.append(_built(read, read()))
        read()
    return documents


def _built(read: Callable[[], Any], event: Any) -> Any:
    kind = type(event)
    if kind is ScalarEvent:
        return event.value if event.style else _SCALARS[event.value]
    if kind is MappingStartEvent:
        return _map(read)
    items, marks = Seq(), []
    while type(event := read()) is not SequenceEndEvent:
        marks.append(event.start_mark)
        items.append(_built(read, event))
    items.marks = marks
    return items


def _map(read: Callable[[], Any]) -> Map:
    scalars = _SCALARS
    built = Map()
    marks: list[Any] = []
    while type(key := read()) is not MappingEndEvent:
        event = read()
        marks += (key.start_mark, event.start_mark)
        if type(event) is ScalarEvent:
            built[key.value] = event.value if event.style else scalars[event.value]
        else:
            built[key.value] = _built(read, event)
    built.marks = marks
    return built


class _Composer(CParser):
    """libyaml's own composer, which asks for tags that nobody needs here."""

    def resolve(self, _kind: Any, _value: Any, _implicit: Any) -> None:
        return None

    def descend_resolver(self, _current_node: Any, _current_index: Any) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


def from_nodes(data: bytes) -> list[Any]:
    """The documents of ``data`` from the nodes that libyaml's binding composes."""
    composer: Any = _Composer(data)
    documents = []
    while composer.check_node():
        documents.append(_of_node(composer.get_node()))
    return documents


def _of_node(node: Any) -> Any:
    if type(node) is ScalarNode:
        return node.value if node.style else _SCALARS[node.value]
    marks: list[Any] = []
    if type(node) is MappingNode:
        built = Map()
        for key, value in node.value:
            marks += (key.start_mark, value.start_mark)
            if type(value) is ScalarNode:
                built[key.value] = value.value if value.style else _SCALARS[value.value]
            else:
                built[key.value] = _of_node(value)
        built.marks = marks
        return built
    items = Seq(map(_of_node, node.value))
    items.marks = [item.start_mark for item in node.value]
    return items


PARSERS: Final = {"events": from_events, "nodes": from_nodes}


def files(folder: str) -> list[str]:
    """Every manifest of the folder."""
    found: list[str] = []
    waiting = [f"{folder}/models"]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".yaml"):
                    found.append(entry.path)
                elif entry.is_dir():
                    waiting.append(entry.path)
    return sorted(found)


def read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def pages(url: str, kind: str) -> Iterator[bytes]:
    """The same pages that a plan fetches."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    headers = {"Authorization": "Bearer x"}

    def ask(method: str, path: str, body: bytes | None = None) -> bytes:
        connection.request(method, path, body, headers)
        return connection.getresponse().read()

    if kind == "orq":
        yield ask("GET", "/v2/models")
        ask("GET", "/v2/deployments?limit=50")
        return
    ask("GET", "/api/providers/?page=1&page_size=100")
    number, more = 1, True
    while more:
        page = ask("POST", f"/api/models/list/?page={number}&page_size=100", b'{"filters": {}}')
        more = b'"next":null' not in page[:200]
        number += 1
        yield page


def decode(body: bytes) -> list[Any]:
    data = json.loads(body, parse_float=Decimal)
    return data if isinstance(data, list) else data["results"]


def plan(folder: str, url: str, kind: str, *, parser: str, processes: int) -> dict[str, float]:
    """Does it, and gives seconds by step. ``excluded`` and ``excluded_cpu`` are no part of it."""
    clock = time.perf_counter
    took: dict[str, float] = {}
    began = clock()
    bodies = list(pages(url, kind))
    took["fetch"] = clock() - began
    began = clock()
    live = [document for body in bodies for document in decode(body)]
    took["decode"] = clock() - began
    began, cpu = clock(), time.process_time()
    wanted = [document for body in bodies for document in decode(body)]
    took["excluded"], took["excluded_cpu"] = clock() - began, time.process_time() - cpu
    began = clock()
    paths = files(folder)
    half = len(paths) // processes
    child = os.fork() if processes == 2 else None
    if child == 0:
        equal = _work(paths[:half], live[: len(live) // 2], wanted[: len(live) // 2], PARSERS[parser])
        os._exit(0 if equal else 1)
    mine = slice(half if child else 0, None), slice(len(live) // 2 if child else 0, None)
    equal = _work(paths[mine[0]], live[mine[1]], wanted[mine[1]], PARSERS[parser])
    if child:
        _, status = os.waitpid(child, 0)
        equal = equal and status == 0
    took["parse and compare"] = clock() - began
    if not equal:
        sys.exit("floor: not equal")
    return took


def _work(
    paths: Sequence[str], live: list[Any], wanted: list[Any], parse: Callable[[bytes], list[Any]]
) -> bool:
    trees = [parse(read(path)) for path in paths]
    return len(trees) == len(paths) and live == wanted


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("url")
    parser.add_argument("kind", choices=["orq", "respan"])
    parser.add_argument("--parser", choices=sorted(PARSERS), default="events")
    parser.add_argument("--processes", type=int, choices=[1, 2], default=1)
    given = parser.parse_args()
    gc.disable()
    took = plan(given.folder, given.url, given.kind, parser=given.parser, processes=given.processes)
    print(json.dumps(took), flush=True)
    os._exit(0)  # without taking the trees apart


if __name__ == "__main__":
    main()
