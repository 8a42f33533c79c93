"""Each key of the reference page is sent, once, where the page has it, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.registries.rows import ABSENT, Path

from .cases import each
from .stand import Stand
from .subject import Variant
from .test_refusals import facts_of


def with_keys(variant: Variant) -> Mapping[str, frozenset[Path]]:
    keys = facts_of(variant).keys
    return {"": keys} if keys else {}


def at(body: Any, path: Path) -> Any:
    """What stands at a wire path; an item of a list goes by its number."""
    for step in path:
        if isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        elif isinstance(body, dict) and step in body:
            body = body[step]
        else:
            return ABSENT
    return body


def bodies(stand: Stand) -> Iterator[Any]:
    """The creates of a manifest with every field, and of one for each that cannot stand with all others."""
    specs = [stand.complete(), *(stand.minimal({path: stand.two(path)[0]}) for path in stand.facts.apart)]
    for number, spec in enumerate(specs):
        stand.door.forget()
        stand.write(spec, names=(f"model-{number}",))
        stand.assert_done(stand.apply())
        create = stand.door.writes[0]
        assert create.repeated == frozenset()
        yield create.body


@each("keys", with_keys)
def test_every_key_of_the_page_is_sent_once(stand: Stand, keys: frozenset[Path]) -> None:
    sent: set[Path] = set()
    holders = {path[:-1] for path in keys}
    for body in bodies(stand):
        sent |= {path for path in keys if at(body, path) is not ABSENT}
        for holder in holders:
            inside = at(body, holder)
            known = {path[-1] for path in keys if path[:-1] == holder}
            assert set(inside if isinstance(inside, dict) else ()) <= known
    assert sent == keys
