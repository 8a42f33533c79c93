"""Contents from a file: `reconciler seed`, and `reconciler serve --seed` with its options."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Run
from .folder import Folder, manifest

DOCS = Path(__file__).parents[2] / "docs" / "embedded.md"
SECRET = "sk-planted-0123456789"


@dataclass(frozen=True)
class Served:
    """A registry on a socket. ``remark`` is what it said of the contents that it was given."""

    url: str
    remark: str

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            return client.request(method, path, **options)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def serving(folder: Folder, *arguments: str, database: str = "served.db") -> Iterator[Served]:
    """`reconciler serve` in a process of its own; its remark is read where something is put in."""
    with folder.start("serve", "--db", database, *arguments) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            assert line.startswith("listening on http://"), process.communicate()
            remark = process.stderr.readline() if "--seed" in arguments else ""
            yield Served(line.removeprefix("listening on ").strip(), remark.strip())
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=40)
        assert (process.returncode, out, err) == (0, "", "stopped\n")


@pytest.fixture
def example(folder: Folder) -> str:
    """The file that the documentation shows."""
    found = re.search(r"```yaml\n(orq:.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    (folder.path / "seed.yaml").write_text(found[1], encoding="utf-8")
    return "seed.yaml"


def contents(folder: Folder, text: str) -> str:
    (folder.path / "seed.yaml").write_text(text, encoding="utf-8")
    return "seed.yaml"


def test_the_example_is_put_in_and_said(folder: Folder, cli: Run, example: str) -> None:
    result = cli("seed", "sandbox", example)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "sandbox (registry.db) holds what seed.yaml says:\n"
        "  orq: 1 vendor model, 1 model, 1 openai-like model, 1 deployment\n"
        "  respan: 1 provider, 1 vendor model, 1 model\n"
        "  watsonx: 1 vendor model, 1 model\n"
    )


def test_as_json(folder: Folder, cli: Run, example: str) -> None:
    assert cli("seed", "sandbox", example, "-o", "json").document == {
        "apiVersion": "reconciler/v1",
        "kind": "Seed",
        "exit_code": 0,
        "registry": "sandbox",
        "database": "registry.db",
        "file": "seed.yaml",
        "put": {
            "orq": {"vendor_models": 1, "models": 1, "openai_like": 1, "deployments": 1},
            "respan": {"providers": 1, "vendor_models": 1, "models": 1},
            "watsonx": {"vendor_models": 1, "models": 1},
        },
    }


def test_what_was_put_in_is_what_the_registry_then_shows(folder: Folder, cli: Run) -> None:
    cli("seed", "sandbox", contents(folder, "orq: {models: [{id: a}, {id: b}]}"))
    assert "2 models of yours" in cli("registries").out
    folder.models(manifest("c"))
    assert cli("apply", "--yes").code == 0
    assert cli("seed", "sandbox", "seed.yaml").code == 0
    assert "3 models of yours" in cli("registries").out


def test_a_number_is_taken_as_it_is_written(folder: Folder, cli: Run) -> None:
    text = "orq: {vendor_models: [{id: openai/x, input_cost: 0.000123456789012345}]}"
    assert cli("seed", "sandbox", contents(folder, text)).code == 0
    with serving(folder, database="registry.db") as served:
        assert '"input_cost":0.000123456789012345,' in served.call("GET", "/v2/models").text


def test_another_configuration_may_be_named(folder: Folder, cli: Run, example: str) -> None:
    below = folder.path / "below"
    below.mkdir()
    (folder.path / "reconciler.yaml").rename(below / "other.yaml")
    assert cli("seed", "sandbox", example, "--config", "below/other.yaml").code == 0
    assert (below / "registry.db").exists()


def test_a_registry_that_has_a_url_is_refused(folder: Folder, cli: Run, example: str) -> None:
    folder.registries(prod='url: "https://orq.example.com", token: {env: ORQ}', sandbox="embedded: r.db")
    result = cli("seed", "prod", example, "-o", "json")
    assert result.code == 1
    assert result.document["error"]["code"] == "usage"
    assert "error: registry 'prod' has a url; only an embedded one can be seeded\n" in result.err
    result = cli("seed", "sandbx", example)
    assert result.code == 1
    assert "no registry is named 'sandbx'\n  did you mean 'sandbox'?" in result.err


MISTAKES = [
    ("", "seed.yaml:1:1: the contents are exactly one document"),
    ("orq: {}\n---\nrespan: {}\n", "seed.yaml:3:1: the contents are exactly one document"),
    ("- orq", "seed.yaml:1:1: the contents: expected an object with any of orq, respan, watsonx"),
    ("orq:\n", "orq: expected an object with any of vendor_models, models, openai_like, deployments"),
    ("models: []", "seed.yaml:1:1: the contents: 'models' is not one of orq, respan, watsonx"),
    ("orq: {modls: []}", "seed.yaml:1:7: orq: 'modls' is not one of vendor_models, models,"),
    (
        "orq:\n  models:\n    - {id: a}\n    - id: b\n      x: 1\n",
        "seed.yaml:5:7: orq.models[1]: x: not a known",
    ),
    ("orq: {models: [{id: a, enabled: no}]}", "write true or false: in YAML 1.2, yes and no are texts"),
    ("orq: {models: [{id: a}, {id: a}]}", "seed.yaml:1:26: orq.models[1]: id: an earlier entry of this list"),
    ("orq: {models: [{id: a, input_cost: .inf}]}", "seed.yaml:1:36: '.inf' is not a number"),
    ("orq: {models: [{id: a, input_cost: -1}]}", "seed.yaml:1:36: orq.models[0]: input_cost: must not be"),
    ("respan: {models: [{model_name: a, base_model_name: b}]}", "respan.models[0]: Base model not found"),
    ("watsonx: {models: [{}]}", "seed.yaml:1:20: watsonx.models[0]: name: required"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
@pytest.mark.parametrize("line", ["seed sandbox seed.yaml", "serve --db registry.db --seed seed.yaml"])
def test_a_mistake_is_shown_with_its_place_and_nothing_is_put_in(
    folder: Folder, cli: Run, text: str, message: str, line: str
) -> None:
    contents(folder, text)
    result = cli(*line.split())
    assert (result.code, result.out) == (1, "")
    assert message in result.err
    assert "answers: 0 models of yours" in cli("registries").out


def test_every_mistake_is_shown_and_no_key_that_stands_beside_one(folder: Folder, cli: Run) -> None:
    text = f"""orq:
  models:
    - {{id: a, api_kye: {SECRET}}}
  openai_like:
    - {{model_id: m, base_url: nowhere, api_key: {SECRET}}}
    - model_id: m
      base_url: https://llm.example.com/v1
      api_key: [{SECRET}]
"""
    result = cli("seed", "sandbox", contents(folder, text), "-o", "json")
    assert [problem["path"] for problem in result.document["problems"]] == [
        "orq.models[0].api_kye",
        "orq.openai_like[0].base_url",
        "orq.openai_like[1].api_key",
    ]
    assert SECRET not in result.out + result.err


def test_a_file_that_cannot_be_read_is_named(folder: Folder, cli: Run) -> None:
    result = cli("seed", "sandbox", "absent.yaml")
    assert result.code == 1
    assert result.err.startswith("absent.yaml: No such file or directory\n")
    assert cli("serve", "--seed", "models").err.startswith("models: Is a directory\n")
    assert not (folder.path / ".reconciler").exists()


def test_a_database_of_another_program_is_refused(folder: Folder, cli: Run, example: str) -> None:
    (folder.path / "registry.db").write_text("not a database, but long enough to be taken for something")
    result = cli("seed", "sandbox", example)
    assert result.code == 1
    assert "the embedded registry's database cannot be used" in result.err


class TestServe:
    def test_what_was_put_in_is_there_when_it_listens(self, folder: Folder, example: str) -> None:
        with serving(folder, "--seed", example) as served:
            assert served.remark == (
                "put in from seed.yaml: orq: 1 vendor model, 1 model, 1 openai-like model, 1 deployment; "
                "respan: 1 provider, 1 vendor model, 1 model; watsonx: 1 vendor model, 1 model"
            )
            models = {model["refId"]: model for model in served.get("/v2/models")}
            assert models["openai/gpt-5"]["owner"] == "system"
            assert models["embedded@openai/gpt-5"]["enabled"] is False
            assert "embedded@openailike/llama" in models
            (deployment,) = served.get("/v2/deployments")["data"]
            assert deployment["prompt_config"]["model"] == "openai/gpt-5"
            assert deployment["prompt_config"]["provider"] == "openai"
            assert served.get("/api/models/support/")["input_cost"] == 1.25
            assert [model["connection_id"] for model in served.get("/api/v1/models")] == ["c1"]

    def test_seeding_goes_on_while_it_runs(self, folder: Folder, cli: Run, example: str) -> None:
        with serving(folder) as served:
            assert served.get("/v2/deployments")["data"] == []
            folder.registries(sandbox="embedded: served.db")
            assert cli("seed", "sandbox", example).code == 0
            assert len(served.get("/v2/deployments")["data"]) == 1

    def test_an_endpoint_is_asked_unless_that_is_switched_off(self, folder: Folder, closed_port: int) -> None:
        body = {
            "api_key": SECRET,
            "base_url": f"http://127.0.0.1:{closed_port}/v1",
            "display_name": "Llama",
            "model_id": "llama",
            "model_type": "chat",
            "region": "eu",
        }
        with serving(folder) as served:
            refused = served.call("POST", "/v2/models/openai-like", json=body)
            assert refused.status_code == 400
            assert body["base_url"] in refused.text
            assert SECRET not in refused.text
        with serving(folder, "--no-probe") as served:
            assert served.call("POST", "/v2/models/openai-like", json=body).status_code == 200

    def test_limits_are_set(self, folder: Folder) -> None:
        limits = ("--respan-requests-per-minute", "1", "--watsonx-model-quota", "1")
        with serving(folder, *limits, "--access-token-seconds", "90") as served:
            answers = [served.call("GET", "/api/providers/") for _ in range(2)]
            assert [answer.status_code for answer in answers] == [200, 429]
            assert answers[1].json()["retry_after"] > 0
            creates = [served.call("POST", "/api/v1/models", json={"name": name}) for name in "ab"]
            assert [answer.status_code for answer in creates] == [200, 429]
            assert creates[1].json()["detail"]["code"] == "RESOURCE_QUOTA_EXCEEDED"
            form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": "any"}
            assert served.call("POST", "/identity/token", data=form).json()["expires_in"] == 90

    @pytest.mark.parametrize(
        "option", ["--respan-requests-per-minute=0", "--watsonx-model-quota=-1", "--access-token-seconds=0"]
    )
    def test_a_limit_out_of_range_is_refused(self, folder: Folder, cli: Run, option: str) -> None:
        result = cli("serve", option)
        assert result.code == 1
        assert option.partition("=")[0] in result.err

    def test_nothing_is_put_in_where_it_cannot_listen(self, folder: Folder, cli: Run, example: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            result = cli("serve", "--db", "registry.db", "--seed", example, "--port", port)
        assert (result.code, result.out) == (1, "")
        assert "put in" not in result.err
        assert "answers: 0 models of yours" in cli("registries").out
