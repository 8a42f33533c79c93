"""From an entry of reconciler.yaml to a connection: the address, the token, the in-process app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.manifests.config import AuthEntry, LoadedConfig
from reconciler.registries import KINDS
from reconciler.registries.interface import Connection
from reconciler.registries.kind import Kind
from reconciler.secrets import EnvSource, SecretSource, TokenExchange

if TYPE_CHECKING:
    import httpx

    from reconciler.sharding import Limits

EMBEDDED_URL = "http://embedded"
_UNLIMITED = 600_000  # requests per minute; a file on this machine needs no pacing


def connect(
    config: LoadedConfig, registry: str, environment: Mapping[str, str], *, share: Limits | None = None
) -> Connection:
    """The connection to one registry. ``share``: what this process may take of its limits, where it may not
    take all.

    Raises SecretError where its token or API key cannot be read, StorageError where an embedded one's file
    cannot be used.
    """
    from reconciler.http import AccessToken, Pace  # noqa: PLC0415 - only a run that talks to a registry needs it

    entry = config.value.registries[registry]
    wire = in_process(config.database(registry), probe=entry.probe is not False) if entry.embedded else None
    source = config.credential(registry)
    token = (
        source.read(f"the token of registry '{registry}'", environment) if source and entry.token else None
    )
    exchange = _exchange(entry.auth, source, registry, environment) if source and entry.auth else None
    default = _UNLIMITED if entry.embedded else kind_of(config, registry).requests_per_minute
    per_minute = share.per_minute if share else entry.requests_per_minute or default
    return Connection(
        registry=registry,
        url=entry.url or EMBEDDED_URL + kind_of(config, registry).embedded_path,
        token=token,
        requests_per_minute=per_minute,
        concurrency=share.concurrency if share else entry.concurrency,
        wire=wire,
        pace=Pace(per_minute),
        auth=AccessToken(exchange, registry=registry) if exchange else None,
    )


def _exchange(
    auth: AuthEntry, source: SecretSource, registry: str, environment: Mapping[str, str]
) -> TokenExchange:
    """The name of the key tells where it comes from: a refusal repeats it."""
    where = source.env if isinstance(source, EnvSource) else f"'{source.file}'"
    key = source.read(f"{where}, the API key of registry '{registry}'", environment)
    url, form = auth.asked
    return TokenExchange(key, url, form)


def kind_of(config: LoadedConfig, registry: str) -> Kind:
    return KINDS[config.value.registries[registry].kind]


def in_process(database: Path, *, probe: bool = True) -> Callable[[], httpx.AsyncBaseTransport]:
    """The embedded registry over ``database``, called without a socket.

    With ``probe`` it asks OpenAI-compatible endpoints before it stores a model of them.
    """
    import httpx  # noqa: PLC0415 - only a run that talks to a registry needs it

    from reconciler.embedded import Options, create_app  # noqa: PLC0415

    app = create_app(database, options=Options(probe=probe))
    return lambda: httpx.ASGITransport(app=app)
