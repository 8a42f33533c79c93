"""Bodies on their way out: exact numbers, and secrets put in at the last moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import simplejson

from reconciler.errors import InternalError, ReconcilerError, SecretError
from reconciler.secrets import Secret, SecretJson, SecretRef


def body_bytes(body: Mapping[str, Any], secrets: Mapping[SecretRef, Secret]) -> bytes:
    """``body`` as JSON: Decimals as numbers, each SecretRef as the text of its secret, each SecretJson as
    the object in that text.

    Raises SecretError where such a text is no JSON object, ReconcilerError for text that is no UTF-8,
    which JSON can spell and no body can hold.
    """

    def reveal(value: object) -> Any:
        if isinstance(value, SecretRef) and value in secrets:
            return secrets[value].reveal()
        if isinstance(value, SecretJson) and value.ref in secrets:
            return _object_in(secrets[value.ref])
        raise InternalError(f"a request holds a value of type {type(value).__name__}")

    text: str = simplejson.dumps(
        body, use_decimal=True, default=reveal, ensure_ascii=False, namedtuple_as_object=False
    )
    if _is_utf8(text):
        return text.encode()
    # Outside of any handler: the encoder's own error holds the text, secrets included.
    where = next(_not_utf8(body, secrets, ()), "the body")
    raise ReconcilerError(
        f"{where} holds text that is not UTF-8 (half of a surrogate pair), which cannot be sent",
        hint="correct it where it is kept",
    )


def _object_in(secret: Secret) -> dict[str, Any]:
    """Raises SecretError, outside of the handler: the parser's own error holds the text."""
    try:
        document = simplejson.loads(secret.reveal(), use_decimal=True)
    except (ValueError, ArithmeticError, RecursionError):  # Arithmetic: an exponent beyond all bounds
        document = None
    if isinstance(document, dict):
        return document
    raise SecretError(
        f"{secret.name}: is sent as a JSON object, and its text is no JSON object",
        hint="its variable or file holds the whole document, as it was downloaded",
    )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_utf8(value: Any, secrets: Mapping[SecretRef, Secret], above: tuple[str, ...]) -> Iterator[str]:
    """The names of what cannot be encoded, never its text."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            path = (*above, str(key))
            if not _is_utf8(str(key)):
                yield f"the key {_shown(path)}"
            yield from _not_utf8(item, secrets, path)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _not_utf8(item, secrets, (*above, str(index)))
    elif isinstance(value, SecretRef):
        if value in secrets and not _is_utf8(secrets[value].reveal()):
            yield f"the secret {value.name}"
    elif isinstance(value, SecretJson):
        # Its text may spell in ASCII what its object cannot be sent as.
        if any(True for _ in _not_utf8(_object_in(secrets[value.ref]), {}, ("",))):
            yield f"the secret {value.ref.name}"
    elif isinstance(value, str) and not _is_utf8(value):
        yield _shown(above)


def _shown(path: tuple[str, ...]) -> str:
    return ".".join(path).encode("utf-8", "backslashreplace").decode()
