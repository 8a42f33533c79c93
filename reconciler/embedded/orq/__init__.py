"""Orq: ``/v2/models``, ``/v2/models/openai-like``, ``/v2/workspace-models``, ``/v2/deployments``.

- ``fields``, ``metadata``: what the bodies of the generic routes may hold, as tables
- ``document``: from a body to the document that answers show; pure
- ``openai_like``: the same two for models behind an OpenAI-compatible endpoint
- ``probe``: asks such an endpoint before a model of it is stored
- ``table``: where documents are kept
- ``builtin``: the vendor's models that every new registry has
- ``routes``, ``openai_like_routes``, ``workspace_models``, ``deployments``: the HTTP side
- ``errors``: the shapes of error answers
- ``seed``: what clients cannot create
"""
