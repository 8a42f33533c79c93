"""`reconciler.yaml`: which registries there are, and which secrets may go where.

Kinds stay unchecked here: only the registries' own packages know them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from reconciler.errors import InputError, Place, Problem
from reconciler.manifests.concealing import reads_like_one
from reconciler.manifests.fields import (
    LITERAL,
    BaseUrl,
    Name,
    Omittable,
    SecretName,
    ShareOfModels,
    ShareOfPrice,
    Strict,
    failure,
    matching,
)
from reconciler.manifests.problems import did_you_mean, dotted, validate
from reconciler.manifests.vocabulary import HOST
from reconciler.manifests.yamltree import Document, Limits, locate, parse
from reconciler.secrets import EnvSource, FileSource, SecretRule, SecretSource, confined

EnvName = Annotated[
    str,
    matching(
        r"[A-Za-z_][A-Za-z0-9_]{0,255}",
        LITERAL,
        "the name of an environment variable stands here, never its value",
        "ORQ_API_KEY",
        hint="letters, digits and '_', and no digit first",
    ),
]
Host = Annotated[
    str,
    matching(
        HOST,
        "host",
        "a host is a name or an address in small letters, with a port if it matters",
        "llm.example.com",
        "10.0.0.7:8443",
        hint="without https:// and without a path",
    ),
]
LocalPath = Annotated[
    str, matching(r"[^\x00-\x1f\x7f]+", "path", "a path is not empty and has no control characters")
]


class SecretFrom(Strict):
    """Where a secret comes from: an environment variable or a file."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["env"]}, {"required": ["file"]}]},
    )

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise failure(
                LITERAL,
                "a secret is never written in this file",
                "write {env: NAME}, the variable that holds it, or {file: PATH}",
            )
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.env is None) == (self.file is None):
            hint = "keep one of them" if self.env else "add the name of the variable as `env`"
            raise failure("secret-source", "a secret comes from either `env` or `file`", hint)
        return self

    env: Omittable[EnvName] = Field(None, description="The variable's name, never its value.")
    file: Omittable[LocalPath] = Field(
        None,
        description="A file that holds it, relative to reconciler.yaml and inside one of `secret_folders`.",
        examples=["/run/secrets/orq-token"],
    )

    @property
    def key(self) -> str:
        """The field that says where it comes from."""
        return "file" if self.env is None else "env"


class SecretEntry(SecretFrom):
    """A secret that manifests may name, and the hosts that it may reach."""

    hosts: Annotated[list[Host], Field(min_length=1)] = Field(
        description="The upstream hosts that it may be used for; "
        "the registry's own host where a manifest names no upstream."
    )
    insecure_http: bool = Field(
        default=False,
        description="Allow `reconciler probe` to send it over http:// to a host other than this machine.",
    )


IBM_TOKEN_URLS: Final = {
    "iam": "https://iam.cloud.ibm.com/identity/token",
    "mcsp": "https://iam.platform.saas.ibm.com/siusermgr/api/1.0/apikeys/token",
}
"""IBM's public token endpoints, as the vendor's own client has them (ibm-watsonx-orchestrate 2.19)."""


class AuthEntry(Strict):
    """An API key that is exchanged for access tokens, which end after a while and are renewed."""

    ibm_api_key: SecretFrom = Field(
        description="Where the IBM API key comes from; it goes to `token_url` alone."
    )
    token_url: Omittable[BaseUrl] = Field(
        None,
        description="The token endpoint, with its path; IBM's public one if left out.",
        examples=list(IBM_TOKEN_URLS.values()),
    )
    form: Omittable[Literal["iam", "mcsp"]] = Field(
        None,
        description="How the endpoint is asked: as IBM Cloud's IAM or as the Multi-Cloud SaaS Platform; "
        "if left out, `mcsp` for a path that ends with /apikeys/token, else `iam`.",
    )

    @property
    def asked(self) -> tuple[str, Literal["iam", "mcsp"]]:
        """The address of the token endpoint, and the form in which it is asked."""
        by_path = (self.token_url or "").rstrip("/").endswith("/apikeys/token")
        form = self.form or ("mcsp" if by_path else "iam")
        return self.token_url or IBM_TOKEN_URLS[form], form


Pattern = Annotated[
    str,
    matching(
        r"[^\x00-\x1f\x7f]+",
        "pattern",
        "what is protected is a name, a glob as prod-*, or label=value",
        "prod-*",
        "tier=critical",
    ),
]


class PriceChange(Strict):
    """How far a price may move in one change. A move beyond that needs an acknowledgement."""

    rise: Omittable[ShareOfPrice] = Field(None, description="The largest rise.", examples=["25%"])
    fall: Omittable[ShareOfPrice] = Field(None, description="The largest fall.", examples=["50%"])


class Guards(Strict):
    """Rules that refuse until somebody acknowledges it."""

    most_actions: Omittable[Annotated[int, Field(ge=0)]] = Field(
        None,
        description="The most creates and updates that one run may do; on a registry, that it may do there.",
        examples=[50],
    )
    update_share: Omittable[ShareOfModels] = Field(
        None,
        description="The share of a registry's own models that one run may update, once it holds 10 or more; "
        "30% if left out. Creates do not count.",
        examples=["30%", "100%"],
    )
    protected: Omittable[list[Pattern]] = Field(
        None,
        description="What no run may update: manifests by name, glob or label=value.",
        examples=[["prod-*", "tier=critical"]],
    )
    price_change: Omittable[PriceChange] = Field(None, description="How far a price may move at once.")


class RegistryEntry(Strict):
    """One live registry. `url` for a server, or `embedded` for one in a local file."""

    kind: str = Field(description="The adapter that speaks to it.", examples=["orq"])
    url: Omittable[BaseUrl] = Field(
        None, description="Its address, without the API's own path.", examples=["https://api.orq.ai"]
    )
    embedded: Omittable[LocalPath] = Field(
        None,
        description="A SQLite file, relative to reconciler.yaml; needs no server and no token.",
        examples=[".reconciler/registry.db"],
    )
    probe: Omittable[bool] = Field(
        None,
        description="Whether an embedded registry asks an OpenAI-compatible endpoint before it stores a "
        "model of it, as Orq does; true if left out. Only for `embedded`.",
        examples=[False],
    )
    token: Omittable[SecretFrom] = Field(
        None,
        description="Where the bearer token comes from; only for `url`.",
        examples=[{"env": "ORQ_API_KEY"}],
    )
    auth: Omittable[AuthEntry] = Field(
        None,
        description="An API key to exchange for tokens, in place of `token`.",
        examples=[{"ibm_api_key": {"env": "WXO_API_KEY"}}],
    )
    requests_per_minute: Omittable[Annotated[int, Field(ge=1, le=600_000)]] = Field(
        None, description="Never more in any minute; the kind's own default if left out.", examples=[300]
    )
    concurrency: Annotated[int, Field(ge=1, le=64)] = Field(8, description="Calls in flight at once.")
    unheld: Literal["report", "refuse"] = Field(
        "report",
        description="What to do with a declared field that this kind has no place for: "
        "name it in the plan, or refuse the action.",
    )
    read_only: bool = Field(
        default=False, description="Plan for it, show it, import from it, and never write to it."
    )
    guards: Omittable[Guards] = Field(
        None,
        description="Rules for this registry. Each that is written here takes the place of the general one, "
        "but `most_actions`, which counts this registry alone, beside the one for the whole run.",
        examples=[{"update_share": "100%"}],
    )
    insecure_http: bool = Field(
        default=False,
        description="Allow http:// to a host other than this machine; the token or key travels in clear.",
    )

    @model_validator(mode="after")
    def _one_target(self) -> RegistryEntry:
        given = self.model_fields_set
        if ("url" in given) == ("embedded" in given):
            hint = "keep one of them" if "url" in given else "add the address of the server as `url`"
            raise failure("registry-target", "a registry has either `url` or `embedded`", hint)
        if "embedded" in given and "token" in given:
            raise failure("registry-target", "an embedded registry needs no `token`", "remove it")
        if "embedded" in given and "auth" in given:
            raise failure("registry-target", "an embedded registry needs no `auth`", "remove it")
        if {"token", "auth"} <= given:
            hint = "keep `auth` for an API key that is exchanged for tokens, else `token`"
            raise failure("registry-target", "a registry has either `token` or `auth`", hint)
        if "url" in given and "probe" in given:
            raise failure("registry-target", "`probe` is for an embedded registry", "remove it")
        return self

    @property
    def credential(self) -> Credential | None:
        """The secret that lets us in."""
        if self.token:
            return Credential(self.token, "token", ("token",))
        if self.auth:
            return Credential(self.auth.ibm_api_key, "API key", ("auth", "ibm_api_key"))
        return None


class Credential(NamedTuple):
    """Where a secret comes from, what it is, and where an entry says so."""

    source: SecretFrom
    what: str
    path: tuple[str, ...]


class ApprovalRules(Strict):
    """What `apply --approved` takes for approved."""

    allow_direct_push: bool = Field(
        default=False,
        description="Apply a push that no merged request made, with everything that it plans.",
    )


class Config(Strict):
    """`reconciler.yaml`: which registries there are, and which secrets may go where."""

    apiVersion: Literal["reconciler/v1"] = Field(  # noqa: N815 - the field's name is given
        description="The version of this format."
    )
    kind: Literal["Config"] = Field(description="The kind of document.")
    manifests: LocalPath = Field("models/", description="The folder of manifests, relative to this file.")
    default_registries: Omittable[Annotated[list[Name], Field(min_length=1)]] = Field(
        None, description="Where a manifest goes that names no registries."
    )
    registries: Annotated[dict[Name, RegistryEntry], Field(min_length=1)] = Field(
        description="Every registry, by the name that manifests use."
    )
    journal: LocalPath = Field(
        ".reconciler/journal",
        description="The folder where every apply is recorded, relative to this file.",
        examples=["/var/lib/reconciler/journal"],
    )
    guards: Omittable[Guards] = Field(None, description="Rules that refuse, beyond those that always hold.")
    approval: Omittable[ApprovalRules] = Field(
        None, description="What `apply --approved` takes for approved."
    )
    policies: Omittable[Annotated[list[LocalPath], Field(min_length=1)]] = Field(
        None,
        description="The team's own JSON Schemas that every manifest must meet: files, or patterns of files, "
        "relative to this file and inside its folder.",
        examples=[["policies/*.json"]],
    )
    secrets: dict[SecretName, SecretEntry] = Field(
        default_factory=dict, description="All that manifests may name, and where each may go."
    )
    secret_folders: Omittable[Annotated[list[LocalPath], Field(min_length=1)]] = Field(
        None,
        description="The folders that a secret's `file` may be in; none if left out.",
        examples=[["/run/secrets"]],
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LoadedConfig:
    """A valid reconciler.yaml and where it stands."""

    value: Config
    document: Document
    folder: Path

    @property
    def file(self) -> str:
        return self.document.file

    @property
    def manifests(self) -> Path:
        return self.folder / self.value.manifests

    @property
    def journal(self) -> Path:
        return self.folder / self.value.journal

    def database(self, registry: str) -> Path:
        """The embedded registry's file. Only for entries with `embedded`."""
        return self.folder / (self.value.registries[registry].embedded or "")

    def target(self, registry: str) -> str:
        """What tells a registry from those of other checkouts: its address, or the whole path of its file."""
        return self.value.registries[registry].url or f"embedded:{self.database(registry).resolve()}"

    def place(self, *path: str | int, key: bool = False) -> Place:
        return locate(self.document, path, key=key)

    def source(self, given: SecretFrom, *path: str) -> SecretSource:
        """Where to read the secret that ``given`` at ``path`` speaks of."""
        if given.env is not None:
            return EnvSource(given.env)
        file = given.file or ""
        folders = tuple(self._absolute(folder) for folder in self.value.secret_folders or ())
        return FileSource(file, self._absolute(file), folders, str(self.place(*path, "file")))

    def credential(self, registry: str) -> SecretSource | None:
        """Where to read what lets us into ``registry``; None where nothing does."""
        found = self.value.registries[registry].credential
        return self.source(found.source, "registries", registry, *found.path) if found else None

    def _absolute(self, path: str) -> Path:
        # Not resolved: `a/../b` is another place than `b` where `a` is a link.
        return self.folder.absolute() / path

    def secret_rules(self) -> Mapping[str, SecretRule]:
        return {
            name: SecretRule(
                name, self.source(entry, "secrets", name), frozenset(entry.hosts), entry.insecure_http
            )
            for name, entry in self.value.secrets.items()
        }


def load_config(path: Path, shown_as: str) -> LoadedConfig:
    """Reads and checks reconciler.yaml.

    Raises InputError with every mistake.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(Limits().file_bytes + 1)
    except OSError as error:
        reason = error.strerror or "cannot be read"
        hint = "run in the folder that holds reconciler.yaml, or say where it is with --config FILE"
        raise InputError([Problem("config-unreadable", reason, Place(shown_as), hint)]) from None
    if len(data) > Limits().file_bytes:
        message = f"the file has more than {Limits().file_bytes:,} bytes"
        raise InputError([Problem("file-too-large", message, Place(shown_as))])
    return read_config(data, shown_as, path.parent)


def read_config(data: bytes, shown_as: str, folder: Path) -> LoadedConfig:
    """Checks the text of a reconciler.yaml that stands in ``folder``.

    Raises InputError with every mistake.
    """
    documents, problems = parse(data, shown_as)
    if not problems and len(documents) != 1:
        place = Place(shown_as) if not documents else Place(shown_as, documents[1].line, documents[1].column)
        hint = "remove the other ones" if documents else "it needs apiVersion, kind and registries"
        problems = [Problem("config-documents", "reconciler.yaml holds exactly one document", place, hint)]
    if problems:
        raise InputError(problems)
    config, problems = validate(Config, documents[0])
    if config is None:
        raise InputError(problems)
    loaded = LoadedConfig(config, documents[0], folder)
    problems = list(_cross_checks(loaded))
    if problems:
        raise InputError(problems)
    return loaded


def _cross_checks(config: LoadedConfig) -> Iterator[Problem]:
    addresses: dict[_AddressPath, _Address] = {}
    for path, url in _urls(config):
        try:
            addresses[path] = _address(url)
        except ValueError:
            place = config.place("registries", *path)
            hint = "in brackets stands an IPv6 address, as http://[::1]:8080"
            yield Problem("url", "the host is not an address", place, hint, ".".join(("registries", *path)))
    yield from _same_system(config, addresses)
    yield from _plain_http(config, addresses)
    yield from _secret_files(config)
    yield from _token_as_secret(config)
    for index, name in enumerate(config.value.default_registries or ()):
        if name not in config.value.registries:
            where = f"default_registries[{index}]"
            yield unknown_registry(config, name, config.place("default_registries", index), where)


_AddressPath = tuple[str, ...]
"""Where an address stands below `registries`; its first step is the registry's name."""


def _urls(config: LoadedConfig) -> Iterator[tuple[_AddressPath, str]]:
    for name, entry in config.value.registries.items():
        if entry.url:
            yield (name, "url"), entry.url
        if entry.auth and entry.auth.token_url:
            yield (name, "auth", "token_url"), entry.auth.token_url


def unknown_registry(config: LoadedConfig, name: str, place: Place, path: str) -> Problem:
    """The mistake of naming a registry that reconciler.yaml does not have."""
    known = sorted(config.value.registries)
    return Problem(
        "unknown-registry",
        f"no registry is named '{name}'",
        place,
        did_you_mean(name, known) or f"reconciler.yaml has {', '.join(known)}",
        path,
    )


class _Address(NamedTuple):
    scheme: str
    host: str
    port: int | None
    """None for the scheme's own."""
    path: str


def _address(url: str) -> _Address:
    """Raises ValueError for a host in brackets that is no IPv6 address."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return _Address(
        parts.scheme,
        _canonical((parts.hostname or "").rstrip(".")),
        None if parts.port == default else parts.port,
        parts.path.rstrip("/"),
    )


_OTHER_NAMES: Final = {"my.orq.ai": "api.orq.ai", "api.keywordsai.co": "api.respan.ai"}
"""Hosts that are another name of one system. Sources: the vendors' own API descriptions of several dates."""


def _canonical(host: str) -> str:
    """One spelling for an address, one name for a vendor's host, and one for this machine."""
    host = _OTHER_NAMES.get(host, host)
    with contextlib.suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    return "localhost" if host in {"127.0.0.1", "::1"} else host


def _same_system(config: LoadedConfig, addresses: Mapping[_AddressPath, _Address]) -> Iterator[Problem]:
    seen: dict[Any, str] = {}
    for name, entry in config.value.registries.items():
        if (name, "url") in addresses:
            _, host, port, path = addresses[name, "url"]
            # http and https, each on its own port, are one server. The token counts too: in many
            # registries it is the token that says which workspace is meant.
            target: Any = (entry.kind, host, port, path, _read_from(config.credential(name)))
        elif entry.embedded:
            # Kinds keep apart what they hold in one file.
            target = (entry.kind, config.database(name).resolve())
        else:
            continue
        first = seen.setdefault(target, name)
        if first != name:
            yield Problem(
                "same-system",
                f"'{name}' reaches the same system as '{first}'",
                config.place("registries", name, key=True),
                "keep one of them, or their runs overwrite each other",
                f"registries.{name}",
                (config.place("registries", first, key=True),),
            )


def _plain_http(config: LoadedConfig, addresses: Mapping[_AddressPath, _Address]) -> Iterator[Problem]:
    for path, address in addresses.items():
        allowed = config.value.registries[path[0]].insecure_http or is_loopback(address.host)
        if address.scheme == "http" and not allowed:
            yield Problem(
                "plain-http",
                f"http:// would send the {'token' if path[-1] == 'url' else 'API key'} in clear",
                config.place("registries", *path),
                "use https://, or set `insecure_http: true` on this registry",
                ".".join(("registries", *path)),
            )


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secret_files(config: LoadedConfig) -> Iterator[Problem]:
    """Files outside of the folders that are allowed. One that is not there may still come."""
    for path, given in _sources(config):
        source = config.source(given, *path)
        if not isinstance(source, FileSource):
            continue
        place, field = config.place(*path, "file"), dotted((*path, "file"))
        if "/" not in source.file and reads_like_one(source.file):
            message = "the path of a file stands here, never the secret itself"
            yield Problem(LITERAL, message, place, "write {env: NAME} or {file: PATH}", field)
        elif not source.folders:
            hint = "list the folder in `secret_folders` of reconciler.yaml"
            yield Problem("secret-file", "no folder is allowed to hold secrets", place, hint, field)
        elif confined(source.path, source.folders) is None:
            folders = ", ".join(config.value.secret_folders or ())
            yield Problem(
                "secret-file",
                f"'{source.file}' is in none of the `secret_folders`",
                place,
                f"they are {folders}; '..' and links count as where they lead",
                field,
                (config.place("secret_folders", key=True),),
            )


def _sources(config: LoadedConfig) -> Iterator[tuple[tuple[str, ...], SecretFrom]]:
    """Every secret of reconciler.yaml, and where it stands."""
    for name, entry in config.value.registries.items():
        if entry.credential:
            yield ("registries", name, *entry.credential.path), entry.credential.source
    for name, secret in config.value.secrets.items():
        yield ("secrets", name), secret


def _read_from(source: SecretSource | None) -> tuple[str, str] | None:
    """What is one for two sources that give the same secret."""
    if isinstance(source, FileSource):
        return "file", os.path.realpath(source.path)
    return ("env", source.env) if source else None


def _token_as_secret(config: LoadedConfig) -> Iterator[Problem]:
    used = {
        _read_from(config.credential(name)): (name, entry.credential)
        for name, entry in config.value.registries.items()
        if entry.credential
    }
    for name, entry in config.value.secrets.items():
        found = used.get(_read_from(config.source(entry, "secrets", name)))
        if found is not None:
            registry, credential = found
            shown = entry.env or f"'{entry.file}'"
            yield Problem(
                "token-as-secret",
                f"{shown} is the {credential.what} of registry '{registry}'; no manifest may name it",
                config.place("secrets", name, entry.key),
                f"use another {'variable' if entry.env else 'file'}",
                f"secrets.{name}.{entry.key}",
                (config.place("registries", registry, *credential.path, credential.source.key),),
            )
