"""Who uses a model, and fields that are sent again: `plan --usages`, `--resend`, their warnings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run
from .folder import Folder, manifest
from .live import Live

SEED = """
orq:
  deployments:
    - {key: checkout-bot, model: openai/upstream-a, provider: openai}
    - {key: help-desk, model: upstream-a, provider: openai}
    - {key: another, model: openai/else, provider: openai}
"""
WRITE_ONLY = "{configuration: {deployment: one}}"
PATH = "native.orq.configuration.deployment"


@pytest.fixture
def used(folder: Folder, cli: Run) -> Folder:
    """A registry that holds what the manifests say, with two deployments of `a`."""
    folder.models(manifest("a", native=WRITE_ONLY), manifest("b"))
    Path("seed.yaml").write_text(SEED)
    assert cli("apply", "--yes").code == 0
    assert cli("seed", "sandbox", "seed.yaml").code == 0
    return folder


USED = "used by at least 2 deployments: checkout-bot, help-desk"


def test_a_plan_tells_who_uses_what_it_changes(used: Folder, cli: Run) -> None:
    assert "used by" not in cli("plan").out
    used.models(manifest("a", price="0.2"), manifest("b"))
    result = cli("plan")
    assert USED in result.out
    assert result.out.count("used by") == 1


def test_usages_tells_it_of_every_model(used: Folder, cli: Run) -> None:
    result = cli("plan", "--usages")
    assert (result.code, "= a\n" in result.out, USED in result.out) == (0, True, True)
    document = cli("plan", "--usages", "-o", "json").document
    [registry] = document["registries"]
    assert {action["name"]: action["used_by"] for action in registry["actions"]} == {
        "a": ["checkout-bot", "help-desk"],
        "b": [],
    }
    assert (registry["users_are"], registry["warnings"]) == ("deployment", [])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {"error": {"code": "insufficient_scope", "message": "no right"}}), "403 Forbidden: no right"),
        ((500, {"code": "x", "message": "y"}), "500 Internal Server Error"),
        ((404, {"error": "no route"}), "404 Not Found"),
        ((200, {"data": "?"}), "not a page of deployments"),
    ],
)
def test_a_registry_that_does_not_say_costs_a_warning_and_no_more(
    folder: Folder, cli: Run, serve: Callable[..., Live], answer: Any, words: str
) -> None:
    live = serve()
    live.answer = lambda seen: answer if seen.path == "/v2/deployments" else None
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a"))
    planned = cli("plan")
    assert (planned.code, planned.err) == (0, "")
    [line] = [line for line in planned.out.splitlines() if "warning" in line]
    assert line.startswith("  warning: it is not known who uses the models: GET ")
    assert words in line
    assert "one:" not in line
    assert len(cli("plan", "-o", "json").document["registries"][0]["warnings"]) == 1
    assert cli("apply", "--yes").code == 0
    assert [model["id"] for model in live.models() if model["owner"] != "system"] == ["a"]


def test_a_registry_that_cannot_be_read_is_told_once(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve(token="sk-right")
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a"))
    result = cli("plan")
    assert result.code == 1
    assert result.out.count("401 Unauthorized") == 1
    assert "warning" not in result.out


def test_they_are_read_once_by_a_run_that_plans_and_by_no_other(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a"), manifest("b"))

    def read() -> int:
        count = sum(seen.path == "/v2/deployments" for seen in live.seen)
        live.seen.clear()
        return count

    assert cli("registries").code == 0
    assert read() == 0
    assert cli("plan").code == 0
    assert read() == 1
    assert cli("apply", "--yes").code == 0
    assert read() == 1


# ---- fields that never read back


def test_a_field_that_never_reads_back_is_sent_again_on_request(used: Folder, cli: Run) -> None:
    assert f"not verified: {PATH}" in cli("plan").out
    result = cli("plan", "--resend", PATH)
    # Of this one no update exists, which is what the request brings to light.
    assert result.code == 3
    assert f"{PATH}: (never read back) -> " in result.out
    assert "is not sent again" not in result.out
    assert cli("apply", "--yes", "--resend", PATH).code == 3


@pytest.mark.parametrize("command", ["plan", "apply"])
@pytest.mark.parametrize(
    ("path", "hint"), [("display_name", f"declared are {PATH}"), ("nonsense", f"declared are {PATH}")]
)
def test_a_path_that_no_manifest_declares_as_such_is_an_error(
    used: Folder, cli: Run, command: str, path: str, hint: str
) -> None:
    result = cli(command, "--resend", path)
    assert result.code == 1
    assert f"'{path}' is no field that never reads back" in result.err
    assert hint in result.err


def test_nothing_to_send_again_is_an_error_that_says_so(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    result = cli("plan", "--resend", "endpoint.api_key")
    assert (result.code, "no manifest declares one" in result.err) == (1, True)


def test_only_the_manifests_of_the_run_count(used: Folder, cli: Run) -> None:
    assert cli("plan", "--only", "a", "--resend", PATH).code == 3
    assert cli("plan", "--only", "b", "--resend", PATH).code == 1
