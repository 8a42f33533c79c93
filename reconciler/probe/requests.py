"""The requests of a probe, each as small as its question allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Body = dict[str, Any]

WORD: Final = "answer"
"""The name of the tool, of the schema and of its one field."""

LONGER: Final = 128
"""Tokens that a call of a tool or a small document may take."""

MAX_TOKENS: Final = "max_tokens"
MAX_COMPLETION_TOKENS: Final = "max_completion_tokens"
"""What models that reason before they answer call the same limit; they refuse the other name."""

CAPABILITIES: Final = ("streaming", "tools", "json_schema", "vision")
"""What a chat model is asked to show."""

Limit = Literal["max_tokens", "max_completion_tokens"]

_SCHEMA: Final[Body] = {
    "type": "object",
    "properties": {WORD: {"type": "string"}},
    "required": [WORD],
    "additionalProperties": False,
}

# A red square of 32 x 32 pixels: some endpoints refuse pictures that are smaller.
_PICTURE: Final = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgUAgEAgE"
    "gi/BAjLD/C5w/SM9AAAAAElFTkSuQmCC"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``path`` is below the base address; ``streamed``: read only to its first event."""

    about: str
    method: str
    path: str
    body: Body | None = field(default=None, repr=False)
    streamed: bool = False


LIST: Final = Request("listed", "GET", "/models")


def completion(kind: str | None, model: str) -> Request | None:
    """The smallest answer of a model of this type; None for a type that is only looked up in the list."""
    if kind == "chat":
        return _chat("answers", model, MAX_TOKENS, 1)
    if kind == "completion":
        body: Body = {"model": model, "prompt": "ping", "max_tokens": 1}
        return Request("answers", "POST", "/completions", body)
    if kind == "embedding":
        return Request("answers", "POST", "/embeddings", {"model": model, "input": "ping"})
    return None


def capability(name: str, model: str, limit: Limit) -> Request:
    """What shows ``name``, one of CAPABILITIES. ``limit`` is the model's word for the token limit."""
    if name == "streaming":
        return _chat(name, model, limit, 1, stream=True)
    if name == "tools":
        function = {"name": WORD, "description": "Gives the answer.", "parameters": _SCHEMA}
        forced = {"type": "function", "function": {"name": WORD}}
        tools = [{"type": "function", "function": function}]
        return _chat(name, model, limit, LONGER, tools=tools, tool_choice=forced)
    if name == "json_schema":
        form = {"type": "json_schema", "json_schema": {"name": WORD, "strict": True, "schema": _SCHEMA}}
        return _chat(name, model, limit, LONGER, response_format=form)
    picture = {"type": "image_url", "image_url": {"url": _PICTURE}}
    return _chat(name, model, limit, 1, content=[{"type": "text", "text": "ping"}, picture])


def _chat(
    about: str, model: str, limit: Limit, tokens: int, *, content: Any = "ping", **options: Any
) -> Request:
    body = {"model": model, "messages": [{"role": "user", "content": content}], limit: tokens, **options}
    return Request(about, "POST", "/chat/completions", body, streamed=bool(options.get("stream")))
