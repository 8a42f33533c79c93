"""Texts of manifests and registries on a screen: harmless, short, exact."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from reconciler.plan import Change, Shown
from reconciler.report.counting import counted
from reconciler.report.documents import render
from reconciler.report.masking import masked
from reconciler.report.safe import safe
from reconciler.report.values import change_text, value_text

from .conftest import Run
from .folder import Folder, manifest
from .live import Live

ESCAPES = "\x1b[31m\x9b2J\x07\u202e\u2028\u200b\x00\x85"


def value(text: object) -> Shown:
    return Shown("value", text)


def change(live: Shown, desired: Shown) -> str:
    return change_text(Change("path", live, desired, None, None, None))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain words", "plain words"),
        ("zażółć 模型 🚀", "zażółć 模型 🚀"),
        ("true", '"true"'),
        ("12", '"12"'),
        ("1.5 rounds", '"1.5 rounds"'),
        ("null", '"null"'),
        ("(unset)", '"(unset)"'),
        ("a -> b", '"a -> b"'),
        (" space", '" space"'),
        ("", '""'),
        ("two\nlines", r'"two\nlines"'),
        ("\x1b[2J", r'"\u001b[2J"'),
        ("\x9b2J", r'"\x9b2J"'),
        ("\ud800", r'"\ud800"'),
        (True, "true"),
        (12, "12"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
    ],
)
def test_a_value_is_told_from_every_other(given: object, shown: str) -> None:
    assert value_text(value(given)) == shown


def test_a_long_value_is_cut_and_a_long_change_shows_where_it_is() -> None:
    long = "x" * 5000
    assert value_text(value(long)) == "x" * 120 + "… (5000 characters)"
    before, after = f"{long}OLD{long}", f"{long}NEW{long}"
    edge = "…" + "x" * 20
    assert change(value(before), value(after)) == f"{edge}OLD{'x' * 20}… -> {edge}NEW{'x' * 20}…"
    assert change(Shown("unset"), value(long)) == f"(unset) -> {'x' * 120}… (5000 characters)"
    appended = change(value(long), value(long + "!"))
    assert appended == f"…{'x' * 20} -> …{'x' * 20}!"
    rewritten = change(value("a" * 300), value("b" * 300))
    assert rewritten == f"{'a' * 120}… (300 characters) -> {'b' * 120}… (300 characters)"


def price(amount: str, per: str, currency: str = "USD") -> Shown:
    return Shown("price", {"amount": Decimal(amount), "currency": currency, "per": per})


def test_a_price_has_its_unit_once_where_both_have_the_same() -> None:
    assert change(price("2", "1M tokens"), price("3", "1M tokens")) == "2 -> 3 USD / 1M tokens (+50%)"
    assert change(price("2", "1M tokens"), price("2", "image")) == "2 USD / 1M tokens -> 2 USD / image"
    assert change(price("2", "image"), price("2", "image", "EUR")) == "2 USD / image -> 2 EUR / image"


def test_every_change_that_is_no_equality_reads_as_one() -> None:
    assert change(value("1"), value(1)) == '"1" -> 1'
    assert change(value("true"), value(True)) == '"true" -> true'
    assert change(Shown("unset"), value("(unset)")) == '(unset) -> "(unset)"'


def test_what_a_terminal_could_obey_is_written_out() -> None:
    assert safe(ESCAPES + "\ud800") == r"\x1b[31m\x9b2J\x07\u202e\u2028\u200b\x00\x85\ud800"
    assert safe("a\u00e9模🚀") == "aé模🚀"


def test_a_document_holds_nothing_that_a_terminal_could_obey_and_reads_back() -> None:
    text = render({"text": ESCAPES + "é\U000e0041"})
    assert json.loads(text) == {"text": ESCAPES + "é\U000e0041"}
    assert "é" in text
    assert text.replace("\n", "").isprintable()
    assert json.loads(render({"half": "\ud800"})) == {"half": "\ufffd"}


@pytest.mark.parametrize(("number", "text"), [(0, "0 dogs"), (1, "1 dog"), (2, "2 dogs")])
def test_counts(number: int, text: str) -> None:
    assert counted(number, "dog", "dogs") == text


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ("limits: {max_output_tokens: 12}", "limits: {max_output_tokens: 12}"),
        ("a:\n  api_key: x\n  b: y", "a:\n  api_key: …\n  b: y"),
        ("a:\n  api_key:\n    x\n    y\n  b: y", "a:\n  api_key:\n    …\n    …\n  b: y"),
        ("- token: |\n    x\n\n    y\n  b: y", "- token: …\n    …\n\n    …\n  b: y"),
        ("api_key:\n- x\n- y\nb: y", "api_key:\n…\n…\nb: y"),
        ('{"secret":\n"x"}\nb: y', '{"secret":\n…\nb: y'),
        ("password: 'x\ny'\nb: y", "password: …\n…\nb: y"),
        ("url: https://me:pw@host/x", "url: https://…@host/x"),
        ("monkey business: 1", "monkey business: 1"),
    ],
)
def test_lines_are_masked_where_a_key_is_named_like_a_secret(lines: str, shown: str) -> None:
    assert "\n".join(masked(lines.split("\n"))) == shown


def test_masking_a_long_line_takes_no_time() -> None:
    assert list(masked(["a" * 500_000, "key" * 100_000])) == ["a" * 500_000, "key" * 100_000]


def hostile(live: Live, models: list[dict[str, Any]]) -> None:
    """The registry shows a model of ours whose names hold terminal codes and half a character."""
    template = next(model for model in models if model["owner"] != "system")
    named = {**template, "id": f"x{ESCAPES}", "display_name": f"{ESCAPES}\ud800", "model_id": f"{ESCAPES}"}
    changed = {**template, "display_name": f"half \ud800 {ESCAPES}"}
    data = json.dumps([named, changed]).encode()
    live.answer = lambda seen: None if seen.writes else (200, data)


@pytest.mark.parametrize("line", ["plan -v", "apply --yes -v", "registries"])
def test_live_texts_are_shown_harmlessly(
    folder: Folder, cli: Run, serve: Callable[..., Live], line: str
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a", more="  display_name: Name"))
    assert cli("apply", "--yes").code == 0
    hostile(live, live.models())
    for words in ([], ["-o", "json"]):
        result = cli(*line.split(), *words)
        assert "bug" not in result.err
        shown = (result.out + result.err).replace("\n", "")
        assert shown.isprintable()
        assert not words or result.document["kind"]
        if line == "plan -v" and not words:
            assert r"\x1b[31m" in result.out
            assert r"half \ud800" in result.out


def test_texts_of_manifests_and_words_of_the_command_line_are_shown_harmlessly(
    folder: Folder, cli: Run
) -> None:
    folder.models(manifest("a", more='  display_name: "\\e[31m\\x9b2J"'))
    assert r'display_name: "\u001b[31m\x9b2J"' in cli("plan").out
    folder.models(manifest("a", more='  tier: "\\e[31m"\n  provider: "\\e[31m"'))
    words = [
        "pl\x1b[31man",
        "-\x9b2J",
        "plan --only \x1b[31m\udcff",
        "plan --registry \udcff",
        "plan --x\x1b",
    ]
    for line in ("validate", *words):
        for more in ([], ["-o", "json"]):
            result = cli(*line.split(" "), *more)
            assert result.code == 1
            assert (result.out + result.err).replace("\n", "").isprintable()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_encoding_of_a_terminal_ends_a_run(
    folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    folder.models(manifest("a", more="  display_name: 模型"))
    for words, wanted in (([], encoding), (["-o", "json"], "utf-8")):
        buffer = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
        assert cli("plan", *words).code == 0
        text = buffer.getvalue().decode(wanted)
        assert ("模型" in text) is (wanted == "utf-8")
        assert not words or json.loads(text)["kind"] == "Plan"


def test_a_pipe_among_the_manifests_does_not_hang(folder: Folder, cli: Run) -> None:
    import os

    os.mkfifo(folder.path / "models" / "pipe.yaml")
    result = cli("validate")
    assert result.code == 1
    assert "models/pipe.yaml: 'models/pipe.yaml' is a pipe" in result.err


def test_a_mistake_is_shown_with_its_line_and_a_caret(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a", more="  display_nam: Name"))
    result = cli("validate")
    assert "models/models.yaml:11:3: spec has no field 'display_nam'" in result.err
    assert "  11 |   display_nam: …\n     |   ^\n    did you mean 'display_name'?\n" in result.err
    assert result.err.endswith("error: 1 problem in the input files\n")
    [problem] = cli("validate", "-o", "json").document["problems"]
    assert (problem["line"], problem["column"], problem["source"]) == (11, 3, "  display_nam: …")


def test_names_are_cut_in_a_large_plan(folder: Folder, cli: Run) -> None:
    folder.models(
        manifest("bare"), *(manifest(f"m{number}", more="  description: x") for number in range(100))
    )
    out = cli("plan").out
    assert "not held: description (m0, m1, m2, m3, m4, m5, m6, m7 and 92 more)" in out
    assert "Plan: 101 to create, 0 to update, 0 unchanged." in out


def test_what_is_refused_stands_last(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a").replace("USD", "EUR"), manifest("b"))
    out = cli("plan").out
    assert out.index("+ b") < out.index("! a") < out.index("Plan: 1 to create")


def test_a_mistake_in_the_acknowledgements_is_shown_where_it_is(folder: Folder) -> None:
    folder.models(manifest("a"))
    head = "apiVersion: reconciler/v1\nkind: Acknowledgements\n"
    (folder.path / "acknowledgements.yaml").write_text(f"{head}acknowledgements: {{}}\n", encoding="utf-8")
    result = folder.process("validate")
    assert result.code == 1
    assert result.err.startswith("acknowledgements.yaml:3:19: must be a list\n  3 | acknowledgements: {}\n")


def test_an_empty_folder_of_manifests_is_remarked_on(folder: Folder) -> None:
    (folder.path / "models").mkdir(exist_ok=True)
    (folder.path / "models" / "models.yaml").write_text("", encoding="utf-8")
    result = folder.process("validate")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("note: models holds no manifest\n")


def test_no_text_of_a_manifest_is_a_command_of_a_job_log(folder: Folder, cli: Run) -> None:
    text = manifest("a", more='  display_name: "##[error file=a]Approved"').replace(
        "family: gpt-4o", 'family: "::add-mask::pricing"'
    )
    folder.models(text)
    for words in (["plan"], ["plan", "-o", "markdown"], ["apply", "--yes"]):
        out = cli(*words).out
        assert "#\\x23[error file=a]Approved" in out
        assert "##[" not in out
        assert not any(line.strip().startswith("::") for line in out.splitlines())
