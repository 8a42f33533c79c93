"""The files in examples/deploy: what schemas and linters say of them, and what their commands do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from scaffolded import ROOT, actionlint, check_jsonschema, parsed, steps, zizmor

from reconciler import scaffold
from reconciler.cli import app

DEPLOY = ROOT / "examples" / "deploy"
WORKFLOW = DEPLOY / "github" / "reconciler-shards.yml"
PIPELINE = DEPLOY / "gitlab" / "reconciler-shards.yml"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
SHARED = [path for path in KUBERNETES if path.stem.startswith("apply")]
SCHEMA = json.loads((ROOT / "tests" / "data" / "schemas" / "kubernetes-1.33.json").read_text())


def objects(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def job(path: Path) -> dict[str, Any]:
    """The spec of a Job, or of the one that a CronJob makes."""
    (found,) = objects(path)
    spec: dict[str, Any] = found["spec"]
    return spec["jobTemplate"]["spec"] if found["kind"] == "CronJob" else spec


def container(path: Path) -> dict[str, Any]:
    (found,) = job(path)["template"]["spec"]["containers"]
    return found


# --- schemas and linters ------------------------------------------------------------------------------


def mistakes(document: Mapping[str, Any]) -> list[str]:
    """What the published schema of its kind says of an object of Kubernetes."""
    schema = {"$ref": f"#/$defs/{document['kind']}", "$defs": SCHEMA["$defs"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(document)]


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.stem)
def test_every_object_is_as_kubernetes_has_it(path: Path) -> None:
    for document in objects(path):
        assert document["kind"] in {"Job", "CronJob", "ConfigMap"}
        assert mistakes(document) == []


def test_the_schema_of_kubernetes_looks() -> None:
    (document,) = objects(SHARED[0])
    template = document["spec"]["jobTemplate"]["spec"]
    template["completion"] = template.pop("completions")
    assert any("'completion' was unexpected" in said for said in mistakes(document))


def test_the_workflow_passes_zizmor_and_its_schema() -> None:
    result = zizmor(WORKFLOW)
    assert result.returncode == 0, result.stdout + result.stderr
    result = check_jsonschema("vendor.github-workflows", WORKFLOW)
    assert result.returncode == 0, result.stdout


def test_actionlint_finds_nothing() -> None:
    result = actionlint(WORKFLOW)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_the_pipeline_is_as_its_schema_says() -> None:
    result = check_jsonschema("vendor.gitlab-ci", PIPELINE)
    assert result.returncode == 0, result.stdout


# --- what linters do not know ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_there_are_as_many_pods_at_once_as_shards(path: Path) -> None:
    spec = job(path)
    (shards,) = (each["value"] for each in container(path)["env"] if each["name"] == "SHARDS")
    assert spec["completionMode"] == "Indexed"
    assert int(shards) == spec["completions"] == spec["parallelism"]


@pytest.mark.parametrize("path", [p for p in KUBERNETES if "job" in p.stem], ids=lambda path: path.stem)
def test_a_pod_has_no_right_and_no_secret_of_its_own(path: Path) -> None:
    pod = job(path)["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    one = container(path)
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert one["envFrom"] == [{"secretRef": {"name": "reconciler-tokens"}}]
    assert {each["name"] for each in one["env"]} <= {
        "SHARDS",
        "RECONCILER_RUN",
        "HOME",
        "RECONCILER_CACHE_DIR",
    }


@pytest.mark.parametrize("path", [p for p in KUBERNETES if "job" in p.stem], ids=lambda path: path.stem)
def test_nothing_but_the_run_itself_writes_into_the_checkout_of_a_pod(path: Path) -> None:
    """Home is a volume of its own, and there is no cache that would stand in it."""
    one = container(path)
    told = {each["name"]: each.get("value") for each in one["env"]}
    assert told["RECONCILER_CACHE_DIR"] == ""
    mounts = {each["mountPath"]: each for each in one["volumeMounts"]}
    assert "readOnly" not in mounts[told["HOME"]]
    assert told["HOME"] != one["workingDir"]


def test_every_action_is_one_that_init_writes() -> None:
    written = "".join(scaffold.workflows("github", "orq", "main").values())
    used = re.findall(r"uses: (.+)$", WORKFLOW.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    assert {one for one in used if one not in written} == set()


def test_every_job_says_its_permissions_and_only_those_in_an_environment_get_secrets() -> None:
    document = parsed(WORKFLOW.read_text(encoding="utf-8"))
    assert document["permissions"] == {}
    for one in document["jobs"].values():
        assert one["permissions"] in ({}, {"contents": "read"})
        assert ("secrets." in json.dumps(one)) == ("environment" in one)
        assert 0 < one["timeout-minutes"] <= 60


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_all_pods_of_a_job_and_no_others_are_told_its_id(path: Path) -> None:
    (run,) = (each["valueFrom"] for each in container(path)["env"] if each["name"] == "RECONCILER_RUN")
    assert run == {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/controller-uid']"}}


# --- the commands ---------------------------------------------------------------------------------------

MANIFESTS = """
apiVersion: reconciler/v1
kind: Config
manifests: models/
default_registries: [one, two]
registries:
  one: {kind: orq, embedded: one.db}
  two: {kind: orq, embedded: two.db}
"""


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    """A folder of what is declared, for two registries that are files."""
    folder = tmp_path / "declared"
    (folder / "models").mkdir(parents=True)
    (folder / "reconciler.yaml").write_text(MANIFESTS, encoding="utf-8")
    models = objects(DEPLOY / "kubernetes" / "configmap.yaml")[1]["data"]["models.yaml"]
    (folder / "models" / "models.yaml").write_text(models, encoding="utf-8")
    return folder


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_pods_of_a_job_write_everything_once(declared: Path, tmp_path: Path) -> None:
    script = container(SHARED[0])["args"][0]
    reports = []
    for index in range(2):
        work = tmp_path / f"pod{index}"
        work.mkdir()
        mine = script.replace("/config/", f"{declared}/").replace("/manifests/", f"{declared}/models/")
        mine = mine.replace("/dev/termination-log", str(work / "said"))
        result = shell(mine, work, JOB_COMPLETION_INDEX=str(index), SHARDS="2", CI="", RECONCILER_RUN="uid")
        assert result.returncode == 0, (work / "said").read_text()
        reports.append(json.loads(result.stdout))
    assert [one["plan"]["shard"]["number"] for one in reports] == [1, 2]
    assert [one["plan"]["shard"]["run"] for one in reports] == ["uid", "uid"]
    done = [(each["registry"], each["status"]) for one in reports for each in one["outcome"]["results"]]
    assert sorted(done) == [("one", "done"), ("two", "done")]


def test_the_jobs_of_the_workflow_and_of_the_pipeline_give_one_report(
    declared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = parsed(WORKFLOW.read_text(encoding="utf-8"))["jobs"]

    def run(name: str, step: str) -> str:
        (script,) = [str(one["run"]) for one in jobs[name]["steps"] if one.get("name") == step]
        return script

    summary = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    assert shell(run("plan", "Plan"), declared, **summary).returncode == 0
    (github,) = [s for s in steps({"jobs": {"apply": jobs["apply"]}}) if s.get("name") == "Apply one part"]
    assert github["env"]["SHARD"] == "${{ matrix.shard }}/${{ strategy.job-total }}"
    assert jobs["apply"]["strategy"]["matrix"]["shard"] == list(range(1, 9))
    gitlab = yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))
    first = shell(github["run"], declared, SHARD="1/2")
    (command,) = gitlab["reconciler apply"]["script"]
    second = shell(command, declared, CI_NODE_INDEX="2", CI_NODE_TOTAL="2")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert shell(run("merge", "Join the reports"), declared, **summary).returncode == 0
    joined = json.loads((declared / "outcome.json").read_text(encoding="utf-8"))
    assert [(one["registry"], one["status"]) for one in joined["outcome"]["results"]] == [
        ("one", "done"),
        ("two", "done"),
    ]
    assert "Apply: 2 done." in (tmp_path / "summary.md").read_text(encoding="utf-8")
    (command,) = gitlab["reconciler merge"]["script"]
    assert command == run("merge", "Join the reports").partition(" -o markdown")[0]


def test_what_the_config_maps_declare_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, models = objects(DEPLOY / "kubernetes" / "configmap.yaml")
    (tmp_path / "models").mkdir()
    (tmp_path / "reconciler.yaml").write_text(config["data"]["reconciler.yaml"], encoding="utf-8")
    (tmp_path / "models" / "models.yaml").write_text(models["data"]["models.yaml"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert app.run(["validate"]) == 0
