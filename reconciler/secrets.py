"""Secrets are a type: a reference travels through the pipeline, its text appears only in a request body.

``SecretRef`` is what a manifest holds and what a plan may show. ``Secret`` is the text itself; it has
no ``repr``, ``str``, format, pickle or equality that could show it. ``SecretStore`` resolves references
against the list in reconciler.yaml, and only for the hosts that the list names. ``EnvSource`` and
``FileSource`` say where a text is read; a file only inside the folders that reconciler.yaml allows.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple, NoReturn

from reconciler.errors import SecretError

LARGEST_FILE: Final = 64 * 1024
"""Bytes of a file that holds a secret."""

_MOST_LOOKS: Final = 3
"""Whoever mounts secrets replaces them by moving a link, so a file may move while it is looked for."""


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


class EnvSource(NamedTuple):
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


class FileSource(NamedTuple):
    """Reads a secret from a file inside one of ``folders``.

    ``file`` is the path as it is written in reconciler.yaml, ``place`` where that is; ``path`` and
    ``folders`` are absolute.
    """

    file: str
    path: Path
    folders: tuple[Path, ...]
    place: str

    def read(self, name: str, environment: Mapping[str, str]) -> Secret:
        """The text, without one line break at its end.

        Raises SecretError where the file cannot be read, is no regular file, has more than LARGEST_FILE
        bytes, is empty or no UTF-8, or where links lead out of the folders.
        """
        del environment
        try:
            data, flaw = self._bytes()
        except OSError as error:
            data, flaw = b"", _why(error)
        text = "" if flaw else _text(data)
        if text is None:
            flaw = "is not UTF-8"
        elif not flaw and not text.strip():
            flaw = "is empty"
        # Outside of any handler: what fails to be decoded is in the decoder's own error.
        if text is None or flaw:
            raise SecretError(
                f"{name}: the file '{self.file}' {flaw} ({self.place})",
                hint=f"put the secret there as plain text, at most {LARGEST_FILE // 1024} KiB",
            )
        return Secret(name, text)

    def _bytes(self) -> tuple[bytes, str]:
        """What is in the file, and what is wrong with that. Raises OSError."""
        for look in range(1, _MOST_LOOKS + 1):
            found = confined(self.path, self.folders)
            if found is None:
                return b"", "is in none of the `secret_folders`"
            try:
                return _contents(*found)
            except FileNotFoundError:
                if look == _MOST_LOOKS:
                    raise
        raise AssertionError


def confined(path: Path, folders: Iterable[Path]) -> tuple[Path, tuple[str, ...]] | None:
    """The folder that holds ``path`` and the way from there to it, all links followed; None for no folder."""
    real = Path(os.path.realpath(path))
    for folder in folders:
        top = Path(os.path.realpath(folder))
        if real != top and real.is_relative_to(top):
            return top, real.relative_to(top).parts
    return None


def _contents(folder: Path, steps: tuple[str, ...]) -> tuple[bytes, str]:
    """What is in the file at ``steps`` below ``folder``, and what is wrong with that. Raises OSError.

    Every step starts from the folder before it, already open, and takes no link. So nothing that is
    moved or linked meanwhile can lead out of ``folder``.
    """
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in steps[:-1]:
            below = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        # To open a device can already do something, so it is asked before and, since it may be another
        # file by then, after. O_NONBLOCK: to open a FIFO waits for its writer.
        if not stat.S_ISREG(os.stat(steps[-1], dir_fd=here, follow_symlinks=False).st_mode):
            return b"", "is no regular file"
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with os.fdopen(os.open(steps[-1], flags, dir_fd=here), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return b"", "is no regular file"
            data = stream.read(LARGEST_FILE + 1)
    finally:
        os.close(here)
    return (data, "") if len(data) <= LARGEST_FILE else (b"", f"has more than {LARGEST_FILE:,} bytes")


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "does not exist"
    return f"cannot be read: {error.strerror or type(error).__name__}"


def _text(data: bytes) -> str | None:
    """None for what is not UTF-8."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


SecretSource = EnvSource | FileSource


class TokenExchange(NamedTuple):
    """An API key that buys access tokens: ``key`` goes to ``url`` alone, in the ``form`` that it takes.

    ``iam``: the form of IBM Cloud's IAM. ``mcsp``: the JSON of IBM's Multi-Cloud SaaS Platform.
    """

    key: Secret
    url: str
    form: Literal["iam", "mcsp"]


class SecretRule(NamedTuple):
    """One entry of ``secrets:`` in reconciler.yaml: where it is read, and the hosts it may go to."""

    name: str
    source: SecretSource
    hosts: frozenset[str]
    insecure_http: bool = False
    """Whether we ourselves may send it over http:// to another machine, as a probe does."""

    def refuse_hosts(self, hosts: Iterable[str]) -> tuple[str, ...]:
        """Those of ``hosts`` (``name`` or ``name:port``) that this secret may not be sent to."""
        return tuple(sorted(host for host in set(hosts) if not self._allows(host)))

    def _allows(self, host: str) -> bool:
        return host in self.hosts or host.rsplit(":", 1)[0] in self.hosts


@dataclass(slots=True, eq=False, repr=False)
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
