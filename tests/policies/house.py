"""A folder with policies, and what they say of a manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import Problem
from reconciler.manifests.config import load_config
from reconciler.manifests.yamltree import parse
from reconciler.policies.check import SECONDS, check_policies

CONFIG = """\
apiVersion: reconciler/v1
kind: Config
policies: [{policies}]
registries:
  sandbox: {{kind: orq, embedded: a.db}}
"""


@dataclass(frozen=True)
class House:
    """Policies in the folder ``path``."""

    path: Path

    def write(self, **policies: Any) -> None:
        """One file for each policy; a text stands in it as it is."""
        folder = self.path / "policies"
        folder.mkdir(exist_ok=True)
        for name, policy in policies.items():
            text = policy if isinstance(policy, str) else json.dumps(policy, indent=1)
            (folder / f"{name}.json").write_text(text, encoding="utf-8")

    def check(
        self, *manifests: str, policies: str = "policies/*.json", seconds: float = SECONDS
    ) -> list[Problem]:
        """What the policies say of manifests, which are any YAML here: each in a file of its own."""
        (self.path / "reconciler.yaml").write_text(CONFIG.format(policies=policies), encoding="utf-8")
        config = load_config(self.path / "reconciler.yaml", "reconciler.yaml")
        documents = []
        for index, text in enumerate(manifests):
            documents += parse(text.encode(), f"models/{index}.yaml")[0]
        return sorted(check_policies(config, documents, seconds=seconds), key=Problem.sort_key)

    def told(self, *manifests: str, **options: Any) -> list[str]:
        """The same, each on one line."""
        return [f"{problem.place}: {problem.message}" for problem in self.check(*manifests, **options)]
