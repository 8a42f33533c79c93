"""YAML text becomes exact values, exact places and plain words about mistakes."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yaml._yaml import CParser

from reconciler.errors import Place, Problem
from reconciler.manifests.yamltree import (
    UNREADABLE,
    Document,
    Limits,
    Lines,
    Map,
    Seq,
    locate,
    parse,
)


def read(text: str | bytes, limits: Limits | None = None) -> tuple[list[Document], list[Problem]]:
    data = text.encode() if isinstance(text, str) else text
    return parse(data, "f.yaml", limits=limits or Limits())


def value_of(text: str) -> Any:
    """The one document of a text without mistakes."""
    documents, problems = read(text)
    assert problems == []
    (document,) = documents
    return document.root


def mistakes(text: str | bytes, limits: Limits | None = None) -> list[tuple[str, int, int]]:
    return [(p.code, p.place.line, p.place.column) for p in read(text, limits)[1]]


def only_problem(text: str | bytes) -> Problem:
    (problem,) = read(text)[1]
    return problem


class TestScalars:
    @pytest.mark.parametrize("text", ["null", "Null", "NULL", "~", ""])
    def test_null(self, text: str) -> None:
        assert value_of(f"a: {text}") == {"a": None}

    @pytest.mark.parametrize(
        ("text", "value"),
        [(word, True) for word in ("true", "True", "TRUE")]
        + [(word, False) for word in ("false", "False", "FALSE")],
    )
    def test_booleans(self, text: str, value: bool) -> None:
        assert value_of(f"a: {text}")["a"] is value

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("0", 0),
            ("-12", -12),
            ("+12", 12),
            ("007", 7),
            ("0o17", 15),
            ("0xfF", 255),
            ("9" * 40, 10**40 - 1),
        ],
    )
    def test_whole_numbers(self, text: str, value: int) -> None:
        found = value_of(f"a: {text}")["a"]
        assert (type(found), found) == (int, value)

    @pytest.mark.parametrize(
        "text", ["0.15", "0.60", "1e-06", "1E6", "+.5", "-0.0", "1.", "6.02e+23", "1e40", "1e-40", "1e040"]
    )
    def test_numbers_with_a_point_or_an_exponent_keep_their_text(self, text: str) -> None:
        found = value_of(f"a: {text}")["a"]
        assert type(found) is Decimal
        assert found.as_tuple() == Decimal(text).as_tuple()

    @pytest.mark.parametrize(
        "text",
        [
            *("no", "on", "yes", "off", "y", "nUll", "tRUE", "12:30", "2024-01-01", "1_000", "0b1", "-0x1"),
            *("+", ".", "-.", "1e", "e5", "1.2.3", "0o8", "0xg", "--1", "1,5", ".e1", "١", "inf", "nan"),
            *("=", "<<", "1e5x", "0x", "0o", ".iNf"),
        ],
    )
    def test_everything_else_is_a_string(self, text: str) -> None:
        assert value_of(f"a: {text}\nb: [1]")["a"] == text

    @pytest.mark.parametrize("text", ["null", "~", "true", "1", "1e-06", ".inf", "", "<<", "!x", "1e999"])
    @pytest.mark.parametrize("quote", ["'", '"'])
    def test_quoted_scalars_are_strings(self, text: str, quote: str) -> None:
        assert value_of(f"a: {quote}{text}{quote}") == {"a": text}

    def test_block_scalars_are_strings(self) -> None:
        assert value_of("a: |\n  1\nb: >-\n  true\n") == {"a": "1\n", "b": "true"}

    @pytest.mark.parametrize("text", [".inf", "-.inf", "+.INF", ".Inf", ".nan", ".NaN", ".NAN"])
    def test_numbers_that_are_not_finite_are_refused(self, text: str) -> None:
        documents, problems = read(f"a: {text}\nb: [{text}]")
        assert [(p.code, p.place) for p in problems] == [
            ("number-not-finite", Place("f.yaml", 1, 4)),
            ("number-not-finite", Place("f.yaml", 2, 5)),
        ]
        assert documents[0].root == {"a": UNREADABLE, "b": [UNREADABLE]}

    @pytest.mark.parametrize(
        "text",
        [
            *("1" * 41, "0." + "0" * 40, "0x" + "f" * 41, "0o" + "7" * 41),
            *("1e41", "1e-41", "1e999999999", "1.5E+100", "1e" + "9" * 5000, "9" * 5000),
        ],
    )
    def test_numbers_out_of_range_are_refused_at_once(self, text: str) -> None:
        assert mistakes(f"a: {text}") == [("number-out-of-range", 1, 4)]

    def test_a_root_can_be_a_scalar_or_a_list(self) -> None:
        assert value_of("--- 5") == 5
        assert value_of("- a") == ["a"]

    @settings(deadline=None)
    @given(st.from_regex(r"[-+]?[0-9]{1,12}(\.[0-9]{0,12})?([eE][-+]?[0-9]{1,2})?", fullmatch=True))
    def test_numbers_are_exact(self, text: str) -> None:
        documents, problems = read(f"- {text}")
        if problems:
            assert abs(Decimal(text).as_tuple().exponent) > 20  # type: ignore[arg-type]
        else:
            assert documents[0].root[0] == Decimal(text)


class TestTags:
    @pytest.mark.parametrize(
        ("node", "shown"),
        [
            ("!!str 5", "!!str"),
            ("!foo x", "!foo"),
            ("! 12", "!"),
            ("! 'x'", "!"),
            ("!", "!"),
            ("!!map {b: 1}", "!!map"),
            ("! [1]", "!"),
            ("!<tag:x,2000:y> z", "tag:x,2000:y"),
            ("!!python/object:os.system x", "!!python/object:os.system"),
        ],
    )
    def test_are_refused_everywhere(self, node: str, shown: str) -> None:
        problem = only_problem(f"k:\n  - {node}")
        assert (problem.code, problem.place) == ("tag", Place("f.yaml", 2, 5))
        assert f"'{shown}'" in problem.message

    def test_on_a_key(self) -> None:
        documents, problems = read("!!str k: v")
        assert [p.code for p in problems] == ["tag"]
        assert documents[0].root == {"k": "v"}

    @pytest.mark.parametrize("text", ["!h!x y", "a: !<x y", "a: !<> y", "a: !%ff y"])
    def test_that_libyaml_cannot_read(self, text: str) -> None:
        assert only_problem(text).code == "tag"


class TestKeys:
    def test_a_duplicate_names_both_places(self) -> None:
        documents, problems = read("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
        assert [(p.code, p.place, p.related) for p in problems] == [
            ("duplicate-key", Place("f.yaml", 5, 3), (Place("f.yaml", 3, 3),))
        ]
        assert documents[0].root == {"a": 1, "b": {"c": 1, "d": 2}}

    def test_quotes_do_not_make_another_key(self) -> None:
        assert mistakes("{a: 1, 'a': 2, \"a\": 3}") == [("duplicate-key", 1, 8), ("duplicate-key", 1, 16)]

    @pytest.mark.parametrize("key", ["1", "1.5", "true", "null", "~", "[a]", "{a: b}", "? [a]\n", "? \n"])
    def test_that_are_not_strings_are_refused(self, key: str) -> None:
        problems = read(f"{key}: x")[1]
        assert {p.code for p in problems} == {"key-not-string"}

    def test_that_look_like_numbers_need_quotes(self) -> None:
        documents, problems = read("1: x\n")
        assert [(p.place, p.hint) for p in problems] == [(Place("f.yaml", 1, 1), "put it in quotes")]
        assert documents[0].root == {"1": "x"}
        assert value_of("'1': x") == {"1": "x"}

    def test_by_alias(self) -> None:
        assert value_of("a: &k name\n*k : 1") == {"a": "name", "name": 1}
        assert mistakes("a: &k 1\n*k : 1") == [("key-not-string", 2, 1)]
        assert mistakes("*k : 1") == [("undefined-alias", 1, 1)]

    def test_with_an_anchor(self) -> None:
        assert value_of("&k name: *k") == {"name": "name"}


class TestMerge:
    def test_of_one_mapping(self) -> None:
        assert value_of("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}")["y"] == {"b": 3, "a": 1}

    def test_explicit_keys_win_wherever_the_merge_stands(self) -> None:
        assert value_of("x: &x {a: 1}\ny: {a: 2, <<: *x}")["y"] == {"a": 2}

    def test_of_a_list_the_earlier_wins(self) -> None:
        text = "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y, {c: 3}]}"
        assert value_of(text)["z"] == {"a": 1, "b": 2, "c": 3}

    def test_of_a_list_by_alias(self) -> None:
        assert value_of("x: &x [{a: 1}, {b: 2}]\ny: {<<: *x}")["y"] == {"a": 1, "b": 2}

    def test_of_what_was_merged(self) -> None:
        assert value_of("x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y}")["z"] == {"b": 2, "a": 1}

    def test_merged_entries_keep_the_place_where_they_are_written(self) -> None:
        root = value_of("x: &x\n  a: 1\n  b: 2\ny:\n  c: 3\n  <<: *x\n")
        assert root["y"].key_place("b") == (3, 3)
        assert root["y"].value_place("b") == (3, 6)
        assert root["y"].key_place("c") == (5, 3)

    @pytest.mark.parametrize(
        ("text", "column"),
        [("<<: 1", 5), ("<<: ", 4), ("<<: 'x'", 5), ("<<: [{a: 1}, 2]", 14), ("<<: [[]]", 6)],
    )
    def test_of_anything_else_is_refused(self, text: str, column: int) -> None:
        assert mistakes(text) == [("merge-key", 1, column)]

    @pytest.mark.parametrize("key", ["'<<'", '"<<"'])
    def test_a_quoted_key_is_ordinary(self, key: str) -> None:
        assert value_of(f"{key}: 1") == {"<<": 1}
        assert value_of(f"{key}: 1\n<<: {{a: 1}}") == {"<<": 1, "a": 1}

    def test_two_in_one_mapping_are_a_duplicate(self) -> None:
        documents, problems = read("<<: {a: 1}\n<<: {b: 2}")
        assert [(p.code, p.place, p.related) for p in problems] == [
            ("duplicate-key", Place("f.yaml", 2, 1), (Place("f.yaml", 1, 1),))
        ]
        assert documents[0].root == {"a": 1}

    def test_what_is_unreadable_is_reported_once(self) -> None:
        assert mistakes("<<: *x") == [("undefined-alias", 1, 5)]
        assert mistakes("<<: [*x, {a: 1}]") == [("undefined-alias", 1, 6)]


class TestAliases:
    def test_repeat_any_node(self) -> None:
        root = value_of("a: &a {x: [1]}\nb: *a\nc: &c 5\nd: [*c, *c]\ne: &e\nf: *e")
        assert root["b"] == {"x": [1]}
        assert root["d"] == [5, 5]
        assert root["f"] is None

    def test_a_name_can_be_used_again(self) -> None:
        assert value_of("a: &x 1\nb: *x\nc: &x 2\nd: *x") == {"a": 1, "b": 1, "c": 2, "d": 2}
        assert value_of("a: &x [&x 1]\nb: *x") == {"a": [1], "b": 1}

    def test_undefined(self) -> None:
        documents, problems = read("a: [1, *b]")
        assert [(p.code, p.place) for p in problems] == [("undefined-alias", Place("f.yaml", 1, 8))]
        assert documents[0].root == {"a": [1, UNREADABLE]}

    def test_do_not_reach_into_another_document(self) -> None:
        assert mistakes("a: &x 1\n---\nb: *x") == [("undefined-alias", 3, 4)]

    @pytest.mark.parametrize(
        ("text", "column"), [("&a [*a]", 5), ("&a {b: *a}", 8), ("&a {<<: *a}", 9), ("&a [[[*a]]]", 7)]
    )
    def test_of_themselves_are_refused(self, text: str, column: int) -> None:
        assert mistakes(text) == [("recursive-alias", 1, column)]

    def test_the_place_is_where_the_alias_stands_and_within_it_where_it_is_written(self) -> None:
        (document,), _ = read("a: &a {x: 1}\nb: *a\n")
        assert locate(document, ("b",)) == Place("f.yaml", 2, 4)
        assert locate(document, ("b", "x")) == Place("f.yaml", 1, 11)

    def test_a_billion_laughs_are_refused_at_once(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
        documents, problems = read("\n".join([*lines, "---", "sound: true"]))
        assert [p.code for p in problems] == ["expands-too-far"]
        assert [d.root for d in documents] == [{"sound": True}]

    def test_a_billion_laughs_by_merge(self) -> None:
        keys = ", ".join(f"k{n}: {n}" for n in range(100))
        text = f"x: &x {{{keys}}}\n" + "".join(f"y{n}: {{<<: *x}}\n" for n in range(2000))
        assert [code for code, _, _ in mistakes(text)] == ["expands-too-far"]

    def test_the_limit_is_per_document_and_exact(self) -> None:
        text = "a: &a [1, 2]\nb: *a\nc: *a\n"
        assert mistakes(text + "---\n" + text, Limits(expanded_nodes=6)) == []
        assert mistakes(text, Limits(expanded_nodes=5)) == [("expands-too-far", 3, 4)]

    def test_cannot_build_a_tree_deeper_than_the_limit(self) -> None:
        lines = [f"a0: &a0 {'[' * 40}{']' * 40}", f"a1: {'[' * 40}*a0{']' * 40}"]
        assert mistakes("\n".join(lines)) == [("too-deep", 2, 45)]


class TestDepth:
    def test_the_limit_is_exact(self) -> None:
        assert mistakes("[[[]]]", Limits(depth=3)) == []
        assert mistakes("[[[{}]]]", Limits(depth=3)) == [("too-deep", 1, 4)]

    @pytest.mark.parametrize("unit", ["[", "{", "- ", "? ", "[\n", "{a: ", "[a, ", "&a ["])
    def test_endless_nesting_ends_at_once(self, unit: str) -> None:
        documents, problems = read(unit * 100_000)
        assert documents == []
        assert [p.code for p in problems] == ["too-deep"]

    def test_the_next_document_is_read(self) -> None:
        documents, _ = read("[" * 100 + "\n---\na: 1\n")
        assert [(d.root, d.line) for d in documents] == [({"a": 1}, 3)]


class TestDirectives:
    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_known_versions(self, version: str) -> None:
        assert value_of(f"%YAML {version}\n---\na: no") == {"a": "no"}

    @pytest.mark.parametrize(
        ("line", "column"),
        [
            *(("%YAML 1.3", 1), ("%YAML 2.0", 1), ("%YAML x", 7)),
            *(("%TAG ! tag:x,2000:", 1), ("%TAG", 5), ("%FOO bar", 5)),
        ],
    )
    def test_all_others_are_refused(self, line: str, column: int) -> None:
        documents, problems = read(f"a: 1\n...\n{line}\n---\nb: 2\n")
        assert [(p.code, p.place) for p in problems] == [("directive", Place("f.yaml", 3, column))]
        assert [d.root for d in documents] == [{"a": 1}, {"b": 2}]

    def test_a_version_is_given_once(self) -> None:
        assert mistakes("%YAML 1.2\n%YAML 1.2\n---\na") == [("directive", 2, 1)]


class TestDocuments:
    @pytest.mark.parametrize("text", ["", "\n\n", "# only\n", "---\n---\n", "--- ~\n", "null", "---\n...\n"])
    def test_nothing_is_no_document_and_no_mistake(self, text: str) -> None:
        assert read(text) == ([], [])
        assert read("\ufeff" + text) == ([], [])

    def test_several(self) -> None:
        documents, problems = read("a: 1\n---\n# empty\n---\n\n  b: 2\n...\n--- c\n")
        assert problems == []
        assert [(d.file, d.index, d.root, d.line, d.column) for d in documents] == [
            ("f.yaml", 0, {"a": 1}, 1, 1),
            ("f.yaml", 2, {"b": 2}, 6, 3),
            ("f.yaml", 3, "c", 8, 5),
        ]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_ends_of_every_system(self, end: str) -> None:
        documents, problems = read(end.join(["a: [", "---", "b:", "  c: 1", "  c: 2"]))
        assert [(p.code, p.place.line) for p in problems] == [("syntax", 2), ("duplicate-key", 5)]
        assert documents[0].root["b"].key_place("c") == (4, 3)


class TestEncoding:
    def test_a_byte_order_mark_of_utf8_shifts_nothing(self) -> None:
        documents, problems = read(b"\xef\xbb\xbfa: 1\nb: .inf")
        assert documents[0].root.key_place("a") == (1, 1)
        assert [p.place for p in problems] == [Place("f.yaml", 2, 4)]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
    def test_other_unicode_encodings_are_named(self, encoding: str) -> None:
        problem = only_problem("a: 1".encode(encoding))
        assert (problem.code, problem.place) == ("encoding", Place("f.yaml", 1, 1))
        assert problem.hint == "save the file as UTF-8"

    @pytest.mark.parametrize("bad", [b"\xff", b"\xe9 x", b"\xed\xa0\x80", b"\xc0\x80", b"\xf0\x9f"])
    def test_bytes_that_are_not_utf8_have_a_place(self, bad: bytes) -> None:
        assert mistakes("a: 1\r\né😀: ".encode() + bad) == [("encoding", 2, 5)]

    @pytest.mark.parametrize(
        "character", ["\x00", "\x1b", "\x07", "\x7f", "\x85", "\u2028", "\u2029", "\ufffe"]
    )
    def test_forbidden_characters_have_a_place(self, character: str) -> None:
        documents, problems = read(f"a: x\né: 'b{character}c' # d{character}e: f\n")
        assert [(p.code, p.place.line, p.place.column) for p in problems] == [
            ("control-character", 2, 6),
            ("control-character", 2, 13),
        ]
        assert f"U+{ord(character):04X}" in problems[0].message
        assert documents[0].root == {"a": "x", "é": "b c"}

    def test_forbidden_characters_can_be_written_as_the_hint_says(self) -> None:
        assert (only_problem("a: \x1b").hint or "").startswith('remove it, or write it as "\\u001b"')
        assert value_of('a: "\\u001b\\u2028"') == {"a": "\x1b\u2028"}

    @pytest.mark.parametrize("escape", [r"\ud800", r"\udfff", r"\ud83d\ude00", r"\U0000d800", r"\U00110000"])
    def test_escapes_that_are_not_characters_are_refused(self, escape: str) -> None:
        problem = only_problem(f'a: "{escape}"')
        assert (problem.code, problem.place.line) == ("encoding", 1)

    def test_escapes_of_characters(self) -> None:
        assert value_of(r'a: "\U0001F600\x41\u00e9\0"') == {"a": "😀Aé\0"}


class TestSyntax:
    @pytest.mark.parametrize(
        ("text", "line", "column", "message", "hint"),
        [
            ("a:\n\tb: 1", 2, 1, "tab", "spaces"),
            ("a:\n  - x\n\tb: 1", 3, 1, "tab", "spaces"),
            ("a: |\n\tx", 2, 1, "tab", "spaces"),
            ("a: b: c", 1, 5, "':'", "quotes"),
            ("a: 1\n  b: 2", 2, 4, "':'", "indentation"),
            ("a: 'x\nb: 1", 1, 4, "quote", "closing quote"),
            ('a: 1\nb: "x\n---\nc: 1', 2, 4, "quote", "closing quote"),
            ("a: [1\n", 1, 4, "bracket", "closing bracket"),
            ("a: [1,\n", 2, 1, "bracket", "closing bracket"),
            ("a: [\n---\nb: 1", 2, 1, "bracket", "closing bracket"),
            ("a: {b: 1\n---\nc: 1", 1, 4, "bracket", "closing bracket"),
            ("a: {b: 'c' d: 1}", 1, 12, "expected ','", "comma"),
            ("a: [1, 2\nb: 1", 2, 2, "expected ','", "comma"),
            ("a: @x", 1, 4, "start", "quotes"),
            ("a: `x`", 1, 4, "start", "quotes"),
            ("a: %x", 1, 4, "start", "quotes"),
            ('a: "\\q"', 1, 5, "escape", "backslash"),
            ("- a\nb: 1", 2, 1, "list", "indentation"),
            ("  a: 1\n b: 2", 2, 2, "ended", "---"),
            ("a: 'b' c", 1, 8, "key", "indentation"),
            ("a: - b", 1, 4, "list", "line of its own"),
            ("a: 1\nfoo\nb: 2", 2, 1, "key: value", "':'"),
            ("a: *", 1, 5, "alias", "quotes"),
            ("a: & x", 1, 5, "anchor", "quotes"),
            ("a: }", 1, 4, "value", "quotes"),
            ("a: |3x\n", 1, 6, "block scalar", "quotes"),
        ],
    )
    def test_mistakes_are_explained(self, text: str, line: int, column: int, message: str, hint: str) -> None:
        problem = read(text)[1][0]
        assert (problem.code, problem.place) == ("syntax", Place("f.yaml", line, column))
        assert message in problem.message
        assert hint in (problem.hint or "")

    def test_where_the_broken_thing_starts_is_related(self) -> None:
        assert only_problem("a: {b: 'c' d: 1}").related == (Place("f.yaml", 1, 4),)
        assert only_problem("a: b: c").related == ()

    def test_columns_count_characters(self) -> None:
        assert mistakes("é😀ü: 'x' y") == [("syntax", 1, 10)]
        assert mistakes("a: {é: '😀😀', 𝒳: .inf}") == [("number-not-finite", 1, 17)]

    def test_documents_before_and_after_are_still_read(self) -> None:
        documents, problems = read("a: 1\n---\nb: 'x\n---\nc: 3\nc: 4\n---\nd: [\n--- \ne: 5\n")
        assert [(d.index, d.root, d.line) for d in documents] == [
            (0, {"a": 1}, 1),
            (2, {"c": 3}, 5),
            (4, {"e": 5}, 10),
        ]
        assert [(p.code, p.place.line) for p in problems] == [
            ("syntax", 3),
            ("duplicate-key", 6),
            ("syntax", 9),
        ]
        assert documents[2].root.value_place("e") == (10, 4)

    def test_a_file_with_endless_mistakes_is_given_up(self) -> None:
        documents, problems = read("- !x 1\n" * 5000, Limits(problems=7))
        assert documents == []
        assert [p.code for p in problems] == ["tag"] * 7 + ["too-many-problems"]
        assert problems[-1].place.line == 7
        assert len(read("---\n[\n" * 5000)[1]) == 101
        assert len(read("\x1b" * 5000)[1]) == 101


class TestPlaces:
    TEXT = "# comment\na: 1\nb:\n  - x\n  -   y: {z: 'q'}\nc:\n"

    def test_of_containers_keys_values_and_items(self) -> None:
        root = value_of(self.TEXT)
        assert isinstance(root, Map)
        assert isinstance(root["b"], Seq)
        assert root.place == (2, 1)
        assert (root.key_place("a"), root.value_place("a")) == ((2, 1), (2, 4))
        assert root["b"].place == (4, 3)
        assert root["b"].item_place(1) == (5, 7)
        assert root["b"][1]["y"].key_place("z") == (5, 11)
        assert root.value_place("c") == (6, 3)

    def test_of_what_is_not_there(self) -> None:
        root = value_of(self.TEXT)
        with pytest.raises(KeyError):
            root.key_place("nope")
        with pytest.raises(KeyError):
            root.value_place("nope")
        for index in (-1, 2):
            with pytest.raises(IndexError):
                root["b"].item_place(index)

    @pytest.mark.parametrize(
        ("path", "value", "key"),
        [
            ((), (2, 1), (2, 1)),
            (("a",), (2, 4), (2, 1)),
            (("b", 0), (4, 5), (4, 5)),
            (("b", 1, "y", "z"), (5, 14), (5, 11)),
            (("a", "nope"), (2, 4), (2, 1)),
            (("nope", "a"), (2, 1), (2, 1)),
            (("b", 7), (4, 3), (3, 1)),
            (("b", -1), (4, 3), (3, 1)),
            (("b", "0"), (4, 3), (3, 1)),
            ((0,), (2, 1), (2, 1)),
        ],
    )
    def test_locate_gives_the_deepest_node_there_is(
        self, path: tuple[str | int, ...], value: tuple[int, int], key: tuple[int, int]
    ) -> None:
        (document,), _ = read(self.TEXT)
        assert locate(document, path) == Place("f.yaml", *value)
        assert locate(document, path, key=True) == Place("f.yaml", *key)

    @pytest.mark.parametrize("clone", [copy.deepcopy, lambda tree: pickle.loads(pickle.dumps(tree))])
    def test_survive_a_copy(self, clone: Any) -> None:
        (document,), _ = read(self.TEXT + "d: .nan")
        twin = clone(document)
        assert twin.root == document.root
        assert twin.root["b"] is not document.root["b"]
        assert twin.root["d"] is UNREADABLE
        assert locate(twin, ("b", 1, "y", "z")) == Place("f.yaml", 5, 14)

    def test_a_copy_shares_the_table_of_lines(self) -> None:
        root = value_of(self.TEXT)
        assert copy.deepcopy(root).lines is root.lines

    def test_marks_take_little_memory(self) -> None:
        root = value_of("".join(f"key{n}: {n}\n" for n in range(1000)))
        assert len(root.marks) * root.marks.itemsize <= 8 * 1000 + 8


class Dumper(yaml.CSafeDumper):
    """Writes strings in quotes and all other scalars plain, as YAML 1.2 reads them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is not yaml.ScalarNode or not implicit[0]:
            return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        if value in {"null", "true", "false"}:
            return f"tag:yaml.org,2002:{'null' if value == 'null' else 'bool'}"
        return f"tag:yaml.org,2002:{'int' if value.lstrip('-').isdigit() else 'float'}"


Dumper.add_representer(str, lambda d, v: d.represent_scalar("tag:yaml.org,2002:str", v, style='"'))
Dumper.add_representer(Decimal, lambda d, v: d.represent_scalar("tag:yaml.org,2002:float", f"{v:.20e}"))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**39), 10**39)
    | texts
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4)
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
styles = st.fixed_dictionaries(
    {
        "default_flow_style": st.booleans(),
        "allow_unicode": st.booleans(),
        "width": st.sampled_from([20, 80, 9999]),
    }
)
FRAGMENTS = (
    *("a", "b: ", "- ", "\n", "\n  ", "\r\n", "[", "]", "{", "}", ", ", ": ", "? ", "'", '"', "|", ">", "\t"),
    *("&x ", "*x", "<<: ", "!t ", "! ", "#", " # c\n", "\n---\n", "\n...\n", "%YAML 1.2\n", "1e5", ".inf"),
    *("é", "😀", "\ufeff", "\x85", "\u2028", "\0", "\\ud800", "\\", "@", "null", "\r", "\x1b", "1"),
)
yamlish = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)


def containers(node: Any) -> list[Any]:
    children = node.values() if isinstance(node, Map) else node if isinstance(node, Seq) else []
    return [*([node] if isinstance(node, Map | Seq) else []), *(c for n in children for c in containers(n))]


def scalar_at(lines: list[str], place: tuple[int, int]) -> str:
    """The scalar that starts exactly there."""
    line, column = place
    rest = "".join(lines[line - 1 :])[column - 1 :]
    parser = CParser(rest)
    while True:
        token = parser.get_token()
        if isinstance(token, yaml.ScalarToken):
            assert token.start_mark.index == 0
            return str(token.value)


@settings(deadline=None, max_examples=150)
@given(trees, styles)
def test_what_is_dumped_is_read_back(tree: Any, style: dict[str, Any]) -> None:
    tree = [tree]
    text = yaml.dump(tree, Dumper=Dumper, **style)
    found = value_of(text)
    assert found == tree
    lines = text.splitlines(keepends=True)
    for node in containers(found):
        if isinstance(node, Map):
            assert [scalar_at(lines, node.key_place(key)) for key in node] == list(node)
            strings = [
                (value, node.value_place(key)) for key, value in node.items() if isinstance(value, str)
            ]
        else:
            strings = [(value, node.item_place(n)) for n, value in enumerate(node) if isinstance(value, str)]
        assert all(scalar_at(lines, place) == value for value, place in strings)


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(lambda t: t.encode(errors="replace")),
        yamlish.map(str.encode),
    )
)
def test_no_content_raises_or_gives_a_place_outside_the_text(data: bytes) -> None:
    documents, problems = parse(data, "f.yaml")
    lines = data.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    places = [place for problem in problems for place in (problem.place, *problem.related)]
    places += [Place("f.yaml", document.line, document.column) for document in documents]
    for place in places:
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1
    for document in documents:
        repr(document.root).encode()


@settings(deadline=None, max_examples=200)
@given(yamlish)
def test_lines_and_columns_agree_with_libyaml(text: str) -> None:
    text = "".join(c for c in text if c not in "\x85\u2028\0\x1b\ufeff")
    lines, parser = Lines.of(text), CParser(text)
    try:
        while (event := parser.get_event()) is not None:
            mark = event.start_mark
            if mark is not None and mark.index < len(text):
                assert lines.place(mark.index) == (mark.line + 1, mark.column + 1)
    except yaml.YAMLError:
        pass
