"""Orq's generic models: ``GET /v2/models``, ``POST /v2/models``, ``PATCH /v2/models/{id}``.

- ``fields``: what the two bodies may hold, as tables
- ``document``: from a body to the document that answers show; pure
- ``table``: where documents are kept
- ``builtin``: the vendor's models that every new registry has
- ``routes``: the HTTP side
"""
