"""``POST /identity/token``: an API key for an access token, as IBM Cloud's IAM does it.

Source: cloud.ibm.com/apidocs/iam-identity-token-api. The API key is the registry's own token; where it
has none, any will do. The page does not show the error answers: those here have the shape that IAM's
have, and codes that nobody should rely on.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.embedded import bodies
from reconciler.embedded.answers import Refused, rendered
from reconciler.embedded.tokens import Tokens

_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
_FORM = "application/x-www-form-urlencoded"


def routes(tokens: Tokens) -> Sequence[Route]:
    async def exchange(request: Request) -> Response:
        form = _form(await bodies.read(request, expected=_FORM))
        if form.get("grant_type") != _GRANT:
            raise _refused("BXNIM0106E", f"grant_type must be {_GRANT}")
        if not form.get("apikey"):
            raise _refused("BXNIM0109E", "Property missing or empty: apikey")
        if not tokens.knows(form["apikey"].encode()):
            raise _refused("BXNIM0415E", "Provided API key could not be found.")
        token = tokens.issue()
        return rendered(
            {
                "access_token": token.text,
                "token_type": "Bearer",
                "expires_in": token.seconds,
                "expiration": token.expiration,
            }
        )

    return (Route("/identity/token", exchange, methods=["POST"]),)


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode(), errors="strict")
    except ValueError:  # not UTF-8, or more fields than parse_qs takes
        return {}
    return {name: values[-1] for name, values in fields.items()}


def _refused(code: str, message: str) -> Refused:
    return Refused(400, message, body={"errorCode": code, "errorMessage": message})
