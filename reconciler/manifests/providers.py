"""Who serves a model: our word, and each kind's own.

The same word means different systems in different registries (`google` is Vertex AI in one and Gemini
in the next), so a manifest uses ours and the adapters spell it. Sources: the provider enumeration of
Orq's deployments API; IBM's ADK for watsonx Orchestrate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROVIDERS: Final[Mapping[str, Mapping[str, str]]] = {
    "anthropic": {"orq": "anthropic", "watsonx": "anthropic"},
    "azure-openai": {"orq": "azure", "watsonx": "azure-openai"},
    "bedrock": {"orq": "aws", "watsonx": "bedrock"},
    "bytedance": {"orq": "bytedance"},
    "cerebras": {"orq": "cerebras", "watsonx": "cerebras"},
    "cohere": {"orq": "cohere", "watsonx": "cohere"},
    "contextualai": {"orq": "contextualai"},
    "deepseek": {"orq": "deepseek"},
    "elevenlabs": {"orq": "elevenlabs"},
    "fal": {"orq": "fal"},
    "gemini": {"orq": "google-ai", "watsonx": "google"},
    "groq": {"orq": "groq", "watsonx": "groq"},
    "huggingface": {"orq": "huggingface", "watsonx": "huggingface"},
    "jina": {"orq": "jina", "watsonx": "jina"},
    "leonardoai": {"orq": "leonardoai"},
    "litellm": {"orq": "litellm"},
    "mistral": {"orq": "mistral", "watsonx": "mistral-ai"},
    "moonshotai": {"orq": "moonshotai"},
    "nvidia": {"orq": "nvidia"},
    "ollama": {"watsonx": "ollama"},
    "openai": {"orq": "openai", "watsonx": "openai"},
    "openrouter": {"watsonx": "openrouter"},
    "perplexity": {"orq": "perplexity"},
    "stability-ai": {"watsonx": "stability-ai"},
    "together-ai": {"orq": "togetherai", "watsonx": "together-ai"},
    "vertex-ai": {"orq": "google", "watsonx": "vertex-ai"},
    "watsonx": {"watsonx": "watsonx"},
    "xai": {"watsonx": "x-ai"},
}


def _foreign() -> dict[str, tuple[str, ...]]:
    meant: dict[str, list[str]] = {}
    for word, own in PROVIDERS.items():
        for spelling in own.values():
            if spelling not in PROVIDERS and word not in meant.setdefault(spelling, []):
                meant[spelling].append(word)
    return {spelling: tuple(words) for spelling, words in sorted(meant.items())}


FOREIGN_PROVIDERS: Final[Mapping[str, tuple[str, ...]]] = _foreign()
"""Registries' own words, and ours for them. Where there are two, the word means one system here and
another there: never guessed."""


def spellings(kind: str) -> dict[str, str]:
    """Our words with the spelling of one kind, as far as it has one."""
    return {word: kinds[kind] for word, kinds in PROVIDERS.items() if kind in kinds}
