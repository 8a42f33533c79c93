"""What a kind can do, read from its tables, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from house import observation
from orq_server import live_model

from reconciler.capabilities import FieldSupport, TableSupport, capabilities, of_row
from reconciler.manifests.portable import portable_paths
from reconciler.money import PER_1K_TOKENS, PER_1M_TOKENS
from reconciler.plan import Failure
from reconciler.registries.codecs import Flag, Money, SecretText, Text
from reconciler.registries.kind import Kind, Unsupported
from reconciler.registries.orq.kind import ORQ
from reconciler.registries.rows import Call, Clear, Echo, Identity, Path, Point, Row, Table
from reconciler.report.capabilities import LEGEND, cell, features, matrix_text, summary
from reconciler.report.registries import Held, RegistryState, registries_text

SENT = (Point(("x",)),)
ONCE = (Point(("x",), update=False),)
UNREAD = (Point(("x",), read=False),)


def row(**more: Any) -> Row:
    return Row(**{"codec": Text(), "points": SENT, **more})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (row(clear=Clear.NULL), "held"),
        (row(clear=Clear.EMPTY), "held"),
        (row(), "held, no null"),
        (row(codec=Flag(), absent=False), "held"),
        (row(demanded=True), "held, required, no null"),
        (row(demanded=True, default=lambda declared: declared.name), "held, no null"),
        (row(points=ONCE), "create only"),
        (row(points=ONCE, demanded=True), "create only, required"),
        (row(existing=True, clear=Clear.OMITTED), "held, once there"),
        (row(points=UNREAD, clear=Clear.NULL), "held, write-only"),
        (row(codec=SecretText(), points=UNREAD, echo=Echo.WRITE_ONLY), "held, write-only, no null"),
        (row(echo=Echo.MAYBE, clear=Clear.NULL), "held, where shown"),
        (row(echo=Echo.EFFECTIVE, clear=Clear.NULL), "held, inherited too"),
        (row(codec=Flag(), absent=False, one_way=True), "held, one way"),
        (row(codec=Money(PER_1K_TOKENS), clear=Clear.NULL), "USD / 1K tokens"),
        (row(codec=Money(PER_1M_TOKENS, "EUR"), points=ONCE), "EUR / 1M tokens, create only"),
    ],
)
def test_a_field_in_a_few_words(given: Row, words: str) -> None:
    found = cell(of_row(given))
    assert found == words
    assert all(word in LEGEND or " / " in word for word in found.split(", "))


def test_a_field_that_is_not_held() -> None:
    assert cell(FieldSupport("family")) == "–"


def table(variant: str, **more: Any) -> Table:
    given = {
        "kind": "acme",
        "variant": variant,
        "title": variant,
        "resource": "Model",
        "rows": (row(portable=("display_name",), native=(("title",),)),),
        "identity": Identity(("native", "acme", "id"), client_chosen=True),
        "create": Call("create", "POST", "/x"),
        "update": Call("update", "PUT", "/x/{id}", whole=True),
        **more,
    }
    return Table(**given)


def choose(resource: str, declared: Mapping[Path, Any]) -> Table | Unsupported:
    return Unsupported("no")


def kind(*tables: Table) -> Kind:
    return Kind("acme", "Acme", {each.variant: each for each in tables}, choose, "acme.client", 60)


def only(one: Table) -> TableSupport:
    [found] = capabilities(kind(one)).tables
    return found


def test_the_features_of_a_table() -> None:
    assert features(only(table("one"))) == {
        "holds": "models",
        "create": "yes",
        "update": "yes",
        "an update replaces whole": "everything",
        "on and off": "–",
        "named by": "the manifest",
        "refuses a second of one name": "yes",
        "tells who uses one": "no",
        "portable fields": "1",
        "native fields": "1",
    }


def test_the_features_of_a_table_of_the_vendors_objects() -> None:
    on = {True: Call("on", "POST", "/on"), False: Call("off", "POST", "/off")}
    vendors = table(
        "theirs",
        rows=(row(codec=Flag(), native=(("enabled",),), switch=on),),
        identity=Identity(("native", "acme", "id"), client_chosen=False, unique=False),
        create=None,
        update=on[True],
        vendors=True,
        called=lambda raw: [raw["id"]],
    )
    assert features(only(vendors)) == {
        "holds": "models of the vendor",
        "create": "no",
        "update": "no",
        "an update replaces whole": "–",
        "on and off": "native.acme.enabled",
        "named by": "the vendor",
        "refuses a second of one name": "no",
        "tells who uses one": "yes",
        "portable fields": "–",
        "native fields": "1",
    }
    assert list(summary(capabilities(kind(vendors)))) == [
        "theirs models: the vendor's, switched (native.acme.enabled)",
        "no providers",
    ]


def test_a_table_that_is_only_read() -> None:
    frozen = table("frozen", create=None, rows=(row(portable=("family",), points=ONCE),))
    [first, _] = summary(capabilities(kind(frozen)))
    fields = len(only(frozen).fields)
    assert first == f"frozen models: only read; 1 portable field (1 create only), {fields - 1} not held"


def test_a_variant_that_is_named_like_its_resource_is_not_said_twice() -> None:
    rows = tuple(row(portable=path) for path in portable_paths("Provider"))
    [line, _] = summary(capabilities(kind(table("provider", resource="Provider", rows=rows))))
    assert line == "providers: created, updated; 3 portable fields"


def test_each_resource_has_a_matrix_of_its_own() -> None:
    provider = table("house", resource="Provider", rows=(row(portable=("endpoint", "base_url")),))
    found = capabilities(kind(table("one"), provider))
    assert found.lacks == ()
    assert [field.path for field in found.tables[1].fields] == [
        "display_name",
        "endpoint.base_url",
        "endpoint.api_key",
    ]
    lines = matrix_text(found)
    models, providers = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert models[0].split() == ["one"]
    assert "display_name" in "\n".join(models)
    assert providers[0].split() == ["house"]
    assert providers[-3:] == [
        "display_name                  –",
        "endpoint.base_url             held, no null",
        "endpoint.api_key              –",
    ]


def test_tiers_stand_where_the_manifest_has_them_by_the_names_that_a_table_knows() -> None:
    tier = row(portable=("pricing", "tiers", "above_9k", "input"), codec=Money(PER_1M_TOKENS))
    paths = [field.path for field in only(table("one", rows=(tier,))).fields]
    start = paths.index("pricing.tiers.above_9k.input")
    assert paths[start - 1 : start + 5] == [
        "pricing.audio.output",
        "pricing.tiers.above_9k.input",
        "pricing.tiers.above_9k.output",
        "pricing.tiers.above_9k.cache_read",
        "pricing.tiers.above_9k.cache_write",
        "pricing.image",
    ]
    assert "tiers" not in " ".join(field.path for field in only(table("two")).fields)


# --- whose registry it is ---------------------------------------------------------------------------


def account(*changes: Mapping[str, Any]) -> str | None:
    return ORQ.account(observation([{**live_model(), **change} for change in changes]).objects)


@pytest.mark.parametrize(
    ("changes", "whose"),
    [
        ([], None),
        ([{"owner": "system", "refId": "openai/gpt-4o"}], None),
        ([{"owner": "w1", "refId": "acme@openai/gpt-4o"}], "workspace acme"),
        ([{"owner": "w1", "refId": "openai/gpt@4o"}], "workspace w1"),
        ([{"owner": "w1", "refId": None}], "workspace w1"),
        ([{"owner": "w1", "refId": "b@x/y"}, {"owner": "w1", "refId": "a@x/y"}], "workspace a, b"),
    ],
)
def test_the_workspace_of_orq_is_what_its_own_models_tell(
    changes: list[Mapping[str, Any]], whose: str | None
) -> None:
    assert account(*changes) == whose


# --- the command's text -----------------------------------------------------------------------------

STATE = RegistryState("prod", "acme", "Acme", "https://acme.example.com", 2)
KINDS = {"acme": capabilities(kind(table("one")))}


def test_a_registry_that_answers() -> None:
    held = (Held("Model", 1, 214), Held("Provider", 0, 0))
    text = registries_text([replace(STATE, held=held, account="team\x1b[31m")], KINDS)
    fields = len(KINDS["acme"].tables[0].fields)
    assert text.splitlines() == [
        "prod  (Acme, https://acme.example.com)",
        "  answers as team\\x1b[31m: 1 model and 0 providers of yours, 214 models built in;"
        " 2 manifests are for it",
        f"  one models: created, updated; 1 portable field, {fields - 1} not held",
        "  no providers",
    ]


def test_a_registry_that_does_not_answer_and_a_kind_of_a_plugin() -> None:
    kinds = {"acme": replace(KINDS["acme"], origin="acme-adapter 1.2")}
    lines = registries_text([replace(STATE, failure=Failure("unreachable", "no answer"))], kinds).splitlines()
    assert "error (unreachable): no answer" in lines[1]
    assert lines[2] == "  2 manifests are for it"
    assert lines[-1] == "  from acme-adapter 1.2"


def test_the_matrix_of_a_kind_is_printed_once_with_the_words_explained() -> None:
    states = [replace(STATE, name=name, held=()) for name in ("one", "two")]
    quiet, loud = (registries_text(states, KINDS, verbose=each) for each in (False, True))
    assert loud.startswith(quiet)
    assert "What kind acme" not in quiet
    assert loud.count("What kind acme does with each field") == 1
    assert all(f"{word}: {meaning}" in loud for word, meaning in LEGEND.items())
