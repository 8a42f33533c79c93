"""Secrets are a type: a reference travels through the pipeline, its text appears only in a request body.

``SecretRef`` is what a manifest holds and what a plan may show. ``Secret`` is the text itself; it has
no ``repr``, ``str``, format, pickle or equality that could show it. ``SecretStore`` resolves references
against the list in reconciler.yaml, and only for the hosts that the list names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from reconciler.errors import SecretError


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret by the name that reconciler.yaml gives it."""

    name: str

    def __str__(self) -> str:
        return f"secret {self.name}"


@dataclass(frozen=True, slots=True)
class SecretJson:
    """A place in a request where the text of ``ref``, a JSON object, stands as that object."""

    ref: SecretRef


class Secret:
    """The text of a secret. ``reveal`` is the only way to it; whoever calls it puts it on the wire."""

    __slots__ = ("_text", "name")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never serialised")


@dataclass(frozen=True, slots=True)
class EnvSource:
    """Reads a secret from an environment variable."""

    env: str

    def read(self, name: str, environment: Mapping[str, str]) -> Secret:
        """Raises SecretError when the variable is not set, empty, or no text."""
        text = environment.get(self.env, "")
        if not text.strip():
            state = "set but empty" if self.env in environment else "not set"
            raise SecretError(
                f"{name}: the environment variable {self.env} is {state}",
                hint=f"export {self.env}=… before the run",
            )
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise SecretError(
                f"{name}: the environment variable {self.env} is not UTF-8", hint="set it again as plain text"
            )
        return Secret(name, text.strip())


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """An API key that buys access tokens: ``key`` goes to ``url`` alone, in the ``form`` that it takes.

    ``iam``: the form of IBM Cloud's IAM. ``mcsp``: the JSON of IBM's Multi-Cloud SaaS Platform.
    """

    key: Secret
    url: str
    form: Literal["iam", "mcsp"]


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One entry of ``secrets:`` in reconciler.yaml: where it is read, and the hosts it may go to."""

    name: str
    source: EnvSource
    hosts: frozenset[str]

    def refuse_hosts(self, hosts: Iterable[str]) -> tuple[str, ...]:
        """Those of ``hosts`` (``name`` or ``name:port``) that this secret may not be sent to."""
        return tuple(sorted(host for host in set(hosts) if not self._allows(host)))

    def _allows(self, host: str) -> bool:
        return host in self.hosts or host.rsplit(":", 1)[0] in self.hosts


@dataclass(slots=True)
class SecretStore:
    """Resolves references late, each at most once, and never for a host that its rule does not list."""

    rules: Mapping[str, SecretRule]
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    _resolved: dict[str, Secret] = field(default_factory=dict, repr=False)

    def resolve(self, ref: SecretRef, hosts: Iterable[str]) -> Secret:
        """The text behind ``ref``, for a request that makes it reach ``hosts``.

        Raises SecretError: not in the list, not allowed for one of the hosts, or not set.
        """
        rule = self.rules.get(ref.name)
        if rule is None:
            raise SecretError(f"{ref.name}: not in the list `secrets:` of reconciler.yaml")
        refused = rule.refuse_hosts(hosts)
        if refused:
            raise SecretError(
                f"{ref.name}: may not be sent to {', '.join(refused)}",
                hint=f"its list in reconciler.yaml has {', '.join(sorted(rule.hosts))}",
            )
        if ref.name not in self._resolved:
            self._resolved[ref.name] = rule.source.read(ref.name, self.environment)
        return self._resolved[ref.name]
