"""Requests from people whom nobody trusts: their manifests are data, and nothing else of theirs counts."""

from __future__ import annotations

import pytest
from cli.folder import manifest
from cli.test_diff import git

from .conftest import KEY, House
from .hub import TOKEN


def everything_told(house: House, *texts: str) -> str:
    return "\n".join([*texts, *house.hub.bodies(), str(house.hub.runs()), str(house.hub.annotations)])


def test_a_registry_that_is_moved_gets_no_token_and_is_flagged(house: House, serve) -> None:
    elsewhere = serve()
    house.branch("topic")
    house.config(house.entry("prod", url=elsewhere.url))
    house.model("a", price="0.20")
    house.propose()
    result = house.review()
    assert elsewhere.seen == []
    assert result.code == 0
    assert f"registry 'prod' would be orq at {elsewhere.url}" in result.out
    [comment] = house.hub.bodies()
    assert comment.index("`registry-moved`") < comment.index("Plan digest")
    assert f"orq at {house.live.url}" in comment.replace("`", "")
    [run] = house.hub.runs()
    assert run["conclusion"] == "neutral"
    [note] = house.hub.annotations[run["id"]]
    assert (note["path"], note["annotation_level"]) == ("reconciler.yaml", "warning")
    assert KEY not in everything_told(house, result.out, result.err)


def test_another_variable_for_the_token_is_not_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_KEY", "deploy-key-text")
    house.branch("topic")
    house.config(house.entry("prod", token="DEPLOY_KEY"))
    house.model("a", price="0.20")
    house.propose()
    house.live.seen.clear()
    assert house.review().code == 0
    assert {seen.headers["authorization"] for seen in house.live.seen} == {f"Bearer {KEY}"}
    assert "`credential-moved`" in house.hub.bodies()[0]


def test_a_registry_that_only_the_proposal_has_is_not_planned(house: House, serve) -> None:
    new = serve()
    house.branch("topic")
    house.config(house.entry("prod"), house.entry("new", url=new.url, token="REGISTRY_KEY"))
    house.model("a", registries="prod, new")
    house.propose()
    review = house.reviewed()
    assert new.seen == []
    assert [(one["registry"], one["code"]) for one in review["not_planned"]] == [("new", "only-proposed")]
    assert [one["name"] for one in review["plan"]["registries"]] == ["prod"]
    [declared] = review["diff"]["registries"]
    assert (declared["name"], [one["operation"] for one in declared["actions"]]) == ("new", ["create"])
    assert "it is not in the reconciler.yaml of the base" in house.hub.bodies()[0].replace("`", "")


def test_a_secret_that_the_base_does_not_list_is_not_resolved(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_KEY", "deploy-key-text")
    house.branch("topic")
    host = house.live.url.removeprefix("http://")
    house.config(more=f"secrets:\n  DEPLOY: {{env: DEPLOY_KEY, hosts: ['{host}']}}\n")
    house.model("a", native="{configuration: {provider: openai, api_key: {secret: DEPLOY}}}")
    house.propose()
    house.live.seen.clear()
    result = house.review()
    assert result.code == 1
    assert "DEPLOY" in result.out
    assert "deploy-key-text" not in everything_told(house, result.out, result.err)
    assert house.live.seen == []
    assert "`secrets-changed`" in house.hub.bodies()[0]


def test_a_secret_of_the_base_is_named_and_never_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", "house-key-text")
    git("checkout", "-q", "main")
    host = house.live.url.removeprefix("http://")
    house.config(more=f"secrets:\n  HOUSE: {{env: HOUSE_KEY, hosts: ['{host}']}}\n")
    house.commit()
    house.publish_main()
    house.branch("topic")
    house.model("b", native="{configuration: {provider: openai, api_key: {secret: HOUSE}}}")
    house.propose()
    read: list[str] = []
    monkeypatch.setattr("reconciler.secrets.SecretStore.resolve", lambda *_: read.append("secret"))
    result = house.review()
    assert result.code == 0
    assert read == []
    assert "house-key-text" not in everything_told(house, result.out, result.err)


def test_rules_are_those_of_the_base(house: House) -> None:
    git("checkout", "-q", "main")
    house.config(more="guards: {price_change: {rise: 10%}}\n")
    house.commit()
    house.publish_main()
    house.branch("topic")
    house.config(more="guards: {price_change: {rise: 90%}}\n")
    house.model("a", price="0.20")
    house.propose()
    review = house.reviewed()
    [action] = review["plan"]["registries"][0]["actions"]
    assert [one["code"] for one in action["refusals"]] == ["price-change"]
    assert [one["code"] for one in review["flags"]] == ["config-changed"]


def test_a_new_acknowledgement_stands_at_the_head(house: House) -> None:
    house.branch("topic")
    house.model("a", price="150")
    house.propose()
    [action] = house.reviewed()["plan"]["registries"][0]["actions"]
    [refusal] = [one for one in action["refusals"] if one["code"] == "unit-slip"]
    head = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
    entries = "\n".join(
        one["acknowledge"].replace("reason: ", "reason: '@all ](https://evil.example) ' #")
        for one in action["refusals"]
    )
    house.put("acknowledgements.yaml", head + entries + "\n")
    house.propose()
    result = house.review()
    assert refusal["acknowledge"] is not None
    [comment] = house.hub.bodies()
    assert "new acknowledgement" in comment.splitlines()[3]
    assert comment.index("`unit-slip`") < comment.index("Plan digest")
    assert "unit-slip for a in prod" in result.out


def test_an_acknowledgement_of_the_base_is_not_new(house: House) -> None:
    git("checkout", "-q", "main")
    head = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
    entry = f"  - {{guard: unit-slip, model: a, registry: prod, digest: {'a' * 64}, reason: old}}\n"
    house.put("acknowledgements.yaml", head + entry)
    house.commit()
    house.publish_main()
    house.branch("topic")
    house.put("acknowledgements.yaml", head + "\n" + entry + entry.replace("a" * 64, "b" * 64))
    house.propose()
    assert [one["digest"] for one in house.reviewed()["acknowledged"]] == ["b" * 64]


def test_a_database_in_the_proposal_is_not_opened(house: House) -> None:
    git("checkout", "-q", "main")
    house.config(house.entry("prod"), "sandbox: {kind: orq, embedded: data/registry.db}")
    house.commit()
    house.publish_main()
    house.branch("topic")
    house.model("a", registries="prod, sandbox")
    house.put("data/registry.db", "not a database")
    house.propose()
    review = house.reviewed()
    assert [(one["registry"], one["code"]) for one in review["not_planned"]] == [("sandbox", "in-proposal")]


def test_a_link_is_not_followed(house: House) -> None:
    house.branch("topic")
    (house.folder.path / "models" / "b.yaml").symlink_to("/etc/passwd")
    house.propose()
    result = house.review()
    assert result.code == 1
    assert "models/b.yaml" in result.out
    assert "root:" not in everything_told(house, result.out)


def test_the_forges_token_goes_to_the_forge_alone(house: House) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    house.live.seen.clear()
    result = house.review()
    assert TOKEN not in str([seen.headers for seen in house.live.seen])
    assert KEY not in str([asked.headers for asked in house.hub.seen])
    assert TOKEN not in everything_told(house, result.out, result.err)


HOSTILE = (
    "x </details> <!-- reconciler:review:0 --> # h @acme/all ![i](https://evil.example) ``` \u202e\x1b[31m"
)


def test_no_text_of_a_manifest_is_markup_or_a_terminals_command(house: House) -> None:
    house.branch("topic")
    quoted = HOSTILE.replace("\x1b", "\\e").replace("\u202e", "\\u202e")
    text = manifest("a").replace("developer: OpenAI", f'developer: "{quoted}"')
    house.put("models/a.yaml", text.replace("spec:\n", f'spec:\n  display_name: "{quoted[:90]}"\n'))
    house.put("models/c.yaml", f'apiVersion: reconciler/v1\nkind: "{quoted}"\n')
    house.propose()
    result = house.review()
    assert result.code == 1
    git("rm", "-qf", "models/c.yaml")
    house.propose()
    again = house.review()
    for out in (result.out, again.out):
        assert "\x1b" not in out
        assert "\u202e" not in out
    assert len(house.hub.bodies()) == 1
    for body in (*house.hub.bodies(), *(run["output"]["summary"] for run in house.hub.runs())):
        assert body.count("<!--") == body.startswith("<!--")
        assert "\x1b" not in body
        assert "\u202e" not in body
        assert body.count("<details>") == body.count("\n</details>")


def test_a_new_registry_of_an_unknown_kind_is_a_mistake(house: House) -> None:
    house.branch("topic")
    house.config(house.entry("prod"), "new: {kind: bogus, url: 'https://x.example', token: {env: X}}")
    house.model("a", registries="prod, new")
    house.propose()
    result = house.review()
    assert result.code == 1
    assert "bogus" in result.out


def test_a_reconciler_yaml_that_is_broken_or_gone_is_a_mistake(house: House) -> None:
    house.branch("topic")
    house.put("reconciler.yaml", "registries: [")
    house.propose()
    assert house.review().code == 1
    git("rm", "-qf", "reconciler.yaml")
    house.propose()
    result = house.review()
    assert result.code == 1
    assert "reconciler.yaml must stay where it is" in house.hub.bodies()[0].replace("`", "")
    assert "reconciler.yaml is not there any more" in result.out


def test_policies_are_those_of_the_base(house: House) -> None:
    git("checkout", "-q", "main")
    house.config(more="policies: [policies/*.json]\n")
    rule = '{"properties": {"spec": {"properties": {"family": {"const": "gpt-4o"}}}}}'
    house.put("policies/family.json", rule)
    house.commit()
    house.publish_main()
    house.branch("topic")
    house.put("policies/family.json", "{}")
    house.put("models/b.yaml", manifest("b").replace("family: gpt-4o", "family: other"))
    house.propose()
    result = house.review()
    assert result.code == 1
    assert "models/b.yaml:7:11" in result.out
    git("rm", "-qf", "policies/family.json", "models/b.yaml")
    house.propose()
    assert house.review().code == 0
