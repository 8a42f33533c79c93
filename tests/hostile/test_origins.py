"""The token goes to the one origin that reconciler.yaml names, and is not sent in clear."""

from __future__ import annotations

import pytest

from reconciler.http.urls import BaseUrl

from .conftest import KINDS, TOKEN, House, _pages
from .server import HostileServer, says

STATUSES = (301, 302, 303, 307, 308)
ODD = {
    "itself": ("", "another path of the same origin"),
    "https": ("https://127.0.0.1/", "to https://127.0.0.1;"),
    "another scheme": ("file:///etc/passwd", "to file://;"),
    "a script": ("javascript:alert(1)", "redirected to "),
    "no address": ("http://[::1", "to an address that is not valid;"),
    "no host": ("http://xn--/", "redirected to "),
    "escapes": ("http://a\x1b[31m.example/", "to an address that is not valid;"),
    "a long one": ("http://" + "a" * 70_000 + ".example/", "redirected to "),
    "user information": ("http://user:hunter2@other.example/", "to http://other.example;"),
    "no scheme": ("//other.example/", "to http://other.example;"),
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_redirect_to_another_port_is_not_followed(house: House, status: int) -> None:
    with HostileServer() as other:
        url = other.url
        act = says(b"", status, headers={"location": f"{url}/x"})
        house.lists(act)
        plan = house.run("plan", "-o", "json")
        house.creates(act)
        apply = house.run("apply", "--yes", "-o", "json")
        assert other.asked == []
    assert plan.code == 1
    text = f"redirected to {url}; not followed, and nothing was sent there"
    assert all(text in one["failure"]["message"] for one in plan.document["registries"])
    assert all(text in one["failure"]["message"] for one in apply.document["outcome"]["results"])


@pytest.mark.parametrize("case", ODD)
def test_wherever_a_redirect_leads_the_answer_is_an_answer(house: House, case: str) -> None:
    """A write that was answered is not taken for one that was not sent, which would be sent again."""
    location, text = ODD[case]
    house.creates(says(b"", 302, headers={"location": location}))
    result = house.run("apply", "--yes", "-o", "json")
    assert result.code == 1
    for one in result.document["outcome"]["results"]:
        assert (one["status"], one["failure"]["code"]) == ("failed", "unexpected-answer")
        assert text in one["failure"]["message"]
        assert "not followed" in one["failure"]["message"]
        assert "hunter2" not in result.out
    for kind in KINDS:
        assert [asked.about for asked in house.servers[kind.name].asked].count(kind.creates) == 1


def test_the_address_of_a_next_page_is_not_followed(house: House) -> None:
    with HostileServer() as other:
        first = {"model_name": "gpt-4o", "affiliation_category": "standard"}
        pages = {"1": {"results": [first], "next": f"{other.url}/api/models/list/?page=2"}, "2": _pages([])}
        server = house.servers["respan"]
        server.honest = {("GET", "/api/providers/"): _pages([])}
        server.otherwise = lambda asked: says(pages[asked.target.partition("page=")[2][0]])
        assert house.run("plan", "--registry", "respan").code == 0
        assert other.asked == []
    assert [asked.path for asked in server.asked].count("/api/models/list/") == 2
    assert all(asked.headers["authorization"] == f"Bearer {TOKEN}" for asked in server.asked)


@pytest.mark.parametrize("host", ["10.0.0.1", "registry.example", "127.0.0.1.example", "localhost.example"])
def test_plain_http_to_another_machine_is_a_mistake(house: House, host: str) -> None:
    house.configure(orq=f"http://{host}:1")
    result = house.run("plan")
    assert result.code == 1
    assert "reconciler.yaml:5:25: http:// would send the token in clear" in result.err
    assert "insecure_http: true" in result.err
    assert [asked for server in house.servers.values() for asked in server.asked] == []


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *((one, True) for one in ("127.0.0.1", "127.9.9.9", "[::1]", "localhost", "LOCALHOST.")),
        *((one, False) for one in ("127.0.0.1.example", "localhost.example", "10.0.0.1", "[::2]", "0.0.0.0")),
    ],
)
def test_what_is_on_this_machine(host: str, here: bool) -> None:
    """No proxy of the environment gets what goes to this machine, and the token with it."""
    assert BaseUrl.parse(f"http://{host}:1", registry="one").is_loopback is here
