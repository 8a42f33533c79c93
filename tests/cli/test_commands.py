"""The commands around plan and apply: help, version, schema, serve."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from published import published

from reconciler import __version__
from reconciler.schemas import NAMES

from .conftest import Run
from .folder import Folder, manifest, provider

COMMANDS = ("validate", "plan", "apply", "import", "registries", "schema", "serve", "seed")


def test_python_m_reconciler_works(folder: Folder) -> None:
    assert folder.process("--version") == folder.process("--version")
    assert folder.process("--version").out == f"{__version__}\n"
    checked = folder.process("validate").out
    assert checked == "0 manifests for 1 registry: no mistakes.\nnote: models holds no manifest\n"


def test_help_lists_every_command_and_exit_code(cli: Run) -> None:
    result = cli("--help")
    assert result.code == 0
    assert all(f"\n  {name} " in result.out for name in COMMANDS)
    assert all(f"\n    {code}  " in result.out for code in range(6))
    assert "130, 143" in result.out
    assert cli() == result == cli("-h")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(cli: Run, name: str) -> None:
    result = cli(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: reconciler {name} ")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("pln", "did you mean 'plan'?"),
        ("aply", "did you mean 'apply'?"),
        ("zzz", "see reconciler --help"),
        ("plan --regstry x", "--registry"),
        ("plan --registry sandbx", "did you mean 'sandbox'?"),
        ("schema modl", "did you mean 'model'?"),
        ("schema providr", "did you mean 'provider'?"),
        ("schema zzz", "known: model, provider, config, acknowledgements, plan"),
    ],
)
def test_a_slip_is_told_the_nearest_name(cli: Run, line: str, hint: str) -> None:
    result = cli(*line.split())
    assert result.code == 1
    assert hint in result.err


def test_schema_prints_one_and_writes_all(folder: Folder, cli: Run) -> None:
    names = cli("schema").out.split()
    assert [f"{name}.schema.json" for name in names] == list(NAMES)
    for name in names:
        assert cli("schema", name).document == published(f"{name}.schema.json")
    written = cli("schema", "--write", "out/schemas").out.split()
    assert written == [f"out/schemas/{name}.schema.json" for name in names]
    for name in names:
        file = folder.path / "out/schemas" / f"{name}.schema.json"
        assert file.read_text(encoding="utf-8") == cli("schema", name).out
    assert cli("schema", "model", "--write", "out").code == 1


def test_schemas_that_cannot_be_written_are_an_error(folder: Folder, cli: Run) -> None:
    (folder.path / "out").write_text("")
    result = cli("schema", "--write", "out/below")
    assert result.code == 1
    assert result.err.startswith("error: cannot write to out/below: ")


@contextmanager
def serving(folder: Folder, *arguments: str, **env: str) -> Iterator[str]:
    with folder.start("serve", *arguments, env=env) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on http://"), process.communicate()
            yield line.removeprefix("listening on ").strip()
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=40)
        assert (process.returncode, out) == (0, "")
        assert err.endswith("stopped\n")
        assert "Traceback" not in err


def test_a_served_registry_is_one_to_apply_to(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    with serving(folder, "--db", "served.db") as url:
        folder.registries(one=f'url: "{url}"')
        assert cli("apply", "--yes").code == 0
        assert cli("plan", "--exit-code").code == 0
    folder.registries(one="embedded: served.db")
    assert cli("plan", "--exit-code").code == 0


def test_a_served_registry_demands_its_token(
    folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.models(manifest("a"))
    with serving(folder, "--token-env", "SERVED", SERVED="right") as url:
        assert httpx.get(f"{url}/v2/models", trust_env=False).status_code == 401
        folder.registries(one=f'url: "{url}", token: {{env: SERVED}}')
        for token, code in (("wrong", 1), ("right", 0)):
            monkeypatch.setenv("SERVED", token)
            assert cli("apply", "--yes").code == code


def test_serving_without_a_token_to_everybody_is_remarked(folder: Folder) -> None:
    with folder.start("serve", "--host", "0.0.0.0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("listening on http://0.0.0.0:")
        assert "no token is demanded" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)
        assert process.returncode == 0


def test_a_busy_port_is_refused(folder: Folder, cli: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = cli("serve", "--port", port)
    assert result.code == 1
    assert result.out == ""
    assert f"error: 127.0.0.1:{port}: cannot serve the embedded registry there" in result.err
    assert "choose another port" in result.err


def test_serve_needs_the_token_that_it_shall_demand(
    folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MISSING", raising=False)
    result = cli("serve", "--token-env", "MISSING")
    assert result.code == 1
    assert "MISSING is not set" in result.err


def test_validate_counts_what_it_checked(folder: Folder, cli: Run) -> None:
    folder.registries(one="embedded: one.db", two="embedded: two.db")
    folder.models(manifest("a"))
    assert cli("validate").out == "1 model for 2 registries: no mistakes.\n"
    document = cli("validate", "-o", "json").document
    assert (document["manifests"], document["registries"]) == (1, ["one", "two"])
    assert document["kinds"] == {"Model": 1, "Provider": 0}
    assert list(folder.path.glob("*.db")) == []


def test_validate_counts_both_kinds_of_manifests(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"), manifest("b"), provider("a"))
    assert cli("validate").out == "2 models and 1 provider for 1 registry: no mistakes.\n"
    document = cli("validate", "-o", "json").document
    assert (document["manifests"], document["kinds"]) == (3, {"Model": 2, "Provider": 1})
    folder.models(provider("a"), provider("b"))
    assert cli("validate").out == "2 providers for 1 registry: no mistakes.\n"


def test_a_provider_is_refused_where_the_registry_holds_none(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"), provider("house"))
    result = cli("plan", "-o", "json")
    assert result.code == 3
    [registry] = result.document["registries"]
    refused, created = sorted(registry["actions"], key=lambda action: action["resource"], reverse=True)
    assert (created["resource"], created["operation"]) == ("Model", "create")
    assert (refused["resource"], refused["name"], refused["operation"]) == ("Provider", "house", "refused")
    assert [(one["code"], one["message"]) for one in refused["refusals"]] == [
        ("unsupported", "kind orq holds no providers")
    ]
    assert refused["requests"] == []
    assert "refused (unsupported): kind orq holds no providers" in cli("plan").out


def test_a_provider_is_chosen_by_its_name_and_its_labels(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"), provider("house"))
    for words in (("--only", "house"), ("--only", "team=h"), ("--except", "a"), ("--only", "hou*")):
        document = cli("plan", "-o", "json", *words).document
        names = [action["name"] for registry in document["registries"] for action in registry["actions"]]
        assert names == ["house"], words
    document = cli("plan", "-o", "json", "--except", "house").document
    assert [action["name"] for action in document["registries"][0]["actions"]] == ["a"]
