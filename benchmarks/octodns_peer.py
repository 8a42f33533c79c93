"""octoDNS on as many records with as many bytes of YAML: ``python -m benchmarks.octodns_peer FOLDER COUNT``.

octoDNS is the nearest tool in Python that plans from YAML: it reads what shall be, reads what is, compares,
and shows. Here both sides are its own YAML provider, so no call is made, and one zone file holds each. A
record is a manifest: a TXT record that holds its text in strings of 200 bytes, filled up to as many bytes of
YAML. That is kind to octoDNS, which takes twice as long where each line is a string of its own. With
``--small`` a record is one address.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.manifests import HEAD, manifest
from benchmarks.models import Model, models

VERSION: Final = "1.22.0"

_STRING: Final = 200
_AROUND: Final = len('  - ""\n')

_CONFIG: Final = """\
providers:
  config:
    class: octodns.provider.yaml.YamlProvider
    directory: {folder}/wanted
    default_ttl: 3600
    enforce_order: false
  live:
    class: octodns.provider.yaml.YamlProvider
    directory: {folder}/{live}
    default_ttl: 3600
    enforce_order: false
zones:
  example.com.:
    sources: [config]
    targets: [live]
"""


def write(folder: Path, count: int, changed: int, *, small: bool = False) -> None:
    """Writes two configurations: `same.yaml`, and `changed.yaml`, for which ``changed`` records differ."""
    for name, differing in (("wanted", 0), ("live", 0), ("other", changed)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = "".join(_records(count, differing, small=small))
        (folder / name / "example.com.yaml").write_text("---\n" + text)
    for config, live in (("same.yaml", "live"), ("changed.yaml", "other")):
        (folder / config).write_text(_CONFIG.format(folder=folder.absolute(), live=live))


def _records(count: int, changed: int, *, small: bool) -> Iterator[str]:
    step = count // changed if changed else 0
    for model in models(count):
        is_other = bool(step) and model.index % step == 0 and model.index // step < changed
        yield (_small if small else _large)(model, is_other=is_other)


def _small(model: Model, *, is_other: bool) -> str:
    return f"m{model.index:06d}:\n  type: A\n  value: 10.0.{int(is_other)}.1\n"


def _large(model: Model, *, is_other: bool) -> str:
    """The text of the manifest in strings of 200 bytes, and what is missing to its size in one more."""
    text = HEAD + manifest(model)
    joined = " ".join(text.split()).replace('"', "'").replace(";", ",")
    values = [joined[start : start + _STRING] for start in range(0, len(joined), _STRING)]
    head = f"m{model.index:06d}:\n  type: TXT\n  values:\n"
    note = f"{'was' if is_other else 'now'} {model.index} "
    missing = len(text) - len(head) - sum(len(value) + _AROUND for value in values) - _AROUND
    values.append(note.ljust(max(missing, len(note)), "."))
    return head + "".join(f'  - "{value}"\n' for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.octodns_peer", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--changed", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="one address a record")
    given = parser.parse_args()
    write(given.folder, given.count, given.changed, small=given.small)


if __name__ == "__main__":
    main()
