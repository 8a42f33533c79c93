"""The workflows that `init` writes, the composite action, the hook: what linters say, and what they do."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest
import yaml
from scaffolded import ROOT, actionlint, check_jsonschema, parsed, script, steps, workflow, written, zizmor

from reconciler import __version__, scaffold
from reconciler.cli import app

ACTION = ROOT / "action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
WORKFLOWS = ("review", "comment", "apply", "drift")

# --- linters ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The workflows as most will have them, and for an odd name of a branch."""
    plain, odd = (tmp_path_factory.mktemp(name) for name in ("plain", "odd"))
    return [*written(plain, "github"), *written(odd, "github", kind="watsonx", branch="release/1+2'ü'")]


def test_zizmor_finds_nothing(github: list[Path]) -> None:
    result = zizmor(*github, ACTION, HOOKS)
    assert result.returncode == 0, result.stdout + result.stderr


def test_actionlint_finds_nothing(github: list[Path]) -> None:
    result = actionlint(*github)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_the_workflows_are_as_their_schema_says(github: list[Path]) -> None:
    result = check_jsonschema("vendor.github-workflows", *github)
    assert result.returncode == 0, result.stdout


def test_the_action_is_as_its_schema_says() -> None:
    result = check_jsonschema("vendor.github-actions", ACTION)
    assert result.returncode == 0, result.stdout


def test_the_pipeline_is_as_its_schema_says(tmp_path: Path) -> None:
    result = check_jsonschema("vendor.gitlab-ci", *written(tmp_path, "gitlab"))
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("lint", "old", "new", "said"),
    [
        (zizmor, "persist-credentials: false", "fetch-tags: false", "artipacked"),
        (zizmor, "@df4cb1c069e1874edd31b4311f1884172cec0e10", "@v6", "unpinned-uses"),
        (actionlint, "github.ref_name", "github.ref_nam", 'property "ref_nam" is not defined'),
        (
            lambda *paths: check_jsonschema("vendor.github-workflows", *paths),
            "timeout-minutes:",
            "timeout-minute:",
            "timeout-minute",
        ),
    ],
    ids=["credentials", "pin", "expression", "schema"],
)
def test_the_linters_look(
    tmp_path: Path,
    lint: Callable[..., subprocess.CompletedProcess[str]],
    old: str,
    new: str,
    said: str,
) -> None:
    (file,) = [path for path in written(tmp_path, "github") if path.stem == "reconciler-drift"]
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    result = lint(file)
    assert result.returncode != 0
    assert said in result.stdout


# --- what linters do not know -------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_says_its_permissions_and_its_time(name: str) -> None:
    document = workflow(name)
    assert document["permissions"] == {}
    assert "pull_request_target" not in document["on"]
    for job in document["jobs"].values():
        assert job["permissions"]
        assert 0 < job["timeout-minutes"] <= 30


def test_the_page_names_the_permissions_of_every_job() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z]+) \| (`[a-z-]+: (?:read|write)`.*?) \|", page, re.MULTILINE)
    told = {job: dict(re.findall(r"`([a-z-]+): (read|write)`", permissions)) for job, permissions in rows}
    assert told == {
        name: job["permissions"] for one in WORKFLOWS for name, job in workflow(one)["jobs"].items()
    }


@pytest.mark.parametrize("name", [*WORKFLOWS, "action"])
def test_every_action_is_a_commit_and_no_script_holds_an_expression(name: str) -> None:
    text = ACTION.read_text() if name == "action" else None
    text = text or scaffold.workflows("github", "orq", "main")[f".github/workflows/reconciler-{name}.yml"]
    used = re.findall(r"^ +(?:- )?uses: (.+)$", text, re.MULTILINE)
    assert used
    for one in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}  # v[0-9]+\.[0-9]+\.[0-9]+", one)
    for step in steps(parsed(text)):
        assert "${{" not in step.get("run", "")


def test_the_action_and_the_workflows_use_one_version_of_each_action() -> None:
    texts = [*scaffold.workflows("github", "orq", "main").values(), ACTION.read_text()]
    used = {one for text in texts for one in re.findall(r"uses: (\S+)@(\S+)", text)}
    assert len(used) == len({name for name, _ in used}) == 4


def test_only_jobs_in_an_environment_get_secrets() -> None:
    for name in WORKFLOWS:
        for job in workflow(name)["jobs"].values():
            assert ("secrets." in json.dumps(job)) == ("environment" in job)


def test_what_writes_comments_for_forks_gets_no_secret_and_no_code_of_theirs() -> None:
    document = workflow("comment")
    assert document["on"]["workflow_run"]["workflows"] == [workflow("review")["name"]]
    assert "secrets." not in json.dumps(document)
    used = {step["uses"].split("@")[0]: step["with"] for step in steps(document) if "uses" in step}
    # Without a ref it is the default branch that is checked out.
    assert used["actions/checkout"] == {"persist-credentials": False}
    assert used["actions/download-artifact"]["path"] == "${{ runner.temp }}/review"


def test_a_fork_hands_over_the_file_that_the_other_workflow_takes() -> None:
    (kept,) = [step for step in steps(workflow("review")) if "upload-artifact" in step.get("uses", "")]
    (taken,) = [step for step in steps(workflow("comment")) if "download-artifact" in step.get("uses", "")]
    assert kept["with"]["name"] == taken["with"]["name"]
    name = Path(kept["with"]["path"]).name
    assert f'--out "$RUNNER_TEMP/{name}"' in script(workflow("review"), "Review")
    assert f'--publish "$RUNNER_TEMP/review/{name}"' in script(workflow("comment"), "Comment")


def test_only_apply_writes_and_it_is_never_cut_off() -> None:
    document = workflow("apply")
    assert document["on"] == {"push": {"branches": ["main"]}}
    assert document["concurrency"] == {"group": "reconciler-apply", "cancel-in-progress": False}
    for name in WORKFLOWS:
        runs = " ".join(step.get("run", "") for step in steps(workflow(name)))
        assert ("reconciler apply" in runs) == (name == "apply")
    jobs = pipeline()
    assert jobs["reconciler apply"]["resource_group"] == "reconciler-apply"
    assert jobs["reconciler apply"]["interruptible"] is False
    assert [name for name, job in jobs.items() if "reconciler apply" in str(job.get("script"))] == [
        "reconciler apply"
    ]


@pytest.mark.parametrize(
    ("branch", "pattern"), [("main", "main"), ("on", "on"), ("a+b!", r"a\+b\!"), ("é'\"", "é'\"")]
)
def test_apply_runs_on_the_default_branch_alone(branch: str, pattern: str) -> None:
    text = scaffold.workflows("github", "orq", branch)[".github/workflows/reconciler-apply.yml"]
    assert parsed(text)["on"]["push"]["branches"] == [pattern]


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_the_jobs_hand_over_the_variable_of_the_live_registry(kind: str) -> None:
    config = scaffold.repository(kind)["reconciler.yaml"]
    (variable,) = re.findall(r"\{env: ([A-Z_]+)\}", config)
    for name in ("review", "apply", "drift"):
        text = scaffold.workflows("github", kind, "main")[f".github/workflows/reconciler-{name}.yml"]
        assert f"{variable}: ${{{{ secrets.{variable} }}}}" in text


@pytest.mark.parametrize("forge", scaffold.FORGES)
def test_the_installed_version_is_this_one_and_nothing_is_left_to_fill_in(forge: str) -> None:
    texts = scaffold.workflows(forge, "orq", "main").values()
    assert f"RECONCILER: model-reconciler=={__version__}" in "".join(texts)
    assert not [text for text in texts if re.search(r"__[A-Z_]+__", text)]
    assert max(len(line) for text in texts for line in text.splitlines()) <= 110


# --- drift: one issue -----------------------------------------------------------------------------------

_GH = f"""#!{sys.executable}
import json, os, sys
words = sys.argv[1:]
with open(os.environ["SEEN"], "a") as seen:
    seen.write(json.dumps(words) + "\\n")
if words[:2] == ["issue", "list"]:
    print(os.environ["ANSWER"])
"""


def put(folder: Path, name: str, text: str) -> Path:
    """A program in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def bash(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step's script, run as GitHub runs it."""
    programs = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder,
        env={**os.environ, "PATH": programs, "RUNNER_TEMP": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def asked(folder: Path) -> list[list[str]]:
    """What the GitHub command line was called with, but for questions."""
    seen = folder / "seen"
    calls = [json.loads(line) for line in seen.read_text().splitlines()] if seen.exists() else []
    return [words for words in calls if words[:2] != ["issue", "list"]]


@pytest.mark.parametrize(
    ("code", "answer", "wanted"),
    [
        ("0", "", []),
        ("0", "7", [["issue", "close", "7"]]),
        ("2", "7", [["issue", "edit", "7"]]),
        ("2", "", [["label", "create", "reconciler-drift"], ["issue", "create", "--title"]]),
    ],
    ids=["nothing", "gone", "still", "new"],
)
def test_github_has_one_issue_for_drift(
    tmp_path: Path, code: str, answer: str, wanted: list[list[str]]
) -> None:
    put(tmp_path / "bin", "gh", _GH)
    told = {"SEEN": str(tmp_path / "seen"), "ANSWER": answer, "CODE": code, "LABEL": "reconciler-drift"}
    result = bash(script(workflow("drift"), "Open, update or close the issue"), tmp_path, **told)
    assert result.returncode == 0, result.stderr
    calls = asked(tmp_path)
    assert [words[:3] for words in calls] == wanted
    for words in calls:
        if words[1] in {"edit", "create"} and words[0] == "issue":
            assert words[words.index("--body-file") + 1] == str(tmp_path / "drift.md")


@pytest.mark.parametrize(("code", "ends", "output"), [(0, 0, "code=0\n"), (2, 0, "code=2\n"), (1, 1, "")])
def test_github_compares_and_tells_drift_from_failure(
    tmp_path: Path, code: int, ends: int, output: str
) -> None:
    put(tmp_path / "bin", "reconciler", f'#!/bin/sh\necho "# $*"\nexit {code}\n')
    files = {"GITHUB_OUTPUT": tmp_path / "output", "GITHUB_STEP_SUMMARY": tmp_path / "summary"}
    for file in files.values():
        file.touch()
    told = {name: str(path) for name, path in files.items()}
    assert bash(script(workflow("drift"), "Compare"), tmp_path, **told).returncode == ends
    assert files["GITHUB_OUTPUT"].read_text() == output
    shown = files["GITHUB_STEP_SUMMARY"].read_text()
    assert shown == (tmp_path / "drift.md").read_text() == "# drift --exit-code -o markdown\n"


class Issues(ThreadingHTTPServer):
    """GitLab's API for the issues of one project."""

    daemon_threads = True

    def __init__(self, *numbers: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.numbers = list(numbers)
        self.seen: list[tuple[str, str, dict[str, list[str]]]] = []
        self.tokens: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/v4"


class _Handler(BaseHTTPRequestHandler):
    server: Issues

    def _answer(self) -> None:
        at = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.tokens.add(self.headers["PRIVATE-TOKEN"])
        if self.command == "GET":
            assert parse_qs(at.query) == {
                "state": ["opened"],
                "labels": ["reconciler-drift"],
                "per_page": ["1"],
            }
            body: Any = [{"iid": number} for number in self.server.numbers]
        else:
            self.server.seen.append((self.command, at.path, parse_qs(sent)))
            body = {}
        answer = json.dumps(body).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - names of the base class

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def issues() -> Iterator[Callable[..., Issues]]:
    servers: list[Issues] = []

    def one(*numbers: int) -> Issues:
        server = Issues(*numbers)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return server

    yield one
    for server in servers:
        server.shutdown()
        server.server_close()


def pipeline() -> dict[str, Any]:
    """The jobs of GitLab."""
    return parsed(scaffold.workflows("gitlab", "orq", "main")[scaffold.GITLAB_JOBS])


REPORT = "# drift & more: 50 % of 1+1\n"
AT = "/api/v4/projects/42/issues"
OPENED = {
    "labels": ["reconciler-drift"],
    "title": ["The registries have drifted"],
    "description": [REPORT],
}


@pytest.mark.parametrize(
    "night",
    [
        (0, [], []),
        (0, [7], [("PUT", f"{AT}/7", {"state_event": ["close"]})]),
        (2, [7], [("PUT", f"{AT}/7", {"description": [REPORT]})]),
        (2, [], [("POST", AT, OPENED)]),
    ],
    ids=["nothing", "gone", "still", "new"],
)
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_gitlab_has_one_issue_for_drift(
    tmp_path: Path,
    issues: Callable[..., Issues],
    shell: str,
    night: tuple[int, list[int], list[tuple[str, str, Mapping[str, Any]]]],
) -> None:
    code, open_, wanted = night
    server = issues(*open_)
    result = _drift_in_gitlab(tmp_path, server, shell, code)
    assert result.returncode == 0, result.stderr
    assert result.stdout == REPORT
    assert server.seen == wanted
    assert server.tokens == {"glpat-secret"}


def test_gitlab_opens_no_issue_where_the_comparison_failed(
    tmp_path: Path, issues: Callable[..., Issues]
) -> None:
    server = issues()
    assert _drift_in_gitlab(tmp_path, server, "bash", 1).returncode == 1
    assert (server.seen, server.tokens) == ([], set())


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_gitlab_opens_no_second_issue_where_it_does_not_say_what_is_open(
    tmp_path: Path, issues: Callable[..., Issues], shell: str
) -> None:
    server = issues()
    server.status = 401
    assert _drift_in_gitlab(tmp_path, server, shell, 2).returncode != 0
    assert server.seen == []


def _drift_in_gitlab(folder: Path, server: Issues, shell: str, code: int) -> subprocess.CompletedProcess[str]:
    """The job's script, run as a runner runs it."""
    put(folder / "bin", "reconciler", f"#!/bin/sh\nprintf '%s' '{REPORT}'\nexit {code}\n")
    put(folder / "bin", "python", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    environment = {
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
        "CI_API_V4_URL": server.url,
        "CI_PROJECT_ID": "42",
        "GITLAB_TOKEN": "glpat-secret",
        "no_proxy": "*",
    }
    options = ["-eo", "pipefail"] if shell == "bash" else ["-e"]
    return subprocess.run(
        [shell, *options, "-c", "\n".join(pipeline()["reconciler drift"]["script"])],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- the action and the hook ------------------------------------------------------------------------------


def test_the_action_takes_each_line_as_one_argument(tmp_path: Path) -> None:
    program = f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\nsys.exit(2)\n"
    put(tmp_path / "reconciler" / "bin", "reconciler", program)
    output = tmp_path / "output"
    told = {"COMMAND": "plan", "ARGS": "--only\n*\n\n$(id) 'x' \"y\"\n", "GITHUB_OUTPUT": str(output)}
    result = bash(script(parsed(ACTION.read_text()), "Run reconciler"), tmp_path, **told)
    assert json.loads(result.stdout) == ["plan", "--only", "*", "$(id) 'x' \"y\""]
    assert result.returncode == 2
    assert output.read_text() == "exit-code=2\n"


def test_the_action_needs_no_argument(tmp_path: Path) -> None:
    put(tmp_path / "reconciler" / "bin", "reconciler", '#!/bin/sh\necho "$#"\n')
    told = {"COMMAND": "validate", "ARGS": "", "GITHUB_OUTPUT": str(tmp_path / "output")}
    result = bash(script(parsed(ACTION.read_text()), "Run reconciler"), tmp_path, **told)
    assert (result.returncode, result.stdout) == (0, "1\n")


@pytest.mark.parametrize(
    ("version", "wanted"), [("", "/checked/out"), ("1.2.3 --pre", "model-reconciler==1.2.3 --pre")]
)
def test_the_action_installs_its_own_commit_or_a_version(tmp_path: Path, version: str, wanted: str) -> None:
    seen = tmp_path / "seen"
    text = '#!/bin/sh\nfor last in "$@"; do :; done\necho "$last" >> "$SEEN"\n'
    put(tmp_path / "reconciler" / "bin", "python", text)
    python = put(tmp_path / "bin", "python3", text)
    told = {
        "PYTHON": str(python),
        "VERSION": version,
        "SEEN": str(seen),
        "GITHUB_ACTION_PATH": "/checked/out",
    }
    result = bash(script(parsed(ACTION.read_text()), "Install reconciler"), tmp_path, **told)
    assert result.returncode == 0, result.stderr
    assert seen.read_text().splitlines() == [str(tmp_path / "reconciler"), wanted]


def test_the_hook_is_a_command_that_looks_at_the_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (hook,) = yaml.safe_load(HOOKS.read_text())
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == ("reconciler-validate", "python", False)
    shutil.copytree(ROOT / "examples" / "minimal", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(hook["entry"])
    assert program == "reconciler"
    assert app.run(arguments) == 0
    assert "no mistakes" in capsys.readouterr().out


# --- the distribution ----------------------------------------------------------------------------------


def test_the_wheel_holds_the_templates(tmp_path: Path) -> None:
    source = tmp_path / "source"
    forgotten = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "reconciler", source / "reconciler", ignore=forgotten)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools import build_meta; import sys; print(build_meta.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=source,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    folder = ROOT / "reconciler" / "scaffold" / "templates"
    templates = {path.relative_to(ROOT).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert len(templates) == 8
    assert templates <= held


@pytest.mark.parametrize("forge", scaffold.FORGES)
def test_every_command_that_the_jobs_run_is_one_with_these_options(forge: str) -> None:
    text = "\n".join(scaffold.workflows(forge, "orq", "main").values())
    lines = set(
        re.findall(r"(?:run:|-|^) +reconciler ((?:[a-z]|-[a-z-]+|\"[^\"]+\"| )+)", text, re.MULTILINE)
    )
    assert {line.split()[0] for line in lines} == {"validate", "review", "apply", "drift"}
    for line in lines:
        name, *words = shlex.split(line)
        command = app.app.get_command(click.Context(app.app), name)
        assert command is not None
        command.make_context(name, words)  # raises for what it does not know
