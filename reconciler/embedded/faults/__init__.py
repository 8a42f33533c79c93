"""Faults on purpose: a registry that misbehaves as its rules say, for tests of those who talk to it.

- ``rules``: what a file of faults may say, and what it publishes of itself
- ``calls``: what a request is, in words that hold for every vendor
- ``faults``: which rules fire for a call, and how often each has
- ``injector``: what a rule then does, as ASGI middleware around the registry
- ``cutting``, ``protocol``: connections that can be reset and broken off

What the rules say is documented in docs/embedded.md.
"""

from __future__ import annotations
