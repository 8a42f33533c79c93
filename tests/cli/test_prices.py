"""`reconciler prices` and `reconciler new`, over the snapshot that genai-prices ships."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from published import published

from .conftest import Run
from .folder import Folder, Result
from .test_startup import HEAVY, loaded

ROOT = Path(__file__).parents[2]
SCHEMA = Draft202012Validator(published("price-check.schema.json"))
HEAD = "Compared with genai-prices 0.2.3, prices of 2026-11-10."


def manifest(
    name: str = "mini",
    pricing: str = "input: 0.15, output: 0.60",
    *,
    model: str = "gpt-4o-mini",
    more: str = "",
) -> str:
    return (
        f"apiVersion: reconciler/v1\nkind: Model\nmetadata: {{name: {name}}}\nspec:\n"
        f"  provider: openai\n  model: {model}\n"
        f"  pricing: {{unit: 1M tokens, currency: USD, {pricing}}}\n{more}"
    )


def document(cli: Run, *words: str) -> dict[str, Any]:
    result = cli("prices", "check", "-o", "json", *words)
    assert [error.message for error in SCHEMA.iter_errors(result.document)] == []
    assert result.document["exit_code"] == result.code
    return result.document


# --- check -------------------------------------------------------------------------------------------


def test_what_agrees_what_differs_and_what_is_unknown(folder: Folder, cli: Run) -> None:
    folder.models(
        manifest(),
        manifest("dear", "input: 0.30, output: 0.60, cache_write: 1"),
        manifest("ours", model="house-llama"),
        manifest("plus", "input: 0.20, compare: {markup: 10%, tolerance: 1%}"),
        manifest("less", "input: 0.15, compare: {markup: '-10%'}"),
        "apiVersion: reconciler/v1\nkind: Model\nmetadata: {name: free}\nspec: {type: chat}\n",
    )
    result = cli("prices", "check")
    assert result.code == 0
    assert result.out.splitlines() == [
        HEAD,
        "",
        "mini for sandbox: 2 agree, openai/gpt-4o-mini",
        "dear for sandbox: 1 agree, 1 differ, 1 unknown, openai/gpt-4o-mini",
        "  models/models.yaml:15:52: pricing.input: 0.30 here, 0.15 in openai/gpt-4o-mini (-50%)",
        "  models/models.yaml:15:85: pricing.cache_write: unknown, "
        "openai/gpt-4o-mini has no price of that kind",
        "ours for sandbox: unknown, no entry of openai matches 'house-llama'",
        "plus for sandbox: 1 differ, openai/gpt-4o-mini (+ 10%, within 1%)",
        "  models/models.yaml:31:52: pricing.input: 0.20 here, 0.165 expected: "
        "0.15 in openai/gpt-4o-mini + 10% (-18%)",
        "less for sandbox: 1 differ, openai/gpt-4o-mini (- 10%)",
        "  models/models.yaml:39:52: pricing.input: 0.15 here, 0.135 expected: "
        "0.15 in openai/gpt-4o-mini - 10% (-10%)",
        "",
        "Prices: 5 models: 1 agree, 3 differ, 1 unknown. 1 without prices.",
    ]


def test_another_unit_than_the_usual_one_is_named(folder: Folder, cli: Run) -> None:
    folder.models(manifest(pricing="search: 0.02 / search"))
    assert (
        "pricing.search: 0.02 USD / search here, 0.01 in openai/gpt-4o-mini (-50%)"
        in cli("prices", "check").out
    )


def test_an_override_names_its_registries(folder: Folder, cli: Run) -> None:
    folder.registries(one="embedded: one.db", two="embedded: two.db", three="embedded: three.db")
    override = "  registries: [one, two, three]\n  overrides: {two: {pricing: {input: 0.20}}}\n"
    folder.models(manifest(more=override))
    lines = cli("prices", "check").out.splitlines()
    assert "mini for one, three: 2 agree, openai/gpt-4o-mini" in lines
    assert "mini for two: 1 agree, 1 differ, openai/gpt-4o-mini" in lines
    assert lines[-1] == "Prices: 1 model in 2 sets of prices: 1 agree, 1 differ."


def test_the_exit_code_tells_differences_only_where_asked_for(folder: Folder, cli: Run) -> None:
    folder.models(manifest(), manifest("ours", model="house-llama"))
    assert cli("prices", "check", "--exit-code").code == 0
    folder.edit("input: 0.15, output: 0.60}\n---", "input: 0.16, output: 0.60}\n---")
    assert cli("prices", "check").code == 0
    assert cli("prices", "check", "--exit-code").code == 2
    assert cli("prices", "check", "--exit-code", "ours").code == 0


def test_the_document(folder: Folder, cli: Run) -> None:
    folder.models(manifest(pricing="input: 0.30, image: 1 / image"), manifest("ours", model="house-llama"))
    found = document(cli, "--exit-code")
    assert (found["kind"], found["exit_code"]) == ("PriceCheck", 2)
    assert (found["package"], found["version"], found["day"]) == ("genai-prices", "0.2.3", "2026-11-10")
    mini, ours = found["checked"]
    assert (mini["entry"], mini["verdict"], mini["registries"]) == (
        "openai/gpt-4o-mini",
        "differs",
        ["sandbox"],
    )
    assert mini["rows"][0] == {
        "path": "pricing.input",
        "verdict": "differs",
        "declared": "0.30",
        "unit": "USD / 1M tokens",
        "place": {"file": "models/models.yaml", "line": 7, "column": 52},
        "listed": "0.15",
        "expected": "0.15",
        "change": "-50%",
        "reason": None,
    }
    assert mini["rows"][1]["verdict"] == "unknown"
    assert (ours["entry"], ours["verdict"], ours["rows"]) == (None, "unknown", [])
    assert cli("prices", "check", "-o", "json").out == cli("prices", "check", "-o", "json").out


def test_annotations_of_a_workflow(folder: Folder, cli: Run) -> None:
    folder.models(
        manifest(pricing="input: 0.30, output: 0.60, image: 1 / image"), manifest("ours", model="house-llama")
    )
    result = cli("prices", "check", "-o", "github", "--exit-code")
    assert result.code == 2
    assert result.out.splitlines() == [
        "::warning file=models/models.yaml,line=7,col=52,title=Public prices::mini for sandbox: "
        "pricing.input: 0.30 here, 0.15 in openai/gpt-4o-mini (-50%25)",
        "::notice file=models/models.yaml,line=7,col=79,title=Public prices::mini for sandbox: "
        "pricing.image: unknown, openai/gpt-4o-mini has no price of that kind",
        "::notice file=models/models.yaml,line=15,col=52,title=Public prices::ours for sandbox: "
        "pricing: unknown, no entry of openai matches 'house-llama'",
    ]
    folder.models(manifest())
    assert cli("prices", "check", "-o", "github").out == ""


def test_an_odd_file_name_cannot_end_an_annotation_early(folder: Folder, cli: Run) -> None:
    (folder.path / "models" / "a,b::c.yaml").write_text(manifest(pricing="input: 1"))
    assert "file=models/a%2Cb%3A%3Ac.yaml,line=7," in cli("prices", "check", "-o", "github").out


def test_the_prices_of_another_day(folder: Folder, cli: Run) -> None:
    text = manifest(pricing="input: 0.75", model="gemini-3.8-flash").replace("openai", "gemini")
    folder.models(text)
    assert cli("prices", "check", "--exit-code").code == 0
    result = cli("prices", "check", "--exit-code", "--date", "2027-01-01")
    assert result.code == 2
    assert "prices of 2027-01-01." in result.out
    assert "0.75 here, 1.50 in google/gemini-3.8-flash (+100%)" in result.out


def test_mistakes_end_with_one(folder: Folder, cli: Run) -> None:
    folder.models(manifest(pricing="input: 0.15, compare: {catalogue: openai/gpt-4o-mimi}"))
    result = cli("prices", "check")
    assert result.code == 1
    assert "models/models.yaml:7:79: the catalogue has no 'gpt-4o-mimi' at openai" in result.err
    assert "did you mean 'gpt-4o-mini'?" in result.err
    assert cli("prices", "check", "nobody").code == 1
    assert "did you mean 'check'?" in cli("prices", "chek").err
    assert cli("prices", "chek", "-o", "json").document["error"]["code"] == "usage"


WITHOUT = "import sys; sys.modules['genai_prices'] = None; from reconciler.cli.app import run; "


@pytest.mark.parametrize(
    "words", [("prices", "check"), ("prices", "show", "gpt-4o"), ("new", "x", "--from", "openai/gpt-4o")]
)
def test_without_the_extra(folder: Folder, words: tuple[str, ...]) -> None:
    folder.models(manifest())
    program = f"{WITHOUT} sys.exit(run({list(words)}))"
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert process.returncode == 1
    assert process.stderr.splitlines() == [
        "error: the public prices come with an optional package, genai-prices, which is not installed",
        "  pip install 'model-reconciler[prices]'",
    ]
    assert sorted(path.name for path in Path("models").iterdir()) == ["models.yaml"]


@pytest.mark.parametrize(
    "words", [("--help",), ("prices", "--help"), ("prices", "check", "--help"), ("prices",)]
)
def test_help_loads_no_catalogue(folder: Folder, words: tuple[str, ...]) -> None:
    assert loaded(folder, (*HEAVY, "genai_prices", "pydantic"), *words) == "code 0, loaded []"


def test_validate_and_plan_need_no_catalogue(folder: Folder) -> None:
    folder.models(manifest(pricing="input: 0.15, compare: {catalogue: openai/gone, markup: 10%}"))
    assert loaded(folder, ("genai_prices",), "validate") == "code 0, loaded []"
    assert loaded(folder, ("genai_prices",), "plan").endswith("loaded []")


def test_compare_is_neither_sent_nor_not_held(folder: Folder, cli: Run) -> None:
    more = "  type: chat\n  developer: OpenAI\n  family: gpt-4o\n"
    folder.models(manifest(pricing="input: 0.15, output: 0.60, compare: {markup: 10%}", more=more))
    assert "compare" not in cli("plan", "-v").out
    assert cli("apply", "--yes").code == 0
    assert cli("plan", "--exit-code").code == 0
    folder.edit("markup: 10%", "markup: 20%")
    assert cli("plan", "--exit-code").code == 0


# --- show --------------------------------------------------------------------------------------------


def test_an_entry_is_shown_as_it_stands_in_a_manifest(cli: Run) -> None:
    result = cli("prices", "show", "openai/gpt-5.6-sol")
    assert result.code == 0
    assert result.out.splitlines() == [
        "  # openai/gpt-5.6-sol in genai-prices 0.2.3, prices of 2026-11-10",
        "  pricing:",
        "    unit: 1M tokens",
        "    currency: USD",
        "    input: 4.00",
        "    output: 20.00",
        "    cache_read: 0.40",
        "    cache_write: 5.00",
        "    search: 10.00 / 1K searches",
        "    tiers:",
        "      above_272k: {input: 8.00, output: 30.00, cache_read: 0.80, cache_write: 10.00}",
        "    batch: {input: 2.00, output: 10.00}",
        "  # no field for storage_searches_kcount 2.5",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "openai/gpt-5.6-sol",
        "anthropic/claude-opus-5-5",
        "google/gemini-embedding-2",
        "deepseek/deepseek-v4-pro",
    ],
)
def test_what_is_shown_can_be_pasted_and_agrees(folder: Folder, cli: Run, entry: str) -> None:
    shown = cli("prices", "show", entry).out
    word, _, model = entry.partition("/")
    word = {"google": "gemini"}.get(word, word)
    head = "apiVersion: reconciler/v1\nkind: Model\nmetadata: {name: a}\nspec:\n"
    folder.models(f"{head}  provider: {word}\n  model: {model}\n{shown}")
    [one] = document(cli)["checked"]
    assert (one["entry"], one["verdict"]) == (entry, "agrees")


def test_prices_by_the_hour_are_shown_with_their_hours(cli: Run) -> None:
    lines = cli("prices", "show", "deepseek/deepseek-v4-pro").out.splitlines()
    assert "  # at 00:00–01:00, 04:00–06:00, 10:00–00:00 UTC" in lines
    assert lines[-4:] == [
        "  # at 01:00–04:00, 06:00–10:00 UTC:",
        "  # input: 1.32",
        "  # output: 3.96",
        "  # cache_read: 0.044",
    ]


def test_an_entry_as_a_document(cli: Run) -> None:
    found = cli("prices", "show", "-o", "json", "openai/gpt-4o-mini").document
    assert (found["kind"], found["entry"], found["context_window"]) == (
        "CatalogueEntry",
        "openai/gpt-4o-mini",
        128000,
    )
    assert found["prices"][0]["fields"]["input"] == "0.15 USD / 1M tokens"


def test_a_name_that_nobody_or_several_have(cli: Run) -> None:
    result = cli("prices", "show", "gpt-4o-mini")
    assert result.code == 1
    assert "an entry of 2 providers" in result.err
    assert "github-copilot/gpt-4o-mini, openai/gpt-4o-mini" in result.err
    assert "did you mean 'gpt-4o-mini'?" in cli("prices", "show", "openai/gpt-4o-mimi").err


# --- new ---------------------------------------------------------------------------------------------


def test_a_new_manifest_validates_and_agrees(folder: Folder, cli: Run) -> None:
    result = cli("new", "mini", "--from", "openai/gpt-4o-mini-2024-07-18")
    assert (result.code, result.out) == (0, "models/mini.yaml is written.\n")
    assert result.err == "not in the catalogue, so left to you: type, developer, family, capabilities\n"
    text = (folder.path / "models" / "mini.yaml").read_text()
    assert text.splitlines()[:11] == [
        "# Written from openai/gpt-4o-mini in genai-prices 0.2.3, prices of 2026-11-10.",
        "apiVersion: reconciler/v1",
        "kind: Model",
        "metadata: {name: mini}",
        "spec:",
        "  display_name: gpt 4o mini",
        "  # type:  # not in the catalogue: one of chat, completion, embedding, image, moderation, ocr, "
        "rerank, stt, tts, vision",
        "  # developer:  # not in the catalogue: who made the model",
        "  # family:  # not in the catalogue: the family that it belongs to",
        "  provider: openai",
        "  model: gpt-4o-mini-2024-07-18",
    ]
    assert "  limits: {context_window: 128000}\n" in text
    assert "compare" not in text
    assert cli("validate").code == 0
    [one] = document(cli)["checked"]
    assert (one["name"], one["entry"], one["verdict"]) == ("mini", "openai/gpt-4o-mini", "agrees")


@pytest.mark.parametrize("source", ["fireworks/deepseek-v4-pro", "google/gemini-3.1-pro-preview"])
def test_an_entry_that_no_word_of_ours_leads_to_is_named(folder: Folder, cli: Run, source: str) -> None:
    result = cli("new", "a", "--from", source)
    assert result.code == 0
    assert "provider" in result.err
    assert cli("validate").code == 0
    [one] = document(cli)["checked"]
    assert (one["entry"], one["verdict"]) == (source, "agrees")


def test_our_word_for_a_provider_is_kept(cli: Run) -> None:
    out = cli("new", "a", "--stdout", "--from", "vertex-ai/gemini-3.1-pro-preview").out
    assert "  provider: vertex-ai\n" in out
    assert "compare" not in out


def test_nothing_is_ever_overwritten(folder: Folder, cli: Run) -> None:
    file = folder.path / "models" / "mini.yaml"
    file.write_text("# mine\n")
    result = cli("new", "mini", "--from", "openai/gpt-4o-mini")
    assert result.code == 1
    assert "models/mini.yaml is there already" in result.err
    assert file.read_text() == "# mine\n"
    assert cli("new", "mini", "--from", "openai/gpt-4o-mini", "--to", "models/models.yaml").code == 1
    result = cli("new", "mini", "--from", "openai/gpt-4o-mini", "--to", "models/more/other.yaml")
    assert result.out == "models/more/other.yaml is written.\n"


def test_a_name_that_is_taken_or_no_name(folder: Folder, cli: Run) -> None:
    folder.models(manifest("mini"))
    result = cli("new", "mini", "--from", "openai/gpt-4o-mini", "--stdout")
    assert (result.code, result.out) == (1, "")
    assert "a Model named 'mini' is already declared" in result.err
    assert "models/models.yaml:3:18" in result.err
    assert "is no name for a manifest" in cli("new", "a/b", "--from", "openai/gpt-4o-mini").err


def test_registries_are_chosen_or_left_to_the_reader(folder: Folder, cli: Run) -> None:
    entries = "registries:\n  one: {kind: orq, embedded: one.db}\n  two: {kind: orq, embedded: two.db}\n"
    folder.config(entries)
    words = ("--from", "openai/gpt-4o-mini")
    assert (
        "  registries: [two, one]\n"
        in cli("new", "a", *words, "--stdout", "--registry", "two", "--registry", "one").out
    )
    result = cli("new", "a", *words)
    assert "left to you: registries, type," in result.err
    assert "it does not validate yet:\n  'registries' is missing; name them here" in result.err
    assert "  # registries:  # some of one, two\n" in (folder.path / "models" / "a.yaml").read_text()
    assert "did you mean 'one'?" in cli("new", "b", *words, "--registry", "onne").err
    folder.config(entries.rpartition("  two")[0])
    assert "  registries: [one]\n" in cli("new", "b", *words, "--stdout").out


def test_what_does_not_validate_is_told(folder: Folder, cli: Run) -> None:
    result = cli("new", "a", "--from", "openrouter/~anthropic/claude-opus-latest")
    assert result.code == 0
    assert "it does not validate yet:\n  kind orq has no word for 'openrouter'; write" in result.err
    assert '  model: "~anthropic/claude-opus-latest"\n' in (folder.path / "models" / "a.yaml").read_text()


def test_new_as_a_document(folder: Folder, cli: Run) -> None:
    found = cli("new", "a", "--from", "openai/gpt-4o-mini", "-o", "json").document
    assert found == {
        "apiVersion": "reconciler/v1",
        "kind": "NewManifest",
        "exit_code": 0,
        "file": "models/a.yaml",
        "valid": True,
        "fill_in": ["type", "developer", "family", "capabilities"],
    }


def test_where_no_file_can_be_made(folder: Folder, cli: Run) -> None:
    words = ("--from", "openai/gpt-4o-mini")
    folder.models(manifest())
    config = (folder.path / "reconciler.yaml").read_text()
    (folder.path / "reconciler.yaml").write_text(config.replace("models/", "models/models.yaml"))
    assert "the manifests are one file, models/models.yaml" in cli("new", "a", *words).err
    assert (
        "cannot write to models/models.yaml/a.yaml"
        in cli("new", "a", *words, "--to", "models/models.yaml/a.yaml").err
    )
    assert cli("new", "a", *words, "--stdout", "-o", "json").code == 1


def test_names_are_written_so_that_they_stay_texts(folder: Folder, cli: Run) -> None:
    results: list[Result] = [
        cli("new", name, "--from", source)
        for name, source in (
            ("null", "together/meta-models/Muse-Spark-Open-816B-A42B"),
            ("1e3", "bedrock/us.meta.llama4-maverick-17b-instruct-v1:0"),
        )
    ]
    assert [result.code for result in results] == [0, 0]
    assert cli("validate").code == 0
    checked = document(cli)["checked"]
    assert {one["name"] for one in checked} == {"null", "1e3"}
    assert {one["verdict"] for one in checked} == {"agrees"}


# --- the page ----------------------------------------------------------------------------------------


def test_the_page_shows_what_the_commands_print(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "prices.md").read_text(encoding="utf-8")
    monkeypatch.chdir(ROOT / "examples" / "catalog")
    sessions = re.findall(r"^```console\n\$ reconciler (.*?)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(sessions) == 3
    for command, shown in sessions:
        assert cli(*shlex.split(command)).out == shown, command
