"""A folder with a reconciler.yaml and manifests, and ways to run the command line in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "reconciler"]


def manifest(
    name: str, *, price: str = "0.15", native: str = "", registries: str = "", more: str = ""
) -> str:
    """A manifest that a create in Orq needs nothing else for."""
    lines = [
        "apiVersion: reconciler/v1",
        "kind: Model",
        f"metadata: {{name: {name}, labels: {{team: {name[:1]}}}}}",
        "spec:",
        f"  registries: [{registries}]" if registries else "",
        "  type: chat",
        "  developer: OpenAI",
        "  family: gpt-4o",
        "  provider: openai",
        f"  model: upstream-{name}",
        f"  pricing: {{unit: 1M tokens, currency: USD, input: {price}, output: 0.60}}",
        f"  native: {{orq: {native}}}" if native else "",
        more,
    ]
    return "\n".join(line for line in lines if line) + "\n"


def provider(name: str, spec: str = "{display_name: House vLLM}") -> str:
    """A manifest of kind Provider."""
    head = "apiVersion: reconciler/v1\nkind: Provider\n"
    return f"{head}metadata: {{name: {name}, labels: {{team: {name[:1]}}}}}\nspec: {spec}\n"


@dataclass(frozen=True)
class Result:
    """How one run ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass(frozen=True)
class Folder:
    path: Path

    def config(self, text: str) -> None:
        head = "apiVersion: reconciler/v1\nkind: Config\nmanifests: models/\n"
        (self.path / "reconciler.yaml").write_text(head + text, encoding="utf-8")

    def registries(self, **entries: str) -> None:
        """A reconciler.yaml with these registries; the first one is the default."""
        lines = [f"  {name}: {{kind: orq, {entry}}}" for name, entry in entries.items()]
        self.config("\n".join([f"default_registries: [{next(iter(entries))}]", "registries:", *lines]) + "\n")

    def models(self, *texts: str) -> None:
        folder = self.path / "models"
        folder.mkdir(exist_ok=True)
        (folder / "models.yaml").write_text("---\n".join(texts), encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        file = self.path / "models" / "models.yaml"
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """The command line in a process of its own."""
        pipes = dict.fromkeys(("stdout", "stderr", "stdin"), subprocess.PIPE)
        environment = {**os.environ, **options.pop("env", {})}
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.path,
            env=environment,
            text=True,
            encoding="utf-8",
            **{**pipes, **options},
        )

    def process(self, *arguments: str, **options: Any) -> Result:
        with self.start(*arguments, **options) as process:
            out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err)
