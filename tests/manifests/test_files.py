"""Which files of a folder are read, and what is said about those that cannot be."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Place, Problem
from reconciler.manifests.files import File, find_files, load_folder, read_files
from reconciler.manifests.yamltree import Limits


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def write(path: Path, text: str = "a: 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load(folder: Path, limits: Limits | None = None) -> tuple[list[str], list[tuple[str, str]]]:
    """The files of the documents, and code and place of each problem."""
    documents, problems = load_folder(folder, relative_to=folder.parent, limits=limits or Limits())
    return [d.file for d in documents], [(p.code, str(p.place)) for p in problems]


class TestFinding:
    def test_every_yaml_file_below_sorted_by_path(self, models: Path) -> None:
        names = ["b.yaml", "a/z.yml", "a/b/c.yaml", "a.yaml", "a-b.yaml", "x.yaml/in.yml"]
        for name in [*names, "a.json", "README.md", "yaml", "a.yaml.bak"]:
            write(models / name)
        files, regular, problems = find_files(models, shown_as=str)
        assert (regular, problems) == (set(files), [])
        assert [Path(file).relative_to(models).as_posix() for file in files] == sorted(names)

    def test_hidden_files_and_folders_are_passed_over(self, models: Path) -> None:
        for name in (".a.yaml", ".git/b.yaml", "c/.d/e.yaml", ".yaml"):
            write(models / name)
        assert load(models) == ([], [])

    def test_a_hidden_folder_can_be_the_folder(self, tmp_path: Path) -> None:
        write(tmp_path / ".models" / "a.yaml")
        assert load(tmp_path / ".models") == ([".models/a.yaml"], [])

    def test_one_file_stands_for_itself(self, models: Path) -> None:
        write(models / "a.yaml")
        write(models / "b.yaml")
        write(models / "c.txt")
        assert load(models / "a.yaml") == (["a.yaml"], [])
        assert load(models / "c.txt") == (["c.txt"], [])

    def test_a_folder_that_is_missing(self, tmp_path: Path) -> None:
        documents, (problem,) = load_folder(tmp_path / "models", relative_to=tmp_path)
        assert documents == []
        assert (problem.code, problem.place) == ("folder-missing", Place("models"))
        assert "'models'" in problem.message
        assert problem.hint

    @pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "file/below"])
    def test_a_folder_that_cannot_be(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / "file")
        documents, problems = load_folder(tmp_path / name, relative_to=tmp_path)
        assert documents == []
        assert [p.code for p in problems] == ["file-unreadable"]


class TestNames:
    def test_are_relative_where_possible(self, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(models / "a" / "b.yaml")
        monkeypatch.chdir(models.parent)
        for folder in (models, Path("models"), Path("./models")):
            documents, _ = load_folder(folder, relative_to=Path())
            assert [d.file for d in documents] == ["models/a/b.yaml"]

    def test_are_as_given_elsewhere(self, models: Path, tmp_path: Path) -> None:
        write(models / "a.yaml")
        documents, _ = load_folder(models, relative_to=tmp_path / "other")
        assert [d.file for d in documents] == [(models / "a.yaml").as_posix()]

    @pytest.mark.parametrize(
        ("raw", "shown"),
        [
            (b"a\n\x1b[31m.yaml", r"models/a\n\x1b[31m.yaml"),
            (b"\xff.yaml", r"models/\udcff.yaml"),
            ("é 😀.yaml".encode(), "models/é 😀.yaml"),
            ("a\u202eb.yaml".encode(), r"models/a\u202eb.yaml"),
        ],
    )
    def test_are_always_printable(self, models: Path, raw: bytes, shown: str) -> None:
        try:
            (models / os.fsdecode(raw)).write_text("a: .inf")
        except OSError:
            pytest.skip("this file system takes no such name")
        assert load(models) == ([shown], [("number-not-finite", f"{shown}:1:4")])


class TestLinks:
    def test_that_leave_the_folder_are_refused(self, models: Path, tmp_path: Path) -> None:
        write(tmp_path / "outside" / "a.yaml")
        (models / "file.yaml").symlink_to("../outside/a.yaml")
        (models / "folder").symlink_to(tmp_path / "outside")
        write(models / "sound.yaml")
        documents, problems = load_folder(models, relative_to=tmp_path)
        assert [d.file for d in documents] == ["models/sound.yaml"]
        assert [(p.code, str(p.place)) for p in problems] == [
            ("link-leaves-folder", "models/file.yaml:1:1"),
            ("link-leaves-folder", "models/folder:1:1"),
        ]
        assert "'../outside/a.yaml'" in problems[0].message

    def test_through_another_link_are_refused_too(self, models: Path, tmp_path: Path) -> None:
        write(tmp_path / "secret.yaml")
        (models / "a.yaml").symlink_to("b.yaml")
        (models / "b.yaml").symlink_to("../secret.yaml")
        assert load(models)[1] == [
            ("link-leaves-folder", "models/a.yaml:1:1"),
            ("link-leaves-folder", "models/b.yaml:1:1"),
        ]

    def test_to_what_would_not_be_read_are_passed_over(self, models: Path, tmp_path: Path) -> None:
        write(tmp_path / "README.md")
        (models / "README.md").symlink_to("../README.md")
        (models / "LOST.md").symlink_to("../LOST.md")
        (models / ".hidden.yaml").symlink_to("/etc/passwd")
        assert load(models) == ([], [])

    def test_read_no_file_twice_and_the_file_keeps_its_own_name(self, models: Path) -> None:
        write(models / "real" / "z.yaml")
        (models / "a.yaml").symlink_to("real/z.yaml")
        (models / "b").symlink_to("real")
        assert load(models) == (["models/real/z.yaml"], [])

    def test_lead_to_what_is_hidden(self, models: Path) -> None:
        """As a mounted ConfigMap does: file -> ..data/file, ..data -> ..2024/."""
        write(models / "..2024" / "a.yaml")
        write(models / "..2024" / "more" / "b.yaml")
        (models / "..data").symlink_to("..2024")
        (models / "a.yaml").symlink_to("..data/a.yaml")
        (models / "again.yaml").symlink_to("..data/a.yaml")
        (models / "more").symlink_to("..data/more")
        assert load(models) == (["models/a.yaml", "models/more/b.yaml"], [])

    def test_in_circles_end(self, models: Path) -> None:
        write(models / "a" / "x.yaml")
        (models / "a" / "up").symlink_to("..")
        (models / "a" / "self").symlink_to(".")
        (models / "root").symlink_to(models)
        assert load(models) == (["models/a/x.yaml"], [])

    @pytest.mark.parametrize("name", ["a.yaml", "folder"])
    def test_that_are_broken_are_reported(self, models: Path, name: str) -> None:
        (models / name).symlink_to("nowhere")
        assert load(models) == ([], [("file-unreadable", f"models/{name}:1:1")])

    def test_to_themselves_are_reported(self, models: Path) -> None:
        (models / "a.yaml").symlink_to("b.yaml")
        (models / "b.yaml").symlink_to("a.yaml")
        assert [code for code, _ in load(models)[1]] == ["file-unreadable"] * 2
        assert [code for code, _ in load(models / "a.yaml")[1]] == ["file-unreadable"]

    def test_the_folder_itself_may_be_one(self, models: Path, tmp_path: Path) -> None:
        write(models / "a.yaml")
        (tmp_path / "link").symlink_to("models")
        assert load(tmp_path / "link") == (["link/a.yaml"], [])

    def test_that_vanish_are_reported(
        self, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "outside.yaml")
        (models / "a.yaml").symlink_to("../outside.yaml")

        def gone(self: Path) -> Path:
            raise FileNotFoundError(2, "No such file or directory", str(self))

        monkeypatch.setattr(Path, "readlink", gone)
        assert load(models) == ([], [("file-unreadable", "models/a.yaml:1:1")])


class TestReading:
    def test_what_is_no_file_is_never_opened(self, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        os.mkfifo(models / "pipe.yaml")
        (models / "link.yaml").symlink_to("pipe.yaml")
        monkeypatch.chdir(models)  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket.yaml")
            expected = [("file-not-regular", f"models/{name}.yaml:1:1") for name in ("pipe", "socket")]
            assert load(models) == ([], expected)
        assert load(models / "pipe.yaml") == ([], [("file-not-regular", "pipe.yaml:1:1")])
        assert load(Path("/dev/zero")) == ([], [("file-not-regular", "zero:1:1")])

    def test_what_becomes_a_pipe_after_the_first_look(
        self, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between asking and opening, a file can be replaced: opening must not wait for a writer."""
        regular = write(models / "b.yaml").stat()
        os.mkfifo(models / "a.yaml")
        look = os.stat

        def too_early(path: Any, **options: Any) -> os.stat_result:
            return regular if str(path).endswith("a.yaml") else look(path, **options)

        monkeypatch.setattr(os, "stat", too_early)
        assert load(models) == (["models/b.yaml"], [("file-not-regular", "models/a.yaml:1:1")])

    @pytest.mark.parametrize("now", ["pipe", "link", "gone"])
    def test_what_is_replaced_after_the_folder_was_listed(self, models: Path, now: str) -> None:
        """The folder has said that it is a regular file; by the time it is opened it may be anything."""
        write(models / "a.yaml", "a: 1")
        write(models / "b.yaml", "b: 1")
        outside = write(models.parent / "outside.yaml", "secret: 1")
        reading = read_files(models, relative_to=models.parent)
        assert next(reading) == File("models/a.yaml", b"a: 1")
        (models / "b.yaml").unlink()
        if now == "pipe":
            os.mkfifo(models / "b.yaml")
        elif now == "link":
            (models / "b.yaml").symlink_to(outside)
        [problem] = reading
        assert isinstance(problem, Problem)
        code = "file-not-regular" if now == "pipe" else "file-unreadable"
        assert (problem.code, str(problem.place)) == (code, "models/b.yaml:1:1")

    def test_a_link_inside_the_folder_is_read_though_it_is_no_regular_file(self, models: Path) -> None:
        write(models / ".kept" / "a.yaml")
        (models / "a.yaml").symlink_to(".kept/a.yaml")
        assert find_files(models, shown_as=str).regular == set()
        assert load(models) == (["models/a.yaml"], [])

    def test_the_largest_file_that_is_read(self, models: Path) -> None:
        write(models / "fits.yaml", "a: 12345")
        write(models / "over.yaml", "a: 123456")
        assert load(models, Limits(file_bytes=8)) == (
            ["models/fits.yaml"],
            [("file-too-large", "models/over.yaml:1:1")],
        )

    def test_a_large_file_is_not_read(self, models: Path) -> None:
        with (models / "a.yaml").open("wb") as stream:
            stream.truncate(10 * 2**40)
        assert load(models) == ([], [("file-too-large", "models/a.yaml:1:1")])

    def test_a_file_that_grows_while_it_is_read(self, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = write(models / "a.yaml", "").stat()
        write(models / "a.yaml", "a: 1234567")
        monkeypatch.setattr(os, "fstat", lambda descriptor: before)
        assert load(models, Limits(file_bytes=4)) == ([], [("file-too-large", "models/a.yaml:1:1")])

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_without_permission(self, models: Path) -> None:
        write(models / "a.yaml").chmod(0)
        write(models / "sound.yaml")
        closed = write(models / "closed" / "b.yaml").parent
        closed.chmod(0)
        try:
            files, problems = load(models)
        finally:
            closed.chmod(0o700)
        assert files == ["models/sound.yaml"]
        assert sorted(problems) == [
            ("file-unreadable", "models/a.yaml:1:1"),
            ("file-unreadable", "models/closed:1:1"),
        ]

    def test_the_reason_of_the_system_is_told(self, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(models / "a.yaml")

        def refuse(*_: Any, **__: Any) -> Iterator[Any]:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "scandir", refuse)
        _, (problem,) = load_folder(models, relative_to=models.parent)
        assert (problem.code, problem.place) == ("file-unreadable", Place("models"))
        assert "Permission denied" in problem.message

    def test_all_mistakes_of_all_files_come_in_one_run(self, models: Path) -> None:
        write(models / "a.yaml", "a: 1\na: 2\n---\nb: 'x\n")
        write(models / "b.yaml", "x: .inf\ny: !t 1\n")
        (models / "c.yaml").write_bytes(b"\xff\xfe")
        write(models / "d.yaml", "- 1\n---\n- 2\n")
        (models / "e.yaml").symlink_to("nowhere")
        files, problems = load(models)
        assert files == ["models/a.yaml", "models/b.yaml", "models/d.yaml", "models/d.yaml"]
        assert sorted(problems, key=lambda p: p[1]) == [
            ("duplicate-key", "models/a.yaml:2:1"),
            ("syntax", "models/a.yaml:4:4"),
            ("number-not-finite", "models/b.yaml:1:4"),
            ("tag", "models/b.yaml:2:4"),
            ("encoding", "models/c.yaml:1:1"),
            ("file-unreadable", "models/e.yaml:1:1"),
        ]
