"""`reconciler import`: a folder for what somebody made by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import simplejson

from reconciler.manifests.yamltree import parse

from .conftest import Run
from .folder import Folder, manifest
from .live import Live

SECRET = "sk-planted-0123456789"
UNICODE = "Größe 模型 \u202e!"
AWKWARD = [
    "no",
    "1.5",
    "1e-06",
    "team/gpt 4o",
    "team gpt 4o",
    "Team-GPT-4o",
    "- dash",
    "~",
    "#5: x",
    "ünï",
    "模型",
    "x" * 200,
    "x" * 200 + "y",
    "[a]",
    "*",
    'quo"te',
    "a.b.",
]


def seed(folder: Folder, cli: Run, **lists: Any) -> None:
    # JSON is YAML, and leaves no doubt what is a text.
    (folder.path / "seed.yaml").write_text(simplejson.dumps({"orq": lists}), encoding="utf-8")
    result = cli("seed", "sandbox", "seed.yaml")
    assert result.code == 0, result.err


def hand_made(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"team-{index % 7}-model-{index}",
            "display_name": f"Model {index}",
            "provider": ("openai", "azure", "google-ai", "unheard-of")[index % 4],
            "model_id": f"upstream-{index}",
            "model_type": ("chat", "embedding", "image", "strange")[index % 4],
            "input_cost": round(0.00015 * index, 6),
            "output_cost": round(0.0006 * index, 6),
            "enabled": index % 5 != 0,
            "metadata": {
                "is_private": index % 2 == 0,
                "context_window": 1000 * index,
                "supports_vision": index % 3 == 0,
                "cost_per_image": 0.04 if index % 4 == 2 else 0,
                "million_tokens_cache_read_cost": 0.0375 * index,
            },
            "configuration": {"api_key": SECRET, "region": "no"},
            "parameters": [
                {
                    "parameter": "temperature",
                    "name": "Temperature",
                    "parameter_type": "slider",
                    "config": {"min": 0, "max": 1.5, "step": None},
                }
            ],
        }
        for index in range(count)
    ]


def written(folder: Folder) -> dict[str, Any]:
    """Every file of the folder of manifests, as it reads back."""
    found = {}
    for file in sorted((folder.path / "models").glob("*.yaml")):
        documents, problems = parse(file.read_bytes(), file.name)
        assert problems == []
        found[file.name] = documents[0].root if len(documents) == 1 else documents
    return found


@pytest.fixture
def bare(folder: Folder) -> Folder:
    """A project before its first manifest: the folder for them is not there."""
    (folder.path / "models" / "models.yaml").unlink()
    (folder.path / "models").rmdir()
    return folder


def plan(cli: Run, *arguments: str) -> dict[str, Any]:
    result = cli("plan", "-o", "json", *arguments)
    assert result.code == 0, result.err
    [registry] = result.document["registries"]
    return dict(registry)


def assert_nothing_to_do(cli: Run, count: int) -> None:
    actions = plan(cli)["actions"]
    assert [action["operation"] for action in actions] == ["none"] * count
    assert [action["unmanaged"] for action in actions] == [[]] * count


def test_eighty_models_are_in_git_and_the_next_plan_is_empty(bare: Folder, cli: Run) -> None:
    seed(bare, cli, models=hand_made(80), vendor_models=[{"id": "openai/gpt-5", "provider": "openai"}])
    result = cli("import", "sandbox")
    assert (result.code, result.err) == (0, "")
    assert result.out == "80 manifests written to models.\nA plan of them has nothing to do.\n"
    assert len(list((bare.path / "models").iterdir())) == 80
    assert cli("validate").out == "80 models for 1 registry: no mistakes.\n"
    assert_nothing_to_do(cli, 80)
    again = cli("import", "sandbox")
    assert (again.code, again.out) == (0, "0 manifests written, 80 already in git.\n")


def test_a_manifest_says_what_a_person_would_have_written(bare: Folder, cli: Run) -> None:
    seed(
        bare,
        cli,
        models=[
            {
                "id": "support",
                "display_name": "Support mini",
                "provider": "azure",
                "model_id": "gpt-4o-mini",
                "input_cost": 0.00015,
                "output_cost": 0.0006,
                "enabled": False,
                "metadata": {"cost_per_image": 0.04, "is_private": True, "supports_pdf_input": True},
            }
        ],
    )
    assert cli("import", "sandbox").code == 0
    assert (bare.path / "models" / "support.yaml").read_text() == (
        "# yaml-language-server: $schema=../schemas/model.schema.json\n"
        "apiVersion: reconciler/v1\n"
        "kind: Model\n"
        "metadata: {name: support}\n"
        "spec:\n"
        "  registries: [sandbox]\n"
        "  display_name: Support mini\n"
        "  type: chat\n"
        "  developer: OpenAI\n"
        "  family: gpt\n"
        "  provider: azure-openai\n"
        "  model: gpt-4o-mini\n"
        "  pricing:\n"
        "    unit: 1M tokens\n"
        "    currency: USD\n"
        "    input: 0.15\n"
        "    output: 0.60\n"
        "    image: 0.04 / image\n"
        "  native:\n"
        "    orq:\n"
        "      metadata: {supports_pdf_input: true}\n"
        "      enabled: false\n"
    )


def test_awkward_names_become_names_of_files_one_each(bare: Folder, cli: Run) -> None:
    models = [
        {"id": identity, "model_id": f"upstream-{index}", "display_name": f"{identity[:100]}{UNICODE}"}
        for index, identity in enumerate(AWKWARD)
    ]
    seed(bare, cli, models=models)
    assert cli("import", "sandbox").code == 0
    found = written(bare)
    assert len({name.casefold() for name in found}) == len(AWKWARD)
    pins = {
        root["spec"].get("native", {}).get("orq", {}).get("id", root["metadata"]["name"])
        for root in found.values()
    }
    assert pins == set(AWKWARD)
    for name, root in found.items():
        assert name == f"{root['metadata']['name']}.yaml"
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", root["metadata"]["name"])
    assert {"no.yaml", "1.5.yaml", "1e-06.yaml", "Team-GPT-4o.yaml"} <= set(found)
    assert_nothing_to_do(cli, len(AWKWARD))


def test_names_are_the_same_in_every_run_and_leave_those_of_the_folder(folder: Folder, cli: Run) -> None:
    seed(folder, cli, models=[{"id": f"a{mark}b", "model_id": f"m{mark}"} for mark in " /:|-"])
    folder.models(manifest("a-b-2", native="{id: other}", registries="sandbox"))
    arguments = ("import", "sandbox", "--stdout")
    first, second = cli(*arguments), cli(*arguments)
    assert first.out == second.out
    assert re.findall(r"metadata: \{name: (.*)\}", first.out) == ["a-b", "a-b-3", "a-b-4", "a-b-5", "a-b-6"]


LLAMAS = [
    {
        "model_id": f"llama-{index}",
        "display_name": "House Llama",
        "base_url": f"https://llm{index}.example.com:8443/v1",
        "api_key": SECRET,
        "region": "eu",
        "max_tokens": 4096,
    }
    for index in range(2)
]


class TestSecrets:
    def test_a_key_becomes_a_reference_and_the_lines_to_fill_in(self, bare: Folder, cli: Run) -> None:
        seed(bare, cli, openai_like=LLAMAS)
        result = cli("import", "sandbox")
        assert (result.code, result.err) == (0, "")
        lines = [line for line in result.out.splitlines() if "{env:" in line]
        assert [line.split(":")[0] for line in lines] == ["  HOUSE_LLAMA_KEY", "  HOUSE_LLAMA_2_KEY"]
        assert re.search(r'hosts: \["?llm\d\.example\.com:8443"?\]', lines[0])
        assert "A plan of them has nothing to do, once the secrets are there." in result.out
        missing = cli("validate")
        assert missing.code == 1
        assert missing.err.count("no secret of reconciler.yaml has this name") == 2
        with (bare.path / "reconciler.yaml").open("a") as stream:
            stream.write("\n".join(["secrets:", *lines, ""]))
        assert cli("validate").code == 0
        assert_nothing_to_do(cli, 2)
        assert len({root["spec"]["native"]["orq"]["id"] for root in written(bare).values()}) == 2
        assert SECRET not in result.out + "".join(
            path.read_text() for path in (bare.path / "models").iterdir()
        )

    def test_those_of_an_earlier_import_need_not_be_filled_in(self, bare: Folder, cli: Run) -> None:
        seed(bare, cli, openai_like=LLAMAS[:1])
        assert cli("import", "sandbox").code == 0
        seed(bare, cli, openai_like=LLAMAS)
        (bare.path / "models" / "house-llama.yaml").rename(bare.path / "models" / "first.yaml")
        result = cli("import", "sandbox")
        assert result.code == 0, result.err
        assert re.fullmatch(
            r"warning: models/first\.yaml:\d+:\d+: no secret of reconciler\.yaml has this name\n", result.err
        )
        assert "1 manifest written to models, 1 already in git." in result.out
        assert [line.split(":")[0] for line in result.out.splitlines() if "{env:" in line] == [
            "  HOUSE_LLAMA_2_KEY"
        ]
        assert "A plan of it has nothing to do, once the secrets are there." in result.out
        assert cli("plan").code == 1

    def test_a_name_that_an_earlier_import_took_is_passed_over(self, bare: Folder, cli: Run) -> None:
        seed(bare, cli, openai_like=LLAMAS[:1])
        assert cli("import", "sandbox").code == 0
        # The same secret under another manifest's name: the next import would call its own so.
        file = bare.path / "models" / "house-llama.yaml"
        bare.models(file.read_text().replace("name: house-llama", "name: other"))
        file.unlink()
        seed(bare, cli, openai_like=LLAMAS)
        document = cli("import", "sandbox", "-o", "json").document
        assert [stub["name"] for stub in document["secrets"]] == ["HOUSE_LLAMA_KEY_2"]
        assert [warning.partition(" no ")[2] for warning in document["warnings"]] == [
            "secret of reconciler.yaml has this name"
        ]

    def test_any_other_mistake_ends_it(self, bare: Folder, cli: Run) -> None:
        seed(bare, cli, openai_like=LLAMAS[:1])
        assert cli("import", "sandbox").code == 0
        bare.models(manifest("a", price="cheap"))
        result = cli("import", "sandbox")
        assert result.code == 1
        assert "models/models.yaml" in result.err

    def test_names_of_secrets_that_are_taken_are_passed_over(self, folder: Folder, cli: Run) -> None:
        entry, other = "{env: A, hosts: [a.example.com]}", "{env: HOUSE_LLAMA_KEY_2, hosts: [a.example.com]}"
        registry = "registries:\n  sandbox: {kind: orq, embedded: registry.db}\n"
        folder.config(f"{registry}secrets:\n  HOUSE_LLAMA_KEY: {entry}\n  B: {other}\n")
        seed(folder, cli, openai_like=LLAMAS[:1])
        [stub] = cli("import", "sandbox", "--stdout", "-o", "json").document["secrets"]
        assert stub == {
            "name": "HOUSE_LLAMA_KEY_3",
            "env": "HOUSE_LLAMA_KEY_3",
            "hosts": ["llm0.example.com:8443"],
            "used_by": "house-llama",
        }

    def test_no_planted_key_appears_anywhere(self, bare: Folder, cli: Run) -> None:
        seed(bare, cli, models=hand_made(3), openai_like=LLAMAS)
        for words in (("--stdout",), ("--stdout", "-o", "json"), ("-o", "json", "-vv"), ()):
            result = cli("import", "sandbox", *words)
            assert SECRET not in result.out + result.err
            assert "api_key: sk" not in result.out
        assert all(SECRET not in path.read_text() for path in (bare.path / "models").iterdir())


class TestFiles:
    def test_nothing_is_overwritten_and_nothing_written_beside_it(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=hand_made(12))
        there = [folder.path / "models" / f"team-{index}-model-{index}.yaml" for index in (3, 4)]
        for path in there:
            path.write_text("# mine\n")
        result = cli("import", "sandbox", "-o", "json")
        assert result.code == 1
        assert result.document["error"]["code"] == "file-exists"
        for path in there:
            assert path.name in result.document["error"]["message"]
            assert path.read_text() == "# mine\n"
        assert len(list((folder.path / "models").iterdir())) == 3

    def test_a_link_that_leads_nowhere_is_there_too(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=[{"id": "a"}])
        (folder.path / "models" / "a.yaml").symlink_to(folder.path / "elsewhere")
        assert cli("import", "sandbox", "a", "--to", "models").code == 1
        assert not (folder.path / "elsewhere").exists()

    def test_one_file(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=hand_made(3))
        result = cli("import", "sandbox", "--one-file", "models/ours.yaml")
        assert result.out.startswith("3 manifests written to models/ours.yaml.\n")
        text = (folder.path / "models" / "ours.yaml").read_text()
        assert text.count("# yaml-language-server: $schema=../schemas/model.schema.json\n") == 3
        assert_nothing_to_do(cli, 3)
        assert cli("import", "sandbox", "--one-file", "models/ours.yaml").out.startswith(
            "0 manifests written,"
        )

    def test_elsewhere_says_that_it_is_not_read(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=[{"id": "a"}])
        result = cli("import", "sandbox", "--to", "new/folder")
        assert result.err == "note: new/folder is not read: the manifests are in models\n"
        text = (folder.path / "new" / "folder" / "a.yaml").read_text()
        assert text.startswith("# yaml-language-server: $schema=../../schemas/model.schema.json\n")
        one = cli("import", "sandbox", "--one-file", "a.yaml")
        assert one.err == "note: a.yaml is not read: the manifests are in models\n"

    def test_stdout_holds_manifests_and_nothing_else(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=hand_made(3), openai_like=LLAMAS)
        result = cli("import", "sandbox", "--stdout")
        documents, problems = parse(result.out.encode(), "stdout")
        assert (len(documents), problems) == (5, [])
        assert "5 manifests printed." in result.err
        assert "HOUSE_LLAMA_KEY" in result.err
        assert list((folder.path / "models").iterdir()) == [folder.path / "models" / "models.yaml"]
        shown = cli("import", "sandbox", "--stdout", "-o", "json").document
        assert shown["manifests"] == result.out
        assert {one["file"] for one in shown["written"]} == {None}

    def test_what_cannot_be_written_leaves_nothing(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=[{"id": "a"}])
        (folder.path / "file").write_text("")
        result = cli("import", "sandbox", "--to", "file/below")
        assert result.code == 1
        assert "file/below" in result.err
        result = cli("import", "sandbox", "--to", "file")
        assert "error: file is no folder" in result.err

    @pytest.mark.parametrize("words", [("--stdout", "--to", "a"), ("--one-file", "a", "--to", "b")])
    def test_one_target(self, folder: Folder, cli: Run, words: tuple[str, ...]) -> None:
        result = cli("import", "sandbox", *words)
        assert result.code == 1
        assert "--to, --one-file and --stdout exclude each other" in result.err


class TestSelection:
    @pytest.mark.parametrize(
        ("patterns", "ids"),
        [
            (("team-1-*",), ["team-1-model-1", "team-1-model-8"]),
            (("team-1-model-1", "Model 2"), ["team-1-model-1", "team-2-model-2"]),
            (("Model [34]", "*-model-3"), ["team-3-model-3", "team-4-model-4"]),
        ],
    )
    def test_by_id_name_and_glob(
        self, folder: Folder, cli: Run, patterns: tuple[str, ...], ids: list[str]
    ) -> None:
        seed(folder, cli, models=hand_made(10))
        result = cli("import", "sandbox", *patterns, "-o", "json")
        assert [one["id"] for one in result.document["written"]] == ids
        assert sorted(written(folder)) == sorted(["models.yaml", *(f"{one}.yaml" for one in ids)])

    def test_a_name_that_looks_like_a_glob_is_a_name_first(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=[{"id": "[a]", "model_id": "x"}, {"id": "a", "model_id": "y"}])
        result = cli("import", "sandbox", "[a]", "-o", "json")
        assert [one["id"] for one in result.document["written"]] == ["[a]"]

    def test_an_unknown_name_is_an_error_with_the_nearest(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=hand_made(3))
        result = cli("import", "sandbox", "team-1-model-1", "team-2-modle-2")
        assert result.code == 1
        assert "'team-2-modle-2' fits no object of yours in sandbox\n  did you mean 'team-2-model-2'?" in (
            result.err
        )
        assert list(written(folder)) == ["models.yaml"]

    def test_the_vendors_are_imported_by_their_exact_name_only(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, vendor_models=[{"id": "openai/gpt-5", "provider": "openai", "enabled": False}])
        assert cli("import", "sandbox").out == "0 manifests written.\n"
        assert "fits no object of yours" in cli("import", "sandbox", "openai/*").err
        assert cli("import", "sandbox", "openai/gpt-5").code == 0
        [root] = [root for name, root in written(folder).items() if name != "models.yaml"]
        assert root["spec"] == {
            "registries": ["sandbox"],
            "native": {"orq": {"builtin": "openai/gpt-5", "enabled": False}},
        }
        assert_nothing_to_do(cli, 1)


class TestAlready:
    def test_what_a_manifest_means_is_counted(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=hand_made(4))
        assert cli("import", "sandbox", "team-1-*", "team-2-*").code == 0
        result = cli("import", "sandbox")
        assert result.out.startswith("2 manifests written to models, 2 already in git.\n")
        assert_nothing_to_do(cli, 4)

    def test_one_that_a_manifest_may_mean_is_left(self, folder: Folder, cli: Run) -> None:
        seed(folder, cli, models=[{"id": "a", "model_id": "same"}, {"id": "b", "model_id": "same"}])
        spec = manifest("c", registries="sandbox").replace("upstream-c", "same")
        folder.models(spec)
        result = cli("import", "sandbox", "-o", "json")
        assert result.document["written"] == []
        assert [one["id"] for one in result.document["skipped"]] == ["a", "b"]
        assert "a manifest may mean it" in result.document["skipped"][0]["reason"]


def served(folder: Folder, live: Live, models: list[dict[str, Any]]) -> None:
    """A registry that answers with exactly these models."""
    folder.registries(sandbox=f"url: '{live.url}'")
    live.answer = lambda seen: (200, models)


MODEL = {
    "id": "odd",
    "owner": "ws",
    "provider": "openai",
    "model_id": "m",
    "model_type": "chat",
    "model_developer": "OpenAI",
    "model_family": "gpt",
    "display_name": "Odd",
    "input_cost": 0.001,
    "output_cost": 0.002,
    "metadata": {},
    "parameters": [],
    "configuration": {},
}


class TestWhatCannotBeSaid:
    @pytest.mark.parametrize(
        ("changes", "left_out"),
        [
            ({"has_functions": True}, "capabilities.tools: contradicts itself: "),
            ({"display_name": ["list"]}, "display_name: holds what the field never has"),
            ({"display_name": "x" * 129}, "display_name: display_name must have at most 128 characters"),
            ({"display_name": "half \ud800"}, "display_name: holds text that is not UTF-8"),
            ({"metadata": {"context_window": -1}}, "limits.context_window: "),
            ({"metadata": {"context_window": 10**18}}, "limits.context_window: "),
            ({"input_cost": -1}, "pricing.input: "),
            ({"configuration": {"base_url": f"https://me:{SECRET}@host/v1"}}, "base_url must be http:"),
            (
                {"parameters": [{"parameter": "p", "config": {"token": SECRET}}]},
                "config.token: it holds what reads like a credential",
            ),
            (
                {"parameters": [{"parameter": "p", "name": "P"}, {"parameter": "p", "name": "Q"}]},
                "name: is a second one of the same name",
            ),
            (
                {"parameters": [{"parameter": "a\nb: \u2028", "name": ["list"], "config": {}}]},
                r"parameters.a\nb: \u2028.name: holds what the field never has",
            ),
        ],
    )
    def test_it_is_left_out_with_a_comment_and_a_warning(
        self, folder: Folder, cli: Run, serve: Any, changes: dict[str, Any], left_out: str
    ) -> None:
        served(folder, serve(), [{**MODEL, **changes}])
        result = cli("import", "sandbox")
        assert result.code == 0
        assert result.err.startswith("warning: odd: left out ")
        assert left_out in result.err
        text = (folder.path / "models" / "odd.yaml").read_text()
        assert "# Left out: " in text
        assert left_out in text
        assert SECRET not in text + result.out + result.err
        assert [action["operation"] for action in plan(cli)["actions"]] == ["none"]

    def test_words_that_are_not_ours_stand_in_the_registrys_own(
        self, folder: Folder, cli: Run, serve: Any
    ) -> None:
        changes = {"provider": "openrouter", "model_type": "strange", "model_id": "a\nb\n\n  c"}
        served(folder, serve(), [{**MODEL, **changes}])
        assert cli("import", "sandbox").err == ""
        root = written(folder)["odd.yaml"]
        native = {"model_type": "strange", "provider": "openrouter", "metadata": {"is_private": False}}
        assert root["spec"]["native"]["orq"] == native
        assert root["spec"]["model"] == "a\nb\n\n  c"
        assert_nothing_to_do(cli, 1)

    def test_an_id_that_no_manifest_can_hold(self, folder: Folder, cli: Run, serve: Any) -> None:
        served(folder, serve(), [{**MODEL, "id": "a\x07b"}, MODEL | {"model_id": "other"}])
        result = cli("import", "sandbox")
        assert result.code == 3
        assert result.out.startswith("1 manifest written to models, 1 skipped.\n")
        assert (
            r"warning: a\x07b (Odd): not imported: native.orq.id: id cannot stand in an address" in result.err
        )
        assert sorted(written(folder)) == ["models.yaml", "odd.yaml"]


def test_a_registry_that_cannot_be_read(folder: Folder, cli: Run, closed_port: int) -> None:
    folder.registries(sandbox=f"url: 'http://127.0.0.1:{closed_port}'")
    result = cli("import", "sandbox", "-o", "json")
    assert result.code == 1
    assert result.document["error"]["code"] == "unreachable"
    result = cli("import", "sandbx")
    assert "no registry is named 'sandbx'\n  did you mean 'sandbox'?" in result.err


def test_nothing_is_sent_but_reads(folder: Folder, cli: Run, serve: Any) -> None:
    live = serve()
    served(folder, live, [MODEL])
    assert cli("import", "sandbox").code == 0
    assert live.written == []


def test_a_mistake_in_the_folder_is_told_before_anything(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a", price="cheap"))
    result = cli("import", "sandbox")
    assert result.code == 1
    assert "models/models.yaml" in result.err
    assert [path.name for path in (folder.path / "models").iterdir()] == ["models.yaml"]


def test_the_page_shows_what_is_printed(bare: Folder, cli: Run) -> None:
    page = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
    seeds, *_ = re.findall(r"```yaml\n(orq:.*?)```", page, re.DOTALL)
    (bare.path / "seed.yaml").write_text(seeds, encoding="utf-8")
    assert cli("seed", "sandbox", "seed.yaml").code == 0
    shown = re.search(r"\$ reconciler import sandbox\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    assert cli("import", "sandbox").out == shown[1]
    for name, text in re.findall(r"`models/(.*?)`:\n\n```yaml\n(.*?)```", page, re.DOTALL):
        assert (bare.path / "models" / name).read_text(encoding="utf-8") == text
