"""Our words for providers, and the catalogue's. The one table that joins them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

IN_CATALOGUE: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "azure-openai": "azure",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "elevenlabs": "elevenlabs",
    "gemini": "google",  # one list of prices for both of Google's systems
    "groq": "groq",
    "mistral": "mistral",
    "moonshotai": "moonshotai",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together-ai": "together",
    "vertex-ai": "google",
    "xai": "x-ai",
}

OUTSIDE: Final[Mapping[str, str]] = {
    "huggingface": "the catalogue has prices by the company behind it, as huggingface_together",
    "litellm": "a gateway, which has the prices of whom it calls",
    "ollama": "it serves models of your own",
    **dict.fromkeys(
        ("bytedance", "contextualai", "fal", "jina", "leonardoai", "nvidia", "stability-ai", "watsonx"),
        "the catalogue does not have this provider",
    ),
}
"""Our words that the catalogue has no provider for, and why."""


def ours(provider: str) -> tuple[str, ...]:
    """Our words for a provider of the catalogue: none, one or, for Google, two."""
    return tuple(word for word, theirs in IN_CATALOGUE.items() if theirs == provider)
