"""How keys that hold credentials are named: one list of words for checks, the schema and the report.

The patterns are written for Python and ECMA alike, and without flags, which JSON Schema does not know.
They take long to compile, and most runs need neither: so each is compiled when it is asked for.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

_END: Final = r"(?![\s\S])"

# These end the key of a credential whatever stands before them, also without a boundary: `clientsecret`.
_ANYWHERE: Final = (
    "secrets?",
    "passwords?",
    "passwd",
    "passphrase",
    "credentials?",
    "authorization",
    "bearer",
    "cookies?",
    "(?:api|access|private|secret)[_-]?keys?",
    "(?:access|api|auth|bearer|refresh|session)[_-]?token",
    "service[_-]?account",
    "account[_-]?json",
    "connection[_-]?string",
)
# These only as a word of their own: a `monkey` is no key.
_WHOLE_WORDS: Final = ("keys?", "token", "auth", "oauth", "creds", "jwt", "passcode", "pwd")
_FORMS: Final = "(?:[_-]?(?:base64|b64|data|header|json|string|text|value|[0-9]+))?"

# The name of a key that only sorts, and of a token that is a piece of text.
_NO_SECRET: Final = (
    "(?:cache|foreign|idempotency|partition|public|routing|sort)[_-]?keys?",
    "(?:bos|cls|end|eos|first|last|mask|max|min|next|pad|per|sep|special|start|stop|unk)[_-]?token",
)


def _any_case(pattern: str) -> str:
    return re.sub(r"[a-z](?![^\[]*\])", lambda found: f"[{found[0]}{found[0].upper()}]", pattern)


def _words(*patterns: str) -> str:
    """``patterns`` as words: after no letter in any case, or with a capital inside `camelCase`."""
    capital = "|".join(_capital(pattern) for pattern in patterns)
    return f"(?:(?:^|[^A-Za-z])(?:{_any_case('|'.join(patterns))})|(?:{capital}))"


def _capital(pattern: str) -> str:
    """``pattern`` with each choice of its first group, or its first letter, capital: `eosToken` -> `Eos`."""
    if not pattern.startswith("(?:"):
        return pattern[0].upper() + pattern[1:]
    choices, _, rest = pattern.removeprefix("(?:").partition(")")
    first = "|".join(choice.capitalize() for choice in choices.split("|"))
    return f"(?:{first}){_any_case(rest)}"


SECRET_WORDS: Final = "|".join((*_ANYWHERE, *_WHOLE_WORDS))
"""The words at the end of a credential's key, in small letters."""

SECRET_FORMS: Final = _FORMS
"""What may stand behind them."""


@cache
def secret_key() -> re.Pattern[str]:
    """Keys of a free object whose value is a credential, by how vendors name theirs."""
    return re.compile(
        rf"^(?![\s\S]*{_words(*_NO_SECRET)}{_END})"
        rf"[\s\S]*(?:{_any_case('|'.join(_ANYWHERE))}|{_words(*_WHOLE_WORDS)}){_any_case(_FORMS)}{_END}"
    )


@cache
def secret_in_address() -> re.Pattern[str]:
    """A text with an address that holds user information, or a credential in its query."""
    return re.compile(rf"://[^\s/?#]*@|[?&;#][^\s=&;#]*(?:{_any_case(SECRET_WORDS)}){_any_case(_FORMS)}=")


@lru_cache(maxsize=4096)  # thousands of objects have the same keys
def names_secret(key: str) -> bool:
    """Whether a key is named like that of a credential."""
    return secret_key().search(key) is not None


def is_address_with_secret(text: str) -> bool:
    """Whether a text has an address with user information, or with a credential in its query."""
    # The pattern ends in one of the two, and most texts have neither.
    return ("@" in text or "=" in text) and secret_in_address().search(text) is not None
