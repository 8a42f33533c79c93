"""Declarative GitOps reconciler for LLM model registries."""

__version__ = "0.1.0"
