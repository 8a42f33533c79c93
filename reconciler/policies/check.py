"""Manifests against policies, within a limit of time."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final

from jsonschema import ValidationError
from jsonschema.exceptions import best_match

from reconciler.errors import Place, Problem
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.problems import dotted
from reconciler.manifests.yamltree import UNREADABLE, Document, locate
from reconciler.policies.library import Library, Policy, reason_of
from reconciler.policies.rules import AT_THE_KEY, words
from reconciler.stages import staged

SECONDS: Final = 5.0
"""Of processor time, for one manifest and one policy."""
_MOST: Final = 100  # mistakes of one manifest by one policy


@staged("policies")
def check_policies(
    config: LoadedConfig, documents: Iterable[Document], *, seconds: float = SECONDS
) -> list[Problem]:
    """Every mistake of the policies that ``config`` names; where there is none, what ``documents`` violate.

    A document that could not be read whole is passed over: what is wrong with it is known.
    """
    library = Library.of(config)
    if library.problems:
        return library.problems
    problems: list[Problem] = []
    readable = [document for document in documents if _readable(document.root)]
    with _Clock(seconds) as clock:
        for policy in library.policies:
            for document in readable:
                try:
                    with clock.running():
                        problems += _violations(library, policy, document)
                except _OutOfTimeError:
                    problems.append(_too_slow(policy, document, seconds))
                    break  # or each of a thousand manifests would take that long
                except RecursionError:
                    place = locate(policy.document, ())
                    hint = "break the circle of its references"
                    problems.append(
                        Problem("policy-endless", "this policy leads back to itself", place, hint)
                    )
                    break
    return problems


def _readable(tree: Any) -> bool:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if node is UNREADABLE:
            return False
        if isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return True


def _violations(library: Library, policy: Policy, document: Document) -> Iterator[Problem]:
    for count, found in enumerate(policy.validator.iter_errors(document.root)):
        if count == _MOST:
            return
        yield _violation(library, policy, document, best_match([found]) or found)


def _violation(library: Library, policy: Policy, document: Document, error: ValidationError) -> Problem:
    path = list(error.absolute_path)
    keyword = error.validator
    place = locate(document, path, key=_at_key(error))
    written = library.written.get(id(error.schema))
    if written is None:  # a schema that is just `false`
        home, rule = policy.document, locate(policy.document, list(error.absolute_schema_path), key=True)
        reason, said = policy.reason, None
    else:
        home, schema = written
        in_it = keyword in schema
        rule = Place(home.file, *(schema.key_place(str(keyword)) if in_it else schema.place))
        reason, said = reason_of(schema) or policy.reason, schema.get(str(keyword))
    text = words(error, said).rstrip(".")
    return Problem("policy", f"{text} ({home.file})", place, reason, dotted(path), (rule,))


def _at_key(error: ValidationError) -> bool:
    if error.validator == "additionalProperties":
        return error.validator_value is False
    return bool(AT_THE_KEY & {error.validator, *error.absolute_schema_path})


def _too_slow(policy: Policy, document: Document, seconds: float) -> Problem:
    message = f"checking {document.file} took more than {seconds:g} s, so nothing further was checked"
    hint = "simplify its patterns: nested repetitions such as (a+)+ take for ever on some texts"
    place = locate(policy.document, ())
    return Problem("policy-slow", message, place, hint, None, (Place(document.file, document.line),))


class _OutOfTimeError(Exception):
    pass


class _Clock:
    """Raises _OutOfTimeError in the midst of what takes too long: a pattern may take for ever on a text.

    Counts the time of the processor, so that a busy machine makes nobody late. Only the main thread can be
    interrupted; in any other there is no limit.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._counts = False
        self._works = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> _Clock:
        if self._works:
            self._before = signal.signal(signal.SIGVTALRM, self._ring)
        return self

    def __exit__(self, *_: object) -> None:
        if self._works:
            signal.signal(signal.SIGVTALRM, self._before)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        if not self._works:
            yield
            return
        self._counts = True
        signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)
        try:
            yield
        finally:
            self._counts = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _ring(self, *_: object) -> None:
        if self._counts:  # else it rang while it was being stopped
            raise _OutOfTimeError
