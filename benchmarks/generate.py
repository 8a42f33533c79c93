"""Writes a folder of realistic manifests: ``python benchmarks/generate.py FOLDER N [--per-file K]``.

Deterministic: the same arguments give the same bytes. Every model has about 50 declared fields.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

FLAGS = (
    "supports_audio_input supports_batch_api supports_cache_control supports_code_execution "
    "supports_developer_message supports_fine_tuning supports_image_input supports_images "
    "supports_json_mode_response_format supports_max_completion_tokens supports_openai_sdk "
    "supports_parallel_tool_calls supports_pdf_input supports_prompt_caching supports_responses_api "
    "supports_sampling_params supports_structured_outputs supports_system_message supports_text "
    "supports_text_input supports_text_output supports_tool_choice supports_web_search supports_zdr"
).split()

CONFIG = """\
apiVersion: reconciler/v1
kind: Config
manifests: models/
default_registries: [target]
registries:
  target: {registry}
"""


def manifest(index: int, dice: random.Random) -> str:
    """One manifest of about 50 fields."""
    price = dice.randrange(1, 4000) / 200
    flags = "\n".join(f"        {flag}: {str(dice.random() < 0.7).lower()}" for flag in FLAGS)
    return f"""\
apiVersion: reconciler/v1
kind: Model
metadata:
  name: model-{index:06d}
  labels: {{team: team-{index % 17}, tier: {dice.choice(["small", "large"])}}}
spec:
  display_name: Model number {index}
  type: chat
  developer: Vendor {index % 23}
  family: family-{index % 101}
  provider: {dice.choice(["openai", "anthropic", "azure-openai", "vertex-ai", "bedrock", "mistral"])}
  model: vendor-model-{index}
  limits:
    context_window: {dice.choice([32000, 128000, 200000, 1000000])}
    max_output_tokens: {dice.choice([4096, 8192, 16384, 64000])}
  pricing:
    unit: 1M tokens
    currency: USD
    input: {price:.3f}
    output: {price * 4:.3f}
    cache_read: {price / 10:.4f}
    cache_write: {price * 1.25:.4f}
    batch: {{input: {price / 2:.4f}, output: {price * 2:.4f}}}
    tiers:
      above_200k: {{input: {price * 2:.3f}, output: {price * 6:.3f}}}
  capabilities:
    tools: true
    vision: {str(dice.random() < 0.5).lower()}
    streaming: true
    reasoning: {str(dice.random() < 0.3).lower()}
    json_schema: true
  native:
    orq:
      metadata:
{flags}
        knowledge_cutoff: "2025-{dice.randrange(1, 13):02d}"
        max_input_tokens: {dice.choice([32000, 128000, 200000])}
        region: {dice.choice(["us", "europe"])}
"""


def write(folder: Path, count: int, per_file: int, registry: str) -> None:
    """Writes reconciler.yaml and ``count`` manifests, ``per_file`` in each file."""
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    (folder / "reconciler.yaml").write_text(CONFIG.format(registry=registry))
    for first in range(0, count, per_file):
        numbers = range(first, min(first + per_file, count))
        text = "---\n".join(manifest(number, random.Random(number)) for number in numbers)
        (models / f"models-{first:06d}.yaml").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--per-file", type=int, default=1)
    parser.add_argument("--registry", default="{kind: orq, embedded: .reconciler/registry.db}")
    arguments = parser.parse_args()
    write(arguments.folder, arguments.count, arguments.per_file, arguments.registry)


if __name__ == "__main__":
    main()
