"""Bodies on their way out: exact numbers, and secrets put in at the last moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import simplejson

from reconciler.errors import InternalError
from reconciler.secrets import Secret, SecretRef


def body_bytes(body: Mapping[str, Any], secrets: Mapping[SecretRef, Secret]) -> bytes:
    """``body`` as JSON: Decimals as numbers, each SecretRef as the text of its secret."""

    def reveal(value: object) -> str:
        if isinstance(value, SecretRef) and value in secrets:
            return secrets[value].reveal()
        raise InternalError(f"a request holds a value of type {type(value).__name__}")

    text: str = simplejson.dumps(body, use_decimal=True, default=reveal, ensure_ascii=False)
    return text.encode()
