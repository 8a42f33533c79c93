"""A secret from a file: inside the folders that reconciler.yaml allows, whatever links and races say."""

from __future__ import annotations

import json
import os
import socket
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler import secrets
from reconciler.connect import connect
from reconciler.errors import InputError, SecretError
from reconciler.http import AccessToken
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.secrets import LARGEST_FILE, FileSource, Secret, SecretRef, SecretStore

PLANTED = "sk-planted-Jb4Tz8Qn1Wc6"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project" / "secrets").mkdir(parents=True)
    (tmp_path / "outside").write_text("not for you")
    return tmp_path / "project"


def source(folder: Path, file: str, *folders: str) -> FileSource:
    allowed = tuple(folder / one for one in folders or ("secrets",))
    return FileSource(file, folder / file, allowed, "reconciler.yaml:7:12")


def read(folder: Path, file: str = "secrets/key", *folders: str) -> str:
    return source(folder, file, *folders).read("KEY", {}).reveal()


def refused(folder: Path, file: str = "secrets/key", *folders: str) -> str:
    with pytest.raises(SecretError) as caught:
        read(folder, file, *folders)
    assert PLANTED not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    assert file in caught.value.message
    assert "reconciler.yaml:7:12" in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (PLANTED, PLANTED),
        (f"{PLANTED}\n", PLANTED),
        (f"{PLANTED}\r\n", PLANTED),
        (f"{PLANTED}\n\n", f"{PLANTED}\n"),
        (f" {PLANTED} ", f" {PLANTED} "),
        ("ключ", "ключ"),
        ("x" * LARGEST_FILE, "x" * LARGEST_FILE),
    ],
)
def test_one_line_break_at_the_end_is_no_part_of_it(folder: Path, written: str, text: str) -> None:
    (folder / "secrets" / "key").write_bytes(written.encode())
    assert read(folder) == text


def test_a_mounted_secret_is_read_through_its_links_and_needs_no_mode(folder: Path) -> None:
    """As Kubernetes mounts one: `key` -> `..data/key`, `..data` -> a folder with the date."""
    dated = folder / "secrets" / "..2026_01_01"
    dated.mkdir()
    (dated / "key").write_text(PLANTED)
    (dated / "key").chmod(0o644)
    (folder / "secrets" / "..data").symlink_to("..2026_01_01")
    (folder / "secrets" / "key").symlink_to("..data/key")
    assert read(folder) == PLANTED


def test_the_allowed_folder_may_be_a_link_itself(folder: Path) -> None:
    (folder / "secrets" / "key").write_text(PLANTED)
    (folder / "linked").symlink_to("secrets")
    assert read(folder, "linked/key", "linked") == PLANTED
    assert read(folder, "secrets/key", "elsewhere", "linked") == PLANTED


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)  # an address of a socket is short
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


MADE: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing", lambda _path: None, "does not exist"),
    ("empty", lambda path: path.write_text(""), "is empty"),
    ("blank", lambda path: path.write_text(" \r\n\n"), "is empty"),
    ("too large", lambda path: path.write_text(PLANTED * 4000), "more than 65,536 bytes"),
    ("endless", lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 1 << 40), "more than"),
    ("no UTF-8", lambda path: path.write_bytes(PLANTED.encode() + b"\xff"), "is not UTF-8"),
    ("a folder", lambda path: path.mkdir(), "is no regular file"),
    ("a pipe", _fifo, "is no regular file"),
    ("a socket", _socket, "is no regular file"),
    ("a device", lambda path: path.symlink_to("/dev/zero"), "in none of the `secret_folders`"),
    ("a link outside", lambda path: path.symlink_to("../../outside"), "in none of the `secret_folders`"),
    ("a loop of links", _loop, "is no regular file"),
]


@pytest.mark.parametrize(("make", "why"), [pytest.param(*case[1:], id=case[0]) for case in MADE])
def test_a_file_that_holds_no_secret(folder: Path, make: Callable[[Path], object], why: str) -> None:
    make(folder / "secrets" / "key")
    assert why in refused(folder)


@pytest.mark.parametrize(
    "file",
    [
        "../outside",
        "secrets/../../outside",
        "secrets",
        "secrets/",
        "secrets/.",
        "secrets-2/key",
        "/etc/passwd",
    ],
)
def test_a_path_that_leads_out_of_the_folders(folder: Path, file: str) -> None:
    (folder / "secrets-2").mkdir()
    (folder / "secrets-2" / "key").write_text(PLANTED)
    assert "is in none of the `secret_folders`" in refused(folder, file)


def test_a_folder_on_the_way_that_is_a_link_outside(folder: Path) -> None:
    (folder / "secrets" / "up").symlink_to("../..")
    assert "is in none" in refused(folder, "secrets/up/outside")


def test_a_file_on_the_way_where_a_folder_should_be(folder: Path) -> None:
    (folder / "secrets" / "key").write_text(PLANTED)
    assert "does not exist" in refused(folder, "secrets/key/more")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_this_user_may_not_read(folder: Path) -> None:
    (folder / "secrets" / "key").write_text(PLANTED)
    (folder / "secrets" / "key").chmod(0)
    assert "cannot be read: Permission denied" in refused(folder)


@pytest.mark.parametrize("swapped", ["the file", "its folder"])
def test_a_link_that_comes_between_the_check_and_the_opening_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    inner = folder / "secrets" / "inner"
    inner.mkdir()
    (inner / "outside").write_text("a secret")
    honest = secrets.confined

    def confined_then_swapped(*arguments: Any) -> Any:
        found = honest(*arguments)
        if swapped == "the file":
            (inner / "outside").unlink()
            (inner / "outside").symlink_to("../../../outside")
        elif not inner.is_symlink():
            inner.rename(folder / "aside")
            inner.symlink_to("../..")
        monkeypatch.setattr(secrets, "confined", honest)
        return found

    monkeypatch.setattr(secrets, "confined", confined_then_swapped)
    message = refused(folder, "secrets/inner/outside")
    assert any(why in message for why in ("is no regular file", "cannot be read", "does not exist"))


def test_a_secret_that_is_mounted_anew_meanwhile_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("old", "new"):
        (folder / "secrets" / name).mkdir()
        (folder / "secrets" / name / "key").write_text(name)
    data = folder / "secrets" / "data"
    data.symlink_to("old")
    honest = secrets.confined

    def confined_then_mounted(*arguments: Any) -> Any:
        found = honest(*arguments)
        if data.readlink() == Path("old"):
            data.unlink()
            data.symlink_to("new")
            (folder / "secrets" / "old" / "key").unlink()
        return found

    monkeypatch.setattr(secrets, "confined", confined_then_mounted)
    assert read(folder, "secrets/data/key") == "new"


def test_a_writer_that_never_comes_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "secrets" / "key")
    done = threading.Event()

    def run() -> None:
        refused(folder)
        done.set()

    threading.Thread(target=run, daemon=True).start()
    assert done.wait(10)


def open_files() -> set[str]:
    table = Path("/proc/self/fd")
    return {one.name for one in table.iterdir()} if table.exists() else set()


def test_no_file_stays_open(folder: Path) -> None:
    (folder / "secrets" / "deep").mkdir()
    (folder / "secrets" / "deep" / "key").write_text(PLANTED)
    before = open_files()
    read(folder, "secrets/deep/key")
    refused(folder, "secrets/deep/other")
    refused(folder, "secrets/deep")
    after = open_files()
    assert after == before


# ---- through reconciler.yaml


def config(folder: Path, text: str) -> LoadedConfig:
    file = folder / "reconciler.yaml"
    file.write_text(f"apiVersion: reconciler/v1\nkind: Config\n{text}")
    return load_config(file, "reconciler.yaml")


@pytest.fixture(params=["relative", "absolute"])
def base(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, also as the current one: a path in the file is relative to the file."""
    monkeypatch.chdir(folder)
    return Path() if request.param == "relative" else folder


def test_a_token_from_a_file(base: Path) -> None:
    (base / "secrets" / "token").write_text(f"{PLANTED}\n")
    loaded = config(
        base,
        "secret_folders: [secrets]\n"
        'registries: {a: {kind: orq, url: "https://api.orq.ai", token: {file: secrets/token}}}\n',
    )
    connection = connect(loaded, "a", {})
    assert isinstance(connection.token, Secret)
    assert connection.token.reveal() == PLANTED
    assert PLANTED not in repr((loaded, connection))


def test_an_api_key_from_a_file_is_named_by_its_file(folder: Path) -> None:
    (folder / "secrets" / "wxo").write_text(PLANTED)
    loaded = config(
        folder,
        "secret_folders: [secrets]\nregistries:\n"
        '  a: {kind: watsonx, url: "https://wxo.example.com", auth: {ibm_api_key: {file: secrets/wxo}}}\n',
    )
    token = connect(loaded, "a", {}).auth
    assert isinstance(token, AccessToken)
    assert token.name == "'secrets/wxo', the API key of registry 'a'"


def test_a_file_that_is_not_there_is_told_with_its_place_when_it_is_needed(folder: Path) -> None:
    loaded = config(
        folder,
        "secret_folders: [secrets]\nregistries:\n"
        '  a: {kind: orq, url: "https://api.orq.ai", token: {file: secrets/token}}\n'
        "  b: {kind: orq, embedded: b.db}\n",
    )
    connect(loaded, "b", {})
    with pytest.raises(SecretError) as caught:
        connect(loaded, "a", {})
    assert caught.value.message == (
        "the token of registry 'a': the file 'secrets/token' does not exist (reconciler.yaml:5:59)"
    )


def test_a_link_that_leads_out_is_told_before_anything_is_read(folder: Path) -> None:
    (folder / "secrets" / "key").symlink_to("../../outside")
    with pytest.raises(InputError) as caught:
        config(
            folder,
            "secret_folders: [secrets]\nregistries: {a: {kind: orq, embedded: a.db}}\n"
            "secrets: {KEY: {file: secrets/key, hosts: [a.example.com]}}\n",
        )
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.place)) == ("secret-file", "reconciler.yaml:5:23")


def test_two_ways_to_the_file_of_a_token_are_one(folder: Path) -> None:
    (folder / "secrets" / "token").write_text(PLANTED)
    (folder / "secrets" / "key").symlink_to("token")
    with pytest.raises(InputError) as caught:
        config(
            folder,
            "secret_folders: [secrets]\n"
            'registries: {a: {kind: orq, url: "https://api.orq.ai", token: {file: secrets/token}}}\n'
            "secrets: {KEY: {file: secrets/key, hosts: [a.example.com]}}\n",
        )
    assert [problem.code for problem in caught.value.problems] == ["token-as-secret"]


def test_a_secret_of_a_manifest_goes_only_where_its_list_says_and_is_read_once(folder: Path) -> None:
    key = folder / "secrets" / "key"
    key.write_text(PLANTED)
    loaded = config(
        folder,
        "secret_folders: [secrets]\nregistries: {a: {kind: orq, embedded: a.db}}\n"
        "secrets: {KEY: {file: secrets/key, hosts: [a.example.com]}}\n",
    )
    store = SecretStore(loaded.secret_rules(), {})
    with pytest.raises(SecretError, match="may not be sent to"):
        store.resolve(SecretRef("KEY"), ["b.example.com"])
    assert store.resolve(SecretRef("KEY"), ["a.example.com"]).reveal() == PLANTED
    key.unlink()
    assert store.resolve(SecretRef("KEY"), ["a.example.com"]).reveal() == PLANTED
    assert PLANTED not in repr(store)
    assert PLANTED not in json.dumps(str(store))
