"""One transport for every registry: authentication, pace, retries, limits, and errors that say what happened.

Planning gets a ``ReadTransport``, which has no method that writes; only applying gets a ``Transport``.

::

    transport.py   ReadTransport and Transport: one call, its attempts, its verdict
    repeating.py   a call that is made again, and the waits in between
    clients.py     the pool of httpx clients, one per call in flight; TLS, proxies
    tokens.py      where the token of a call comes from, and how it gets onto a request
    exchange.py    an API key exchanged for access tokens, renewed before they end
    pace.py        how fast calls may start, and the pause that a registry asks for
    hints.py       how long a registry asks us to wait
    answer.py      an answer off the wire, inside limits of size and time, and its JSON
    judge.py       what an answer, or none, means for a read and for a write
    urls.py        base addresses, paths and their segments
    text.py        a registry's words made fit for a terminal, without secrets
"""

from reconciler.http.answer import Reply
from reconciler.http.exchange import AccessToken
from reconciler.http.pace import Clock, Pace
from reconciler.http.transport import ReadTransport, Settings, Transport
from reconciler.http.urls import quote_segment

__all__ = ["AccessToken", "Clock", "Pace", "ReadTransport", "Reply", "Settings", "Transport", "quote_segment"]
