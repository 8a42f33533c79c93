"""Respan: custom models and providers under ``/api/models/`` and ``/api/providers/``.

- ``fields``: what the bodies may hold, as tables
- ``model``: a model as it is stored, and as answers show it: with what it inherits; pure
- ``query``: filters, order and pages of the list; pure
- ``table``: where models and providers are kept
- ``builtin``: the vendor's models and providers that every registry has
- ``models``, ``providers``: what the routes do
- ``routes``, ``pace``, ``errors``: the HTTP side, the rate limit, the shapes of error answers
- ``seed``: what clients cannot create
"""
