"""What an answer shows.

A clear no is an answer that understood the question and refused it, or one that leaves out what was asked
for. Everything else that is no yes (a limit, a fault, a time-out, a redirect, an answer cut short) says
nothing of the model: unknown. All words of an endpoint go through ``Voice``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from reconciler.http.answer import Answer, decode
from reconciler.http.text import LONGEST_WORDS, harmless
from reconciler.http.urls import redirect_target
from reconciler.manifests.problems import did_you_mean
from reconciler.probe.requests import MAX_COMPLETION_TOKENS, WORD
from reconciler.probe.results import Sight
from reconciler.secrets import Secret

_EXCERPT: Final = 200

_MOST_NAMES: Final = 1000
_LONGEST_NAME: Final = 256
"""What the search for the nearest name looks at: it takes long in long lists."""

_REFUSED: Final = frozenset({400, 404, 405, 415, 422, 501})
"""Statuses of an endpoint that answers otherwise, and does not do this."""

_HAS_NO_LIST: Final = frozenset({404, 405, 501})

_BESIDE_THE_POINT: Final = ("tool_choice", "max_tokens", MAX_COMPLETION_TOKENS)
"""Parameters that we send along: a refusal that names one of them leaves the question open."""


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer came. ``connected``: somebody was there."""

    reason: str
    connected: bool


Reply = Answer | Silence


@dataclass(frozen=True, slots=True)
class Voice:
    """Makes the words of the endpoint at ``base_url`` fit to print: its key struck out, control characters
    shown, cut."""

    base_url: str
    secrets: tuple[Secret, ...] = ()

    def clean(self, text: str, limit: int = LONGEST_WORDS) -> str:
        return harmless(text, self.secrets, limit=limit)

    def excerpt(self, answer: Answer) -> str:
        return self.clean(answer.body.decode("utf-8", "replace"), _EXCERPT)

    def words(self, answer: Answer) -> str:
        """The status, and the endpoint's own message, else how its answer begins."""
        said = _message(_json(answer))
        shown = self.excerpt(answer) if said is None else self.clean(said)
        return f"{_status(answer)}: {shown or 'no message'}"


def read_list(reply: Reply, voice: Voice, *, model: str) -> Sight:
    """Whether the list holds ``model``. An endpoint without a list is no fault."""
    if isinstance(reply, Answer) and reply.status in _HAS_NO_LIST:
        return Sight("unknown", f"{_status(reply)}: the endpoint has no list", reply.status)
    data, trouble = _body(reply, voice)
    if trouble is not None:
        return Sight("unknown", trouble.reason, trouble.status)
    listed = data.get("data") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        return _unknown(reply, voice, "the answer is no list of models")
    names = [name for one in listed if isinstance(one, dict) and isinstance(name := one.get("id"), str)]
    if model in names:
        return _yes(reply)
    hint = did_you_mean(model, [name for name in names if len(name) <= _LONGEST_NAME][:_MOST_NAMES])
    more = "" if hint is None else f"; {hint}"
    count = f"the {len(names)} models" if len(names) != 1 else "the one model"
    return Sight("no", voice.clean(f"not among {count} of its list{more}"), _code(reply))


def read_answer(reply: Reply, voice: Voice, *, kind: str | None) -> Sight:
    """Whether a completion, or for ``embedding`` an embedding, came."""
    data, trouble = _body(reply, voice)
    if trouble is not None:
        return trouble
    if kind == "embedding":
        vectors = data.get("data") if isinstance(data, dict) else None
        first = vectors[0] if isinstance(vectors, list) and vectors else None
        good = isinstance(first, dict) and bool(first.get("embedding"))
    else:
        good = bool(_choices(data))
    return _yes(reply) if good else _unknown(reply, voice, "the answer holds no result")


def read_stream(reply: Reply, voice: Voice) -> Sight:
    """Whether an event came that is no error."""
    trouble = _trouble(reply, voice)
    if trouble is not None:
        return trouble
    assert isinstance(reply, Answer)
    event = first_event(reply.body)
    if event is None:
        if reply.flaw is not None:
            return Sight("unknown", f"{_status(reply)}: {reply.flaw.text}", reply.status)
        said = "the answer came whole, not as a stream" if _choices(_json(reply)) else "no event came"
        return Sight("no", f"{_status(reply)}: {said}", reply.status)
    return _error_in(event, reply, voice) or _yes(reply)


def read_tools(reply: Reply, voice: Voice) -> Sight:
    """Whether the tool that had to be called was called."""

    def shown(message: Any) -> bool:
        calls = message.get("tool_calls")
        functions = [one.get("function") for one in calls or () if isinstance(one, dict)]
        return any(isinstance(one, dict) and one.get("name") == WORD for one in functions)

    return _shown(reply, voice, shown, "the answer does not call the tool that it had to call")


def read_json_schema(reply: Reply, voice: Voice) -> Sight:
    """Whether the answer has the form that it had to have."""

    def shown(message: Any) -> bool:
        try:
            data = json.loads(message.get("content") or "")
        except (TypeError, ValueError, RecursionError):
            return False
        return isinstance(data, dict) and WORD in data

    return _shown(reply, voice, shown, "the answer does not keep to the schema")


def read_vision(reply: Reply, voice: Voice) -> Sight:
    """Whether a picture was accepted. What the model makes of it is not looked at."""
    return read_answer(reply, voice, kind="chat")


def wants_other_limit(reply: Reply) -> bool:
    """Whether the model asks for the token limit by its newer name."""
    return (
        isinstance(reply, Answer)
        and reply.status in {400, 422}
        and MAX_COMPLETION_TOKENS in reply.body.decode("utf-8", "replace")
    )


def first_event(body: bytes) -> Any:
    """The JSON of the first event of a stream, of which every line is whole; None where none came."""
    for line in body.splitlines():
        if line.startswith(b"data:"):
            try:
                event = decode(line.removeprefix(b"data:"))
            except ValueError:  # such as [DONE]
                continue
            if isinstance(event, dict):
                return event
    return None


def _shown(reply: Reply, voice: Voice, shown: Callable[[Any], bool], otherwise: str) -> Sight:
    data, trouble = _body(reply, voice)
    if trouble is not None:
        return trouble
    choices = _choices(data)
    if not choices:
        return _unknown(reply, voice, "the answer holds no result")
    message = choices[0].get("message") if isinstance(choices[0], dict) else None
    if isinstance(message, dict) and shown(message):
        return _yes(reply)
    if isinstance(choices[0], dict) and choices[0].get("finish_reason") == "length":
        return Sight("unknown", "the answer was cut off at its token limit", _code(reply))
    return Sight("no", otherwise, _code(reply))


def _body(reply: Reply, voice: Voice) -> tuple[Any, Sight | None]:
    """The JSON of a good answer, or what the lack of one means."""
    trouble = _trouble(reply, voice)
    if trouble is not None:
        return None, trouble
    assert isinstance(reply, Answer)
    if reply.flaw is not None:
        return None, Sight("unknown", f"{_status(reply)}: {reply.flaw.text}", reply.status)
    try:
        data = decode(reply.body)
    except ValueError:
        return None, _unknown(reply, voice, "the answer is not JSON")
    return data, _error_in(data, reply, voice)


def _trouble(reply: Reply, voice: Voice) -> Sight | None:
    """What a reply means that is no success."""
    if isinstance(reply, Silence):
        return Sight("unknown", reply.reason)
    if reply.is_success:
        return None
    if 300 <= reply.status < 400:
        return Sight("unknown", voice.clean(_redirect(reply, voice.base_url)), reply.status)
    words = voice.words(reply)
    clear = reply.status in _REFUSED and not any(one in words for one in _BESIDE_THE_POINT)
    return Sight("no" if clear else "unknown", words, reply.status)


def _error_in(data: Any, reply: Answer, voice: Voice) -> Sight | None:
    """Some endpoints answer 200 and put an error into it."""
    if isinstance(data, dict) and data.get("error") and "choices" not in data and "data" not in data:
        said = voice.clean(_message(data) or "no message")
        return Sight("unknown", f"{_status(reply)} with an error: {said}", reply.status)
    return None


def _yes(reply: Reply) -> Sight:
    return Sight("yes", status=_code(reply))


def _code(reply: Reply) -> int | None:
    return reply.status if isinstance(reply, Answer) else None


def _unknown(reply: Reply, voice: Voice, what: str) -> Sight:
    assert isinstance(reply, Answer)
    excerpt = voice.excerpt(reply)
    shown = f": {excerpt}" if excerpt else ""
    return Sight("unknown", f"{_status(reply)}, but {what}{shown}", reply.status)


def _redirect(answer: Answer, base_url: str) -> str:
    location = answer.location
    try:
        where = redirect_target(base_url, location)[0] if location else "nowhere"
    except (httpx.InvalidURL, UnicodeError):
        where = "an address that is none"
    return f"{_status(answer)}: it redirects to {where}, which is not followed"


def _choices(data: Any) -> Sequence[Any]:
    choices = data.get("choices") if isinstance(data, dict) else None
    return choices if isinstance(choices, list) else ()


def _json(answer: Answer) -> Any:
    try:
        return decode(answer.body)
    except ValueError:
        return None


def _message(data: Any) -> str | None:
    """The message of an error, in the forms that are in use."""
    if isinstance(data, list) and data:
        data = data[0]
    for key in ("error", "message", "detail", "msg"):
        if not isinstance(data, dict):
            break
        said = data.get(key)
        if isinstance(said, str) and said:
            return said
        if isinstance(said, dict | list) and said:
            return _message(said)
    return None


def _status(answer: Answer) -> str:
    return f"{answer.status} {httpx.codes.get_reason_phrase(answer.status)}".rstrip()
