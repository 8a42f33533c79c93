"""A folder of manifests: ``python -m benchmarks.manifests FOLDER COUNT [--per-file K] [--url URL]``.

Deterministic: the same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.models import Model, Value, models

TOKEN: Final = "BENCH_TOKEN"
"""The environment variable that holds the token; any text will do."""

IN_FLIGHT: Final = 32

HEAD: Final = "# yaml-language-server: $schema=../../../../schemas/model.schema.json\n"
_UNITS: Final = {"image": " / image", "search": " / 1K searches"}

CONFIG: Final = """\
apiVersion: reconciler/v1
kind: Config
manifests: models/
default_registries: [target]
registries:
  target: {registry}
"""


def server_entry(kind: str, url: str) -> str:
    """The entry of a registry that is a server on this machine, without a pace."""
    common = f"requests_per_minute: 600000, concurrency: {IN_FLIGHT}"
    return f"{{kind: {kind}, url: {url}, token: {{env: {TOKEN}}}, {common}}}"


def manifest(model: Model) -> str:
    """One manifest, in the style of examples/catalog, without the line that names its schema."""
    return "".join(f"{line}\n" for line in _lines(model))


def _lines(model: Model) -> Iterator[str]:
    yield "apiVersion: reconciler/v1"
    yield "kind: Model"
    yield f"metadata: {{name: {model.name}, labels: {{team: {model.team}, tier: {model.tier}}}}}"
    yield "spec:"
    yield f"  display_name: {model.display_name}"
    if model.description is not None:
        yield f"  description: {model.description}"
    yield f"  type: {model.type}"
    yield f"  developer: {model.developer}"
    yield f"  family: {model.family}"
    yield f"  provider: {model.provider}"
    yield f"  model: {model.model}"
    if model.limits:
        yield f"  limits: {_inline(model.limits)}"
    yield from _pricing(model.prices)
    if model.capabilities:
        yield "  capabilities:"
        yield from (f"    {key}: {_scalar(value)}" for key, value in model.capabilities.items())
    yield "  native:"
    yield f"    respan: {{custom_provider_id: {model.provider}}}"
    yield "    orq:"
    yield "      metadata:  # keys that only this kind of registry has, by its own names"
    yield from (f"        {key}: {_scalar(value)}" for key, value in model.metadata.items())


def _pricing(prices: Mapping[str, Decimal]) -> Iterator[str]:
    yield "  pricing:"
    if "image" not in prices:
        yield "    unit: 1M tokens"
    yield "    currency: USD"
    groups: dict[str, dict[str, Decimal]] = {}
    for path, price in prices.items():
        above, _, name = path.rpartition(".")
        groups.setdefault(above, {})[name] = price
    for above, group in groups.items():
        if above == "":
            for name, price in group.items():
                yield f"    {name}: {plain(price)}{_UNITS.get(name, '')}"
        elif "." in above:
            first, _, last = above.partition(".")
            yield f"    {first}:"
            yield f"      {last}: {_inline(group)}"
        else:
            yield f"    {above}: {_inline(group)}"


def _inline(values: Mapping[str, Value | Decimal]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in values.items()) + "}"


def _scalar(value: Value | Decimal) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, str) and value[0].isdigit():
        return f'"{value}"'
    return str(value)


def plain(price: Decimal) -> str:
    """A price as people write it: at least two digits after the point, none that are zero after that."""
    whole, _, fraction = f"{price:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def write(folder: Path, count: int, per_file: int, registry: str) -> None:
    """Writes reconciler.yaml and ``count`` manifests, ``per_file`` in a file, a folder for each thousand."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reconciler.yaml").write_text(CONFIG.format(registry=registry))
    (folder / "models").mkdir(exist_ok=True)
    wanted = models(count)
    while some := list(islice(wanted, per_file)):
        first = some[0]
        below = folder / "models" / f"{first.index // 1000:03d}"
        below.mkdir(exist_ok=True)
        name = first.name if per_file == 1 else f"models-{first.index:06d}"
        text = "\n---\n".join(HEAD + manifest(one) for one in some)
        (below / f"{name}.yaml").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.manifests", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--per-file", type=int, default=1)
    parser.add_argument("--kind", choices=["orq", "respan"], default="orq")
    parser.add_argument("--url", help="a server on this machine; without it, an embedded registry")
    given = parser.parse_args()
    embedded = f"{{kind: {given.kind}, embedded: .reconciler/registry.db}}"
    registry = server_entry(given.kind, given.url) if given.url else embedded
    write(given.folder, given.count, given.per_file, registry)


if __name__ == "__main__":
    main()
