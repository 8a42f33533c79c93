"""Which forge a command speaks to: the options, what CI says, the token."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

import click

from reconciler.errors import UsageError
from reconciler.forge.environment import DEFAULTS, ForgeName, Surroundings, surroundings
from reconciler.forge.interface import Forge
from reconciler.secrets import EnvSource, Secret

F = TypeVar("F", bound=Callable[..., Any])

REVIEW: Final = "reconciler/review"
"""The name of the check whose digests `apply --approved` reads."""
APPLY: Final = "reconciler/apply"
SHOWN: Final = "reconciler/shown"
"""The check of a review that a run without credentials made; it never approves anything."""


def options(function: F) -> F:
    """--forge, --repository, --api-url and --token-env; each takes the place of what CI says."""
    for option in (
        click.option("--token-env", metavar="NAME", help="The variable that holds the forge's token."),
        click.option("--api-url", metavar="URL", help="The address of the forge's API."),
        click.option(
            "--repository", metavar="NAME", help="owner/name; at GitLab the project's number or path."
        ),
        click.option(
            "--forge",
            type=click.Choice(["github", "gitlab"]),
            help="Where to publish; found in CI if left out.",
        ),
    ):
        function = option(function)
    return function


def found(
    forge: ForgeName | None, repository: str | None, api_url: str | None, token_env: str | None
) -> Surroundings:
    """What CI says, and what was given in its place. Raises ForgeError."""
    known = surroundings(os.environ)
    if forge is not None and forge != known.forge:
        url, variable = DEFAULTS[forge]
        known = Surroundings(forge, api_url=url, token_env=variable)
    return replace(
        known,
        repository=repository or known.repository,
        api_url=api_url or known.api_url,
        token_env=token_env or known.token_env,
    )


def token_of(where: Surroundings) -> Secret | None:
    """The token, where there is one. Raises SecretError for one that is no text."""
    if where.token_env is None or not os.environ.get(where.token_env, "").strip():
        return None
    return EnvSource(where.token_env).read(where.token_env, os.environ)


def connect(where: Surroundings) -> Forge:
    """The forge that ``where`` says. Raises UsageError where that is not enough, and ForgeError."""
    if where.forge is None:
        hint = "run it in GitHub Actions or GitLab CI, or give --forge and --repository"
        raise UsageError("it is not known which forge to ask", hint=hint)
    if where.repository is None:
        raise UsageError("it is not known which repository to ask for", hint="give --repository")
    token = token_of(where)
    if token is None:
        hint = f"export {where.token_env}=… , or name another variable with --token-env"
        raise UsageError(f"there is no token for the forge: {where.token_env} is not set", hint=hint)
    from reconciler.forge.github import GitHub  # late: they load the HTTP client
    from reconciler.forge.gitlab import GitLab

    kind = GitHub if where.forge == "github" else GitLab
    api_url = where.api_url or DEFAULTS[where.forge][0]
    return kind(where.repository, token, api_url=api_url)
