"""``GET /v2/deployments``: pages of deployments, newest first.

Source: the API reference. Clients cannot create deployments here; ``seed`` puts them in.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.embedded import wire
from reconciler.embedded.answers import Refused, json_answer
from reconciler.embedded.orq.document import Document
from reconciler.embedded.store import Store

_LARGEST_PAGE = 50
_DEFAULT_PAGE = 10


@dataclass(frozen=True, slots=True)
class _Query:
    limit: int
    starting_after: str | None
    ending_before: str | None


def create_table(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE orq_deployment (
            position INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            created TEXT NOT NULL,
            document TEXT NOT NULL
        )
        """
    )


def put(connection: sqlite3.Connection, document: Document) -> None:
    """Adds a deployment, or replaces the one with its id."""
    connection.execute("DELETE FROM orq_deployment WHERE id = ?", (document["id"],))
    connection.execute(
        "INSERT INTO orq_deployment (id, created, document) VALUES (?, ?, ?)",
        (document["id"], document["created"], wire.dumps(document)),
    )


def routes(store: Store) -> Sequence[Route]:
    async def list_deployments(request: Request) -> Response:
        return json_answer(await run_in_threadpool(_page, store, _query(request.query_params)))

    return (Route("/v2/deployments", list_deployments, methods=["GET"]),)


def _query(parameters: QueryParams) -> _Query:
    limit = parameters.get("limit", str(_DEFAULT_PAGE))
    if not re.fullmatch(r"[0-9]{1,9}", limit) or not 1 <= int(limit) <= _LARGEST_PAGE:
        raise Refused(400, f"limit: must be an integer from 1 to {_LARGEST_PAGE}")
    after, before = parameters.get("starting_after"), parameters.get("ending_before")
    if after is not None and before is not None:
        # No source states it. A page cannot be on both sides.
        raise Refused(400, "starting_after, ending_before: send one of them")
    return _Query(int(limit), after, before)


def _page(store: Store, query: _Query) -> str:
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT id, document FROM orq_deployment ORDER BY created DESC, position DESC"
        ).fetchall()
    ids = [identity for identity, _ in rows]
    first, last, has_more = _span(ids, query)
    documents = ",".join(document for _, document in rows[first:last])
    return f'{{"object":"list","data":[{documents}],"has_more":{wire.dumps(has_more)}}}'


def _span(ids: list[str], query: _Query) -> tuple[int, int, bool]:
    """First and last index of the page, and whether there is more in the direction of reading."""
    if query.ending_before is not None:
        last = _index(ids, "ending_before", query.ending_before)
        first = max(0, last - query.limit)
        return first, last, first > 0
    first = 0 if query.starting_after is None else _index(ids, "starting_after", query.starting_after) + 1
    last = first + query.limit
    return first, last, last < len(ids)


def _index(ids: list[str], name: str, identity: str) -> int:
    if identity not in ids:
        # No source states it. An empty page would look like the end of the list.
        raise Refused(400, f"{name}: no deployment has this id")
    return ids.index(identity)
