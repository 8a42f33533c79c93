"""The text of a secret reaches the registry that it is for, and nothing else: no output, log or file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run
from .folder import Folder, Result, manifest
from .live import Live, Seen

TOKEN = "tok-5eAq0XvR9zLw2Km7"
KEY = "sk-live-Jb4Tz8Qn1Wc6Yp3D"
WITH_KEY = "{configuration: {provider: openai, api_key: {secret: UPSTREAM}}}"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def with_secrets(folder: Folder, live: Live, *, hosts: str = "127.0.0.1") -> None:
    folder.config(
        "default_registries: [one]\n"
        f'registries:\n  one: {{kind: orq, url: "{live.url}", token: {{env: TOKEN}}}}\n'
        f"secrets:\n  UPSTREAM: {{env: UPSTREAM_KEY, hosts: [{hosts}]}}\n"
    )


def leaks(folder: Folder, *secrets: str, but: str = "") -> list[str]:
    """The files anywhere below the test's folder that hold one of ``secrets``."""
    files = [path for path in folder.path.parent.rglob("*") if path.is_file() and path.name != but]
    assert files
    return [str(path) for path in files for secret in secrets if secret.encode() in path.read_bytes()]


def check_silent(result: Result, *secrets: str) -> None:
    for secret in secrets:
        assert secret not in result.out
        assert secret not in result.err


LINES = (
    "validate",
    "plan -vv --out plan.json",
    "show plan.json -vv",
    "apply plan.json --yes -vv",
    "apply --yes -vv",
    "plan -v",
    "plan",
    "registries -vv",
    "history -n 9",
    "diff HEAD -vv",
    "import one --to imported",
    "prices check",
    "drift -vv",
    "drift --since HEAD",
)
MARKDOWN = ("plan", "show", "apply", "diff", "drift")


def outputs(*lines: str) -> list[list[str]]:
    """Every line in every format that it has."""
    return [
        [*line.split(), "-o", form]
        for line in lines
        for form in ("text", "json", "markdown")
        if form != "markdown" or line.startswith(MARKDOWN)
    ]


def test_secrets_reach_the_registry_and_no_output_or_file(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve(token=TOKEN)
    with_secrets(folder, live)
    folder.models(manifest("a", native=WITH_KEY))
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], check=True)
    for words in outputs(*LINES):
        result = cli(*words)
        # The plan of the file has been done once it is applied in the next format.
        again = words[:2] == ["apply", "plan.json"] and result.code == 5
        taken = words[0] == "import" and "already" in result.err
        assert result.code == 0 or again or taken, (words, result)
        check_silent(result, TOKEN, KEY)
    [run, *_] = cli("history", "-o", "json").document["runs"]
    for form in ("text", "json"):
        check_silent(cli("history", "show", run["run"], "-o", form), TOKEN, KEY)
    assert KEY.encode() in live.written[0].body
    assert live.written[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert not any(KEY.encode() in seen.body for seen in live.seen if not seen.writes)
    assert leaks(folder, TOKEN, KEY) == []


@pytest.mark.parametrize("status", [200, 400, 401, 502])
def test_a_registry_that_echoes_everything_back_gives_no_secret_away(
    folder: Folder, cli: Run, serve: Callable[..., Live], status: int
) -> None:
    live = serve()

    def echo(seen: Seen) -> tuple[int, Any] | None:
        if status == 200 and not seen.writes:
            return None
        told = {"headers": seen.headers, "body": seen.body.decode(), "message": str(seen.headers)}
        return status, {**told, "error": f"{seen.headers} {seen.body.decode()}"}

    with_secrets(folder, live)
    folder.models(manifest("a", native=WITH_KEY))
    for only_writes in (True, False):
        live.answer = lambda seen, only=only_writes: echo(seen) if seen.writes or not only else None
        for words in outputs(*LINES[1:6]):
            check_silent(cli(*words), TOKEN, KEY)
    assert live.written
    assert leaks(folder, TOKEN, KEY) == []


def test_a_bug_gives_no_secret_away(
    folder: Folder, cli: Run, serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = serve(token=TOKEN)
    with_secrets(folder, live)
    folder.models(manifest("a", native=WITH_KEY))

    def broken(*values: object, **named: object) -> None:
        raise ValueError(f"{TOKEN} {KEY} {values} {named}")

    for where in ("orq.client.live_object", "talk.body_bytes"):
        with monkeypatch.context() as patch:
            patch.setattr(f"reconciler.registries.{where}", broken)
            for line in ("plan -vv", "apply --yes -vv"):
                check_silent(cli(*line.split()), TOKEN, KEY)
    assert list(folder.path.parent.glob("reconciler-bug-*.txt"))
    assert leaks(folder, TOKEN, KEY) == []


IN_BLOCK = "  native:\n    orq:\n      configuration:\n        "
LITERALS = {
    "flow": f"  native: {{orq: {{configuration: {{provider: openai, api_key: {KEY}}}}}}}",
    "quoted": f'  native: {{orq: {{configuration: {{"api_key": "{KEY}"}}}}}}',
    "block": f"{IN_BLOCK}api_key: {KEY}",
    "below": f"{IN_BLOCK}api_key:\n          {KEY}",
    "literal block": f"{IN_BLOCK}api_key: |\n          x\n          {KEY}",
    "folded": f"{IN_BLOCK}apiKey: >-\n          {KEY}",
    "list": f"{IN_BLOCK}api_key:\n        - {KEY}",
    "named": f"  native: {{orq: {{configuration: {{api_key: {{secret: {KEY}}}}}}}}}",
    "endpoint": f"  endpoint: {{base_url: https://example.com/v1, api_key: {KEY}}}",
    "next line of flow": f"  native: {{orq: {{configuration: {{api_key:\n  {KEY}}}}}}}",
    "two lines": f'{IN_BLOCK}password: "{KEY[:8]}\\\n  {KEY[8:]}"',
    "comment": f"  # api_key: {KEY}",
}
MISTAKES = {
    "none": "",
    "colon": ": :",
    "bracket": " ]",
    "quote": ' "',
    "brace": "}}",
    "tab": "\t: x",
    "at": " @`",
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("literal", LITERALS.values(), ids=LITERALS)
def test_a_literal_secret_is_not_repeated_also_beside_another_mistake(
    folder: Folder, cli: Run, literal: str, mistake: str
) -> None:
    folder.models(manifest("a", more=literal + mistake), manifest("b", more="  tpye: chat"))
    for words in ([], ["-o", "json"]):
        result = cli("validate", *words)
        assert result.code == 1
        check_silent(result, KEY, KEY[:12], KEY[8:])
    assert leaks(folder, KEY, but="models.yaml") == []


@pytest.mark.parametrize(
    "entry",
    [
        f'url: "https://example.com", token: {KEY}',
        f'url: "https://example.com", token: {{env: {KEY}}}',
        f'url: "https://example.com", token: {{value: {KEY}}}',
        f'url: "https://user:{KEY}@example.com"',
        f'url: "https://example.com", tokn: {KEY}',
        f'url: "https://example.com", TOKEN_VALUE: {KEY}',
    ],
)
def test_a_literal_token_in_the_configuration_is_not_repeated(folder: Folder, cli: Run, entry: str) -> None:
    folder.registries(one=entry)
    for words in ([], ["-o", "json"]):
        result = cli("validate", *words)
        assert result.code == 1
        check_silent(result, KEY)


def test_a_manifest_cannot_send_a_secret_to_a_host_that_its_list_does_not_name(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live, other = serve(), serve()
    with_secrets(folder, live, hosts="llm.example.com")
    native = "{configuration: {provider: openai, base_url: %s, api_key: {secret: UPSTREAM}}}"
    folder.models(manifest("a", native=native % other.url), manifest("b", native=WITH_KEY))
    for line in ("validate", "plan", "apply --yes"):
        result = cli(*line.split(), "-o", "json")
        assert result.code == 1
        told = [(one["code"], one["message"]) for one in result.document["problems"]]
        assert [code for code, _ in told] == ["secret-host", "secret-host"], told
        assert f"may not be sent to {other.url.removeprefix('http://')}" in told[0][1]
    assert live.seen == other.seen == []
    folder.models(manifest("a", native=native % "https://llm.example.com/v1"))
    assert cli("apply", "--yes").code == 0
    assert KEY.encode() in live.written[0].body
    assert other.seen == []


def test_a_token_does_not_follow_a_redirect(folder: Folder, cli: Run, serve: Callable[..., Live]) -> None:
    other = serve()
    live = serve()
    live.answer = lambda _seen: (307, {"location": other.url})
    with_secrets(folder, live)
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 1
    assert other.seen == []


def test_every_secret_is_resolved_before_the_first_write(
    folder: Folder, cli: Run, serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = serve()
    with_secrets(folder, live)
    monkeypatch.delenv("UPSTREAM_KEY")
    folder.models(manifest("a"), manifest("b", native=WITH_KEY))
    result = cli("apply", "--yes", "-o", "json")
    assert result.code == 1
    assert result.document["error"]["code"] == "secret"
    assert "UPSTREAM_KEY is not set" in result.err
    assert live.written == []


def test_a_secret_that_is_no_text_is_refused_before_the_first_write(
    folder: Folder, cli: Run, serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = serve()
    with_secrets(folder, live)
    monkeypatch.setenv("UPSTREAM_KEY", "sk-\udcff-live")
    folder.models(manifest("a", native=WITH_KEY))
    result = cli("apply", "--yes")
    assert result.code == 1
    assert "UPSTREAM_KEY is not UTF-8" in result.err
    assert "live" not in result.err
    assert live.written == []


@pytest.mark.parametrize("link", ["models/p.yaml", "acknowledgements.yaml", "policies/p.json"])
@pytest.mark.parametrize("words", [["validate"], ["plan", "-o", "json"]])
def test_no_link_tells_what_stands_outside(
    folder: Folder, cli: Run, tmp_path: Path, link: str, words: list[str]
) -> None:
    """A proposal may link to what the job can read: a token in a file, another user's keys."""
    outside = tmp_path / "token"
    outside.write_text(f"{TOKEN}\n")
    folder.models(manifest("a"))
    with (folder.path / "reconciler.yaml").open("a") as config:
        config.write("policies: [policies/*.json]\n")
    (folder.path / "policies").mkdir()
    (folder.path / "policies" / "ours.json").write_text("true")
    (folder.path / link).symlink_to(outside)
    result = cli(*words)
    assert result.code == 1
    check_silent(result, TOKEN)
