"""`plan --usage`: what the price changes would have cost at the usage in a file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from published import published
from transcripts import assert_real

from reconciler.costs.quantities import COLUMNS

from .conftest import Run
from .folder import Folder, manifest
from .live import Live

ROOT = Path(__file__).parents[2]
SCHEMA = Draft202012Validator(published("plan.schema.json"))
HEAD = "What the changed prices would have cost, at the usage in usage.csv"


def usage(text: str | bytes) -> None:
    Path("usage.csv").write_bytes(text if isinstance(text, bytes) else text.encode())


def section(out: str) -> list[str]:
    """The lines below the plan."""
    lines = out.splitlines()
    return lines[lines.index(HEAD) + 1 :]


def costs(cli: Run, *words: str) -> dict[str, Any]:
    result = cli("plan", "--usage", "usage.csv", "-o", "json", *words)
    assert [error.message for error in SCHEMA.iter_errors(result.document)] == []
    found: dict[str, Any] = result.document["costs"]
    return found


def reasons(found: dict[str, Any]) -> list[tuple[str | None, str | None, str]]:
    [registry] = found["registries"]
    return [(one["model"], one["path"], one["reason"]) for one in registry["unknown"]]


@pytest.fixture
def dearer(folder: Folder, cli: Run) -> Folder:
    """`a` and `b` are live; the input of `a` shall cost 0.20 rather than 0.15, `b` stays."""
    folder.models(manifest("a"), manifest("b"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", price="0.20"), manifest("b"))
    return folder


def test_a_table_with_each_month_the_totals_and_the_mean(dearer: Folder, cli: Run) -> None:
    usage(
        "model,month,input_tokens,output_tokens\n"
        "a,2026-09,1000000000,5\na,2026-09-30,200000000,5\nb,2026-09,7,7\na,2026-10,2400000000,5\n"
    )
    result = cli("plan", "--usage", "usage.csv")
    assert result.code == 0
    assert section(result.out) == [
        "sandbox",
        "  model  price          month                         usage  before   after   difference",
        "  a      pricing.input  2026-09  1,200,000,000 input tokens  180.00  240.00   +60.00 USD",
        "                        2026-10  2,400,000,000 input tokens  360.00  480.00  +120.00 USD",
        "  total                 2026-09                              180.00  240.00   +60.00 USD",
        "                        2026-10                              360.00  480.00  +120.00 USD",
        "                        all                                  540.00  720.00  +180.00 USD",
        "                        mean                                 270.00  360.00   +90.00 USD",
    ]


def test_a_month_that_is_not_known_is_no_zero_in_the_mean(dearer: Folder, cli: Run) -> None:
    usage("model,month,input_tokens\na,2026-09,\na,2026-10,1000000\n")
    [registry] = cli("plan", "--usage", "usage.csv", "-o", "json").document["costs"]["registries"]
    [total] = registry["totals"]
    assert total["mean"] == total["cost"]
    assert registry["unknown"]


def test_one_month_needs_neither_sum_nor_mean(dearer: Folder, cli: Run) -> None:
    usage("model,month,input_tokens\na,2026-09,1000\n")
    table = [line.split() for line in section(cli("plan", "--usage", "usage.csv").out)[2:]]
    assert table == [
        ["a", "pricing.input", "2026-09", "1,000", "input", "tokens", "<0.01", "<0.01", "<0.01", "USD"],
        ["total", "2026-09", "<0.01", "<0.01", "<0.01", "USD"],
    ]


def test_the_document_has_exact_amounts(dearer: Folder, cli: Run) -> None:
    usage("model,month,input_tokens\na,2026-08,1\na,2026-09,1\na,2026-10,2\n")
    found = costs(cli)
    [registry] = found["registries"]
    [change] = registry["changes"]
    assert change["cost"] == {"before": "0.0000006", "after": "0.0000008", "difference": "0.0000002"}
    assert (change["used"], change["refused"], change["quantity"]) == ("4", False, "input_tokens")
    [total] = registry["totals"]
    assert (total["currency"], [month["month"] for month in total["months"]]) == ("USD", found["months"])
    assert total["cost"] == change["cost"]
    assert total["mean"] == {"before": "0.0000002", "after": "0.000000266667", "difference": "0.000000066667"}


def test_out_writes_it_too_and_without_usage_there_is_none(dearer: Folder, cli: Run) -> None:
    usage("model,month,input_tokens\na,2026-10,2\n")
    assert cli("plan", "--usage", "usage.csv", "--out", "plan.json").code == 0
    assert '"costs": {' in Path("plan.json").read_text()
    result = cli("plan", "-o", "json")
    assert "costs" not in result.document
    assert [error.message for error in SCHEMA.iter_errors(result.document)] == []


def test_a_plan_digest_does_not_depend_on_usage(dearer: Folder, cli: Run) -> None:
    usage("model,month,input_tokens\na,2026-10,2\n")
    with_usage = cli("plan", "--usage", "usage.csv", "-o", "json").document
    assert with_usage["digest"] == cli("plan", "-o", "json").document["digest"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffmodel,month,input_tokens\r\na,2026-10,1000000\r\n",
        "model;month;input_tokens\na;2026-10;1000000.0\n\n",
        'model\tmonth\tinput_tokens\tnote\na\t2026-10\t" 1000000"\t"two\nlines, ""x"""',
        "input_tokens,registry,month,model\r1000000,sandbox,2026-10-31,a\r",
        "model,month,input_tokens\na,2026-10,400000\na,2026-10-01,600000\n,,\n",
    ],
    ids=["byte order mark", "semicolons", "tabs and quotation marks", "another order", "summed"],
)
def test_what_a_file_may_look_like(dearer: Folder, cli: Run, text: str) -> None:
    usage(text)
    [registry] = costs(cli)["registries"]
    [change] = registry["changes"]
    assert (change["used"], change["cost"]["difference"]) == ("1000000", "0.05")


def test_columns_by_other_names(dearer: Folder, cli: Run) -> None:
    usage("Model name,Period,Prompt, tokens=,model\na,2026-10,1,1000000,z\n")
    mapped = ("model=Model name", "month=Period", "input_tokens=tokens=")
    words = [word for one in mapped for word in ("--usage-columns", one)]
    found = costs(cli, *words)
    assert found["registries"][0]["changes"][0]["used"] == "1000000"
    assert found["ignored_columns"] == ["Prompt", "model"]
    assert section(cli("plan", "--usage", "usage.csv", *words).out)[-1] == "ignored columns: Prompt, model"


# ---- what cannot be known


def test_a_model_or_month_that_the_file_does_not_have_is_unknown(dearer: Folder, cli: Run) -> None:
    dearer.models(manifest("a", price="0.20"), manifest("b", price="0.20"))
    usage("model,month,input_tokens\na,2026-09,1000000\na,2026-10,\nzed,2026-10,5\nzed,2026-09,5\n")
    found = costs(cli)
    assert reasons(found) == [("a", "pricing.input", "no-number"), ("b", None, "no-usage")]
    assert found["registries"][0]["unknown"][0]["months"] == ["2026-10"]
    assert [month["month"] for month in found["registries"][0]["totals"][0]["months"]] == ["2026-09"]
    assert found["unmatched"] == [{"model": "zed", "registry": None}]
    assert section(cli("plan", "--usage", "usage.csv").out)[-3:] == [
        "  unknown: a pricing.input: usage.csv has no input_tokens of it for 2026-10",
        "  unknown: b: usage.csv has no usage of it",
        "note: 1 model of the file has no manifest: zed",
    ]


def test_a_quantity_without_a_column_is_unknown(dearer: Folder, cli: Run) -> None:
    usage("model,month,output_tokens\na,2026-10,7\n")
    assert "  unknown: a pricing.input: usage.csv has no column input_tokens" in section(
        cli("plan", "--usage", "usage.csv").out
    )
    assert costs(cli)["registries"][0]["totals"] == []


def priced(name: str, pricing: str, native: str = "") -> str:
    return manifest(name, native=native).replace(
        "input: 0.15, output: 0.60}", f"input: 0.15, output: 0.60{pricing}}}"
    )


def test_a_price_that_appears_or_goes_tiers_and_units_are_unknown(folder: Folder, cli: Run) -> None:
    tier = "tiers: {above_128k: {input: "
    folder.models(
        priced("a", f", search: 10 / 1K searches, {tier}0.30}}}}", "{metadata: {image_token_cost: 1}}")
    )
    assert cli("apply", "--yes").code == 0
    folder.models(
        priced(
            "a",
            f", search: null, cache_read: 0.10, {tier}0.40}}}}",
            "{metadata: {image_token_cost: 2}}",
        ),
        manifest("new"),
        manifest("quiet"),
    )
    columns = "input_tokens,searches,cache_read_tokens"
    usage(f"model,month,{columns}\na,2026-10,1,1,1\nnew,2026-10,1,1,1\n")
    found = costs(cli)
    assert sorted(reasons(found), key=str) == [
        ("a", "native.orq.metadata.image_token_cost", "no-unit"),
        ("a", "pricing.cache_read", "no-price-before"),
        ("a", "pricing.search", "no-price-after"),
        ("a", "pricing.tiers.above_128k.input", "tier"),
        ("new", None, "new-model"),
    ]
    assert (found["registries"][0]["changes"], found["registries"][0]["totals"]) == ([], [])
    lines = section(cli("plan", "--usage", "usage.csv").out)
    assert "  unknown: a pricing.tiers.above_128k.input: tier prices are not counted" in lines
    assert "  unknown: new: new models have no earlier price" in lines


def test_a_price_in_the_registrys_own_field_counts_like_the_portable_one(folder: Folder, cli: Run) -> None:
    native = "{{metadata: {{million_tokens_cache_read_cost: {}, million_searches_cost: 10000}}}}"
    folder.models(manifest("a", native=native.format("0.05")))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", native=native.format("0.07")))
    usage("model,month,cache_read_tokens\na,2026-10,1000000\n")
    [change] = costs(cli)["registries"][0]["changes"]
    assert (change["path"], change["cost"]["difference"]) == (
        "native.orq.metadata.million_tokens_cache_read_cost",
        "0.02",
    )


def test_a_refused_change_is_shown_and_in_no_total(dearer: Folder, cli: Run) -> None:
    dearer.models(manifest("a", price="0.00015"), manifest("b", price="0.14"))
    usage("model,month,input_tokens\na,2026-10,1000000000\nb,2026-10,1000000000\n")
    result = cli("plan", "--usage", "usage.csv")
    assert result.code == 3
    assert section(result.out)[2:] == [
        "  b      pricing.input  2026-10  1,000,000,000 input tokens  150.00  140.00   -10.00 USD",
        "  total                 2026-10                              150.00  140.00   -10.00 USD",
        "  refused, so in no total:",
        "  a      pricing.input  2026-10  1,000,000,000 input tokens  150.00    0.15  -149.85 USD",
    ]
    found = costs(cli)["registries"][0]
    assert [(change["model"], change["refused"]) for change in found["changes"]] == [
        ("a", True),
        ("b", False),
    ]
    assert found["totals"][0]["cost"]["difference"] == "-10.00"


def test_no_price_changes(dearer: Folder, cli: Run) -> None:
    dearer.models(manifest("a"), manifest("b"))
    usage("model,month,input_tokens\na,2026-10,1\n")
    assert section(cli("plan", "--usage", "usage.csv").out) == ["sandbox", "  no price changes"]


# ---- several registries


def two(folder: Folder, cli: Run) -> None:
    folder.registries(one="embedded: one.db", two="embedded: two.db")
    folder.models(manifest("a", registries="one, two"), manifest("b", registries="one"))
    assert cli("apply", "--yes").code == 0
    folder.models(
        manifest("a", price="0.20", registries="one, two"), manifest("b", price="0.20", registries="one")
    )


def test_usage_without_a_registry_counts_for_each_and_is_never_added_up(folder: Folder, cli: Run) -> None:
    two(folder, cli)
    usage("model,month,input_tokens\na,2026-10,1000000\nb,2026-10,1000000\n")
    found = costs(cli)
    sums = {each["name"]: each["totals"][0]["cost"]["difference"] for each in found["registries"]}
    assert (sums, found["by_registry"], set(found)) == (
        {"one": "0.10", "two": "0.05"},
        False,
        {"usage", "months", "by_registry", "registries", "unmatched", "ignored_columns"},
    )
    assert "so add no totals up" in cli("plan", "--usage", "usage.csv").out
    assert "so add no totals up" not in cli("plan", "--usage", "usage.csv", "--registry", "one").out


def test_usage_by_registry(folder: Folder, cli: Run) -> None:
    two(folder, cli)
    usage(
        "registry,model,month,input_tokens\n"
        "one,a,2026-10,1000000\ntwo,a,2026-10,3000000\none,b,2026-10,0\ntwo,b,2026-10,9\n"
    )
    found = costs(cli)
    sums = {each["name"]: each["totals"][0]["cost"]["difference"] for each in found["registries"]}
    assert (sums, found["by_registry"]) == ({"one": "0.05", "two": "0.15"}, True)
    assert found["unmatched"] == [{"model": "b", "registry": "two"}]
    out = cli("plan", "--usage", "usage.csv").out
    assert "note: 1 model of the file has no manifest: b in two" in out
    assert "add no totals" not in out


def test_a_registry_that_cannot_be_read_has_unknown_costs(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    folder.registries(one=f'url: "{serve(token="sk-right").url}"')
    folder.models(manifest("a"))
    usage("model,month,input_tokens\na,2026-10,1\n")
    result = cli("plan", "--usage", "usage.csv")
    assert result.code == 1
    assert section(result.out)[-1] == "  unknown: the registry could not be read"


def test_a_model_that_is_not_selected_is_neither_counted_nor_strange(dearer: Folder, cli: Run) -> None:
    usage("model,month,input_tokens\na,2026-10,1\nb,2026-10,1\n")
    found = costs(cli, "--only", "b")
    assert (found["unmatched"], found["registries"][0]["changes"]) == ([], [])


# ---- mistakes


HEADER = "model,month,input_tokens,video_seconds"
NUMBERS = {
    '"1,234"': "can be read in more than one way",
    "1.234": "can be read in more than one way",
    "1'234": "can be read in more than one way",
    "1 234": "can be read in more than one way",
    "1\u00a0234": "can be read in more than one way",
    "-5": "is negative",
    "1.2E+09": "has been rounded",
    "nan": "is not a number",
    "Infinity": "is not a number",
    "0x10": "is not a number",
    "١٢": "is not a number",
    "1" * 21: "is not a number",
    "+5": "is not a number",
}


@pytest.mark.parametrize(("number", "why"), NUMBERS.items())
def test_a_number_that_reads_in_no_way_or_in_two(folder: Folder, cli: Run, number: str, why: str) -> None:
    usage(f"{HEADER}\na,2026-10,{number},1\n")
    result = cli("plan", "--usage", "usage.csv")
    assert result.code == 1
    assert "usage.csv:2:11: input_tokens: '" in result.err
    assert why in result.err
    assert "write a whole number with digits alone, as 1234567" in result.err


def test_seconds_may_have_parts_but_not_in_two_readings(folder: Folder, cli: Run) -> None:
    usage(f"{HEADER}\na,2026-10,1,1.234\n")
    assert cli("plan", "--usage", "usage.csv").code == 0
    usage(f"{HEADER}\na,2026-10,1,1.234\n".replace(",", ";"))
    assert "usage.csv:2:13: video_seconds: '1.234' can be read" in cli("plan", "--usage", "usage.csv").err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["usage.csv:1:1: the file is empty", "the columns: model, month and any of input_tokens,"]),
        ("\n \n", ["the file is empty"]),
        ("model,month,input_tokens\n", ["usage.csv:1:1: no row follows the header"]),
        ("a,2026-10,5\n", ["usage.csv:1:1: there is no column 'model'", "there is no column 'month'"]),
        (
            "Model,month,input_tokens\n",
            ["no column 'model'", "did you mean 'Model'?; --usage-columns model=…"],
        ),
        ("model,month,cost\n", ["no column counts anything", "any of input_tokens, output_tokens"]),
        ("model,month,input_token\n", ["'input_token': did you mean 'input_tokens'?"]),
        ("model,month,images,images\n", ["usage.csv:1:20: 'images' is the name of two columns"]),
        ("model,month,images\na,2026-10,1,234\n", ["usage.csv:2:13: the row has 4 cells", "write 1234"]),
        ("model,month,images\na,2026-10\n", ["usage.csv:2:3: the row has 2 cells, and the header has 3"]),
        ("model,month,images\n,2026-10,1\n", ["usage.csv:2:1: no model is named"]),
        ('model,month,images\n"a\nb"x,2026-10,1\n', ["usage.csv:3:3: the cell goes on behind its quotation"]),
        ('model,month,images\na,2026-10,"1\n', ["usage.csv:2:11: the quotation mark is never closed"]),
        ("model,month,registry,images\na,2026-10,sandbx,1\n", ["usage.csv:2:11: no registry", "'sandbox'?"]),
        ("model,month,registry,images\na,2026-10,,1\n", ["usage.csv:2:11: no registry is named"]),
        (b"model,month,images\na,2026-10,1\nb\xe4,2026-10,1\n", ["usage.csv:3:2: not UTF-8", "'CSV UTF-8'"]),
        (b"model,month,images\r\na\0,2026-10,1\r\n", ["usage.csv:2:2: not UTF-8 text"]),
        ("model,month\n".encode("utf-16"), ["usage.csv:1:1: not UTF-8 text"]),
    ],
)
def test_a_mistake_has_its_place(folder: Folder, cli: Run, text: str | bytes, words: list[str]) -> None:
    usage(text)
    result = cli("plan", "--usage", "usage.csv")
    assert (result.code, result.out) == (1, "")
    for word in words:
        assert word in result.err


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "10/2026", "2026-02-30", "2026-10-01T00:00:00Z", ""])
def test_a_month_is_written_in_one_of_two_ways(folder: Folder, cli: Run, month: str) -> None:
    usage(f"{HEADER}\na,{month},1,1\n")
    result = cli("plan", "--usage", "usage.csv")
    assert f"usage.csv:2:3: '{month}' is not a month" in result.err
    assert "a month reads 2026-10, or 2026-10-31 for a day of it" in result.err


def test_all_mistakes_are_told_at_once_up_to_a_hundred(folder: Folder, cli: Run) -> None:
    usage(f"{HEADER}\n" + "a,never,x,y\n" * 500)
    problems = cli("plan", "--usage", "usage.csv", "-o", "json").document["problems"]
    assert [(each["line"], each["column"], each["code"]) for each in problems[:4]] == [
        (2, 3, "month"),
        (2, 9, "number"),
        (2, 11, "number"),
        (3, 3, "month"),
    ]
    assert 100 <= len(problems) < 110


def test_a_mistake_in_the_file_is_found_before_any_registry_is_asked(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a"))
    usage("model,month\n")
    assert cli("plan", "--usage", "usage.csv").code == 1
    assert live.seen == []


# ---- the command line


def test_the_two_options_that_are_called_alike_are_told_apart(folder: Folder, cli: Run) -> None:
    usage(f"{HEADER}\na,2026-10,1,1\n")
    assert "--usage needs a CSV file; --usages, which tells who uses" in cli("plan", "--usage").err
    assert "takes no file: --usage usage.csv" in cli("plan", "--usages", "usage.csv").err
    missing = cli("plan", "--usage", "--exit-code").err
    assert "'--exit-code' cannot be read: No such file" in missing
    assert "--usages, which tells who uses models, takes none" in missing
    assert cli("plan", "--usag").code == 1
    assert "unexpected extra argument" in cli("plan", "usage.csv").err


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["input_token=x"], ["there is no 'input_token'", "did you mean 'input_tokens'?"]),
        (["price=x"], ["there is no 'price'", "known: model, month, registry, input_tokens"]),
        (["model"], ["model: not NAME=COLUMN"]),
        (["model="], ["not NAME=COLUMN"]),
        (["model=x", "model=y"], ["gives 'model' twice"]),
        (["images=n", "searches=n"], ["gives the column 'n' twice", "it would be counted twice"]),
        (["images=pics"], ["usage.csv:1:1: there is no column 'pics' (--usage-columns images=pics)"]),
    ],
)
def test_a_mapping_that_cannot_be(folder: Folder, cli: Run, columns: list[str], words: list[str]) -> None:
    usage(f"{HEADER}\na,2026-10,1,1\n")
    given = [word for one in columns for word in ("--usage-columns", one)]
    result = cli("plan", "--usage", "usage.csv", *given)
    assert result.code == 1
    for word in words:
        assert word in result.err


def test_a_mapping_without_a_file(folder: Folder, cli: Run) -> None:
    result = cli("plan", "--usage-columns", "model=x")
    assert (result.code, "give --usage CSV" in result.err) == (1, True)


def test_help_and_the_page_name_every_column(cli: Run) -> None:
    words = set(re.findall(r"\w+", cli("plan", "--help").out))
    page = (ROOT / "docs" / "prices.md").read_text(encoding="utf-8")
    for name in COLUMNS:
        assert name in words
        assert f"`{name}`" in page


def test_the_session_of_the_page_is_a_real_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "prices.md").read_text(encoding="utf-8")
    found = re.search(r"## The cost of a change\n.*?^```console\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    folder = tmp_path / "minimal"
    shutil.copytree(ROOT / "examples" / "minimal", folder, ignore=shutil.ignore_patterns(".reconciler"))
    assert_real(found[1], folder)
