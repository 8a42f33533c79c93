"""Adapters that other distributions bring: used like the built-in ones, and told of when broken."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shelf_server import Shelf, shelf

from reconciler.cli.app import run
from reconciler.errors import PluginError
from reconciler.registries import BUILT_IN, KINDS
from reconciler.registries.consistency import mistakes
from reconciler.registries.plugins import GROUP, Kinds

ROOT = Path(__file__).parents[1]
PLUGIN = Path(__file__).parent / "data" / "plugin"
SECRET = "sk-upstream-5f2c"

CONFIG = """
apiVersion: reconciler/v1
kind: Config
manifests: models/
default_registries: [shelf]
registries:
  shelf: {{kind: shelf, url: "{url}", token: {{env: SHELF_TOKEN}}}}
secrets:
  UPSTREAM_KEY: {{env: UPSTREAM_KEY, hosts: [llm.example.com]}}
"""
MODEL = """
apiVersion: reconciler/v1
kind: Model
metadata: {name: support-mini}
spec:
  display_name: Support mini
  description: First-line answers
  developer: OpenAI
  provider: azure-openai
  model: gpt-4o-mini
  endpoint: {base_url: https://llm.example.com/v1, api_key: {secret: UPSTREAM_KEY}}
  limits: {context_window: 128000}
  pricing: {unit: 1M tokens, currency: USD, input: 0.15, output: 0.60, cache_read: 0.075}
  capabilities: {vision: false}
  native: {shelf: {tags: [support, mini]}}
"""


# --- installed, as its users would ------------------------------------------------------------------


def wheel(folder: Path) -> Path:
    """The plugin as a build makes it of its pyproject.toml; no build backend need be installed."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())
    package = project["project"]
    name = f"{package['name'].replace('-', '_')}-{package['version']}"
    points = [
        line
        for group, named in package["entry-points"].items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in named.items()))
    ]
    files = {
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {package['name']}\n"
        f"Version: {package['version']}\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}.dist-info/entry_points.txt": "\n".join(points) + "\n",
    }
    for part in project["tool"]["setuptools"]["packages"]:
        files |= {f"{part}/{path.name}": path.read_text() for path in (PLUGIN / part).glob("*.py")}
    record = f"{name}.dist-info/RECORD"
    files[record] = "".join(f"{path},,\n" for path in (*files, record))
    found = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(found, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin in it, put there by pip; without network, and apart from this environment."""
    work = tmp_path_factory.mktemp("plugin")
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    process = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(work / "site"), str(wheel(work))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return work / "site"


Ran = tuple[int, str, str]
"""The exit code of a run, and what it wrote to stdout and stderr."""


class Place:
    """A folder of manifests for Shelf, and a command line that finds what is in the folder ``site``."""

    def __init__(self, folder: Path, site: Path, server: Shelf, ran: Callable[..., Ran]) -> None:
        self.folder, self.site, self.server, self.ran = folder, site, server, ran
        (folder / "models").mkdir(parents=True)
        self.config(CONFIG.format(url=server.url))
        self.model(MODEL)

    def config(self, text: str) -> None:
        (self.folder / "reconciler.yaml").write_text(text)

    def model(self, text: str) -> None:
        (self.folder / "models" / "all.yaml").write_text(text)

    def run(self, *arguments: str, code: int = 0) -> str:
        environment = {"SHELF_TOKEN": self.server.token, "UPSTREAM_KEY": SECRET}
        ended, out, err = self.ran(self.folder, self.site, environment, arguments)
        assert ended == code, out + err
        assert SECRET not in out + err
        assert "Traceback" not in err
        return out or err

    def document(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "-o", "json", code=code))


def in_a_process(folder: Path, site: Path, environment: Mapping[str, str], arguments: Sequence[str]) -> Ran:
    path = os.pathsep.join([str(site), str(ROOT)])
    process = subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return process.returncode, process.stdout, process.stderr


def _look_anew() -> None:
    """What is installed is looked up again, as every process does."""
    vars(KINDS).pop("_plugins", None)
    vars(KINDS)["_loaded"] = {}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    """Runs the command line in this process, as if it had just started."""

    def ran(folder: Path, site: Path, environment: Mapping[str, str], arguments: Sequence[str]) -> Ran:
        _look_anew()
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            for one in reversed(str(site).split(os.pathsep)):
                patch.syspath_prepend(one)
            for name, text in environment.items():
                patch.setenv(name, text)
            capsys.readouterr()
            return run(arguments), *capsys.readouterr()

    yield ran
    _look_anew()


@pytest.fixture
def server() -> Iterator[Shelf]:
    with shelf() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, installed: Path, server: Shelf, here: Callable[..., Ran]) -> Place:
    return Place(tmp_path / "project", installed, server, here)


@pytest.fixture
def apart(tmp_path: Path, installed: Path, server: Shelf) -> Place:
    """Every run is a process of its own."""
    return Place(tmp_path / "project", installed, server, in_a_process)


def test_from_validate_to_an_empty_second_plan(apart: Place) -> None:
    assert apart.run("validate") == "1 model for 1 registry: no mistakes.\n"
    assert apart.server.seen == []
    assert "+ support-mini" in apart.run("plan")
    assert apart.server.written == []
    assert apart.document("apply", "--yes")["outcome"]["results"][0]["status"] == "done"
    assert apart.server.written == [
        (
            "POST",
            "/api/models",
            {
                "name": "support-mini",
                "title": "Support mini",
                "about": "First-line answers",
                "vendor": "Azure",
                "upstream_model": "gpt-4o-mini",
                "upstream_url": "https://llm.example.com/v1",
                "upstream_key": SECRET,
                "context": 128000,
                "prices": {"input": 0.00015, "output": 0.0006, "cache_read": 0.000075},
                "vision": False,
                "tags": ["mini", "support"],
            },
        )
    ]
    [part] = apart.document("plan")["registries"]
    assert [action["operation"] for action in part["actions"]] == ["none"]
    assert [(each["path"], each["names"]) for each in part["not_held"]] == [("developer", ["support-mini"])]


def test_an_update_carries_the_rest_of_what_it_replaces(place: Place) -> None:
    place.run("apply", "--yes")
    place.server.models["support-mini"]["prices"]["internal"] = 7
    changed = MODEL.replace("input: 0.15", "input: 0.20").replace(
        "context_window: 128000", "context_window: ~"
    )
    place.model(changed)
    place.server.limited = 1
    place.run("apply", "--yes")
    prices = {"input": 0.0002, "output": 0.0006, "cache_read": 0.000075, "internal": 7}
    assert place.server.written[-1] == (
        "PATCH",
        "/api/models/support-mini",
        {"prices": prices, "context": None},
    )
    assert "No changes" in place.run("plan")


def test_what_its_table_cannot_do_is_refused(place: Place) -> None:
    place.run("apply", "--yes")
    place.model(MODEL.replace("model: gpt-4o-mini", "model: gpt-4o"))
    assert "model" in place.run("plan", code=3)
    place.model(MODEL.replace("provider: azure-openai", "provider: xai"))
    assert "kind shelf has no word for 'xai'" in place.run("validate", code=1)
    place.model(MODEL.replace("tags:", "tag:"))
    assert "native.shelf has no field 'tag'" in place.run("validate", code=1)
    assert "did you mean 'tags'?" in place.run("validate", code=1)


def test_its_native_fields_are_in_the_schemas(place: Place) -> None:
    schema = json.loads(place.run("schema", "model"))
    assert list(schema["$defs"]["native.shelf"]["properties"])[:2] == ["about", "context"]
    config = json.loads(place.run("schema", "config"))
    assert config["$defs"]["RegistryEntry"]["properties"]["kind"]["enum"] == [*BUILT_IN, "shelf"]


def test_a_kind_that_nothing_provides(place: Place) -> None:
    place.config(CONFIG.format(url=place.server.url).replace("kind: shelf", "kind: shelv"))
    [problem] = place.document("validate", code=1)["problems"]
    assert (problem["code"], problem["hint"]) == ("unknown-kind", "did you mean 'shelf'?")


def test_registries_tells_whose_it_is_and_what_it_can_do(place: Place) -> None:
    place.run("apply", "--yes")
    document = place.document("registries")
    [state] = document["registries"]
    assert state["account"] == "workspace acme"
    assert state["held"] == [{"resource": "Model", "ours": 1, "vendor_owned": 2}]
    kind = document["kinds"]["shelf"]
    assert kind["origin"] == "reconciler-shelf 0.1.0"
    text = place.run("registries")
    assert "answers as workspace acme: 1 model of yours, 2 models built in; 1 manifest is for it" in text
    assert "from reconciler-shelf 0.1.0" in text


def test_no_embedded_registry_speaks_it(place: Place) -> None:
    place.config(
        CONFIG.format(url="x").replace('url: "x", token: {env: SHELF_TOKEN}', "embedded: registry.db")
    )
    [problem] = place.document("validate", code=1)["problems"]
    assert problem["code"] == "embedded-kind"
    assert problem["message"] == "the embedded registry does not speak the kind 'shelf'"


def test_a_broken_client_fails_its_own_registry_alone(place: Place, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    put(site, {"acme": "acme_kind:KIND"}, acme_kind=SHELF + OTHER, acme_talks="import nowhere")
    place.site = Path(f"{site}{os.pathsep}{place.site}")
    entry = f'  other: {{kind: acme, url: "{place.server.url}/other"}}\nsecrets:'
    place.config(CONFIG.format(url=place.server.url).replace("secrets:", entry))
    place.model(MODEL.replace("spec:", "spec:\n  registries: [shelf, other]"))
    document = place.document("plan", code=1)
    assert [part["failure"] and part["failure"]["code"] for part in document["registries"]] == [
        None,
        "plugin",
    ]


# --- broken ones ------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on the path of this process, also for the plugin's own module."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def put(site: Path, points: Mapping[str, str], dist: str = "acme-adapter", **modules: str) -> Kinds:
    """A distribution with these entry points and modules, as an installer leaves it."""
    info = site / f"{dist.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.2\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]) + "\n")
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)
    importlib.invalidate_caches()
    return Kinds(BUILT_IN)


SHELF = """
from dataclasses import replace
from reconciler.registries.codecs import Text
from reconciler.registries.rows import Point, Row
from reconciler_shelf.kind import SHELF as KIND
TABLE = KIND.tables["model"]
def with_table(**more): return replace(KIND, tables={"model": replace(TABLE, **more)})
def with_row(**more): return with_table(rows=(*TABLE.rows, Row(**{"codec": Text(), **more})))
"""


OTHER = """
KEYS = TABLE.identity._replace(pin=("native", "acme", "name"))
TABLE = replace(TABLE, kind="acme", identity=KEYS)
KIND = replace(KIND, name="acme", tables={"model": TABLE}, client_module="acme_talks")
"""


@pytest.mark.parametrize(
    ("value", "module", "said"),
    [
        ("acme_none:KIND", None, "ModuleNotFoundError: No module named 'acme_none'"),
        ("acme_a:KINDS", "", "AttributeError: module 'acme_a' has no attribute 'KINDS'"),
        ("acme_b:KIND", "raise ValueError('not\\ntoday')", "ValueError: not today"),
        ("acme_c:KIND", "raise SystemExit", "SystemExit"),
        ("acme_d:KIND", "def", "SyntaxError"),
        ("acme_e:KIND", "KIND = 'orq'", "it is of the type str, and must be a Kind"),
        (
            "acme_f:KIND",
            f"{SHELF}KIND = replace(KIND, name='she')",
            "it holds the kind 'she'; both names must",
        ),
        (
            "acme_g:KIND",
            f"{SHELF}KIND = replace(KIND, tables={{}})",
            "`tables` must be a mapping of at least",
        ),
        ("acme_h:KIND", f"{SHELF}KIND = replace(KIND, tables={{'model': 1}})", "that is not a Table"),
        (
            "acme_i:KIND",
            f"{SHELF}KIND = replace(KIND, tables={{'x': TABLE}})",
            "table x: its variant is 'model'",
        ),
        ("acme_j:KIND", f"{SHELF}KIND = replace(KIND, choose=None)", "`choose` must be a function"),
        ("acme_k:KIND", f"{SHELF}KIND = with_table(kind='orq')", "its kind is 'orq', not 'shelf'"),
        ("acme_l:KIND", f"{SHELF}KIND = with_table(resource='Key')", "'Key' is no resource"),
        ("acme_m:KIND", f"{SHELF}KIND = with_table(rows=None)", "its tables cannot be read: TypeError"),
        (
            "acme_n:KIND",
            f"{SHELF}KIND = with_row(native=(('title',),), points=(Point(('x',)),))",
            "two rows for native.shelf.title",
        ),
        (
            "acme_o:KIND",
            f"{SHELF}KIND = with_row(portable=('famly',), points=(Point(('x',)),))",
            "famly: manifests of kind Model have no such portable field",
        ),
        ("acme_p:KIND", f"{SHELF}KIND = with_row(points=(Point(('x',)),))", "the row at x has no path"),
        (
            "acme_q:KIND",
            f"{SHELF}KIND = with_row(native=(('x',),), points=())",
            "x: it has no point on the wire",
        ),
        (
            "acme_r:KIND",
            f"{SHELF}from reconciler.registries.codecs import SecretText\n"
            "KIND = with_row(native=(('x',),), codec=SecretText(), points=(Point(('x',)),))",
            "x: a secret must be write-only",
        ),
        (
            "acme_s:KIND",
            f"{SHELF}KIND = with_row(native=(('x', '*'),), points=(Point(('x',)),))",
            "x.*: its wildcards are not those of its points",
        ),
        (
            "acme_t:KIND",
            f"{SHELF}KIND = with_row(native=(('x',),), points=(Point(('x',)),), refers='Provider')",
            "x: it refers to a Provider, of which the kind has no table",
        ),
        (
            "acme_u:KIND",
            f"{SHELF}KIND = with_table(identity=TABLE.identity._replace(pin=('native', 'shelf', 'id')))",
            "pin native.shelf.id is not the native path of a row with `identity`",
        ),
        (
            "acme_v:KIND",
            f"{SHELF}KIND = with_table(update=TABLE.update._replace(name='create'))",
            "two calls have the name 'create'",
        ),
        (
            "acme_w:KIND",
            f"{SHELF}KIND = with_table(update=TABLE.update._replace(always=(('region',),)))",
            "the call 'update' names region, which no row writes",
        ),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution(
    site: Path, value: str, module: str | None, said: str
) -> None:
    name = value.split(":", maxsplit=1)[0]
    kinds = put(site, {"shelf": value}, **({} if module is None else {name: module}))
    assert "shelf" in kinds
    assert list(kinds) == [*BUILT_IN, "shelf"]
    with pytest.raises(PluginError) as caught:
        kinds["shelf"]
    assert caught.value.message.startswith(f"entry point shelf = {value} of acme-adapter 1.2: ")
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    with pytest.raises(PluginError):
        list(kinds.values())


def test_a_name_that_cannot_stand_in_a_path(site: Path) -> None:
    text = f"{SHELF}KIND = replace(KIND, name='acme.ai')"
    kinds = put(site, {"acme.ai": "acme_dotted:KIND"}, acme_dotted=text)
    with pytest.raises(PluginError, match="its name must be of letters, digits"):
        kinds.get("acme.ai")


def test_a_name_of_a_built_in_kind(site: Path) -> None:
    kinds = put(site, {"orq": "reconciler_shelf.kind:SHELF"})
    assert kinds["orq"] is BUILT_IN["orq"]
    with pytest.raises(PluginError, match=r"acme-adapter 1.2: the kind 'orq' comes with reconciler itself"):
        kinds.get("shelf")


def test_two_distributions_with_one_kind(site: Path) -> None:
    put(site, {"shelf": "reconciler_shelf.kind:SHELF"})
    kinds = put(site, {"shelf": "reconciler_shelf.kind:SHELF"}, dist="other-adapter")
    with pytest.raises(PluginError, match=r"other-adapter 1.2: acme-adapter 1.2 has a kind of the same name"):
        list(kinds)


def test_metadata_that_cannot_be_read(site: Path) -> None:
    kinds = put(site, {}, dist="broken")
    (site / "broken-1.2.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\nnothing\n")
    with pytest.raises(PluginError, match="the entry points of the installed distributions cannot be read"):
        kinds.get("shelf")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import nowhere", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("def reader(connection): ...", "has no function 'writer'"),
    ],
)
def test_a_broken_client_is_named_too(site: Path, module: str, said: str) -> None:
    text = f"{SHELF}KIND = replace(KIND, client_module='acme_talks')"
    kinds = put(site, {"shelf": "acme_kind:KIND"}, acme_kind=text, acme_talks=module)
    with pytest.raises(PluginError) as caught:
        kinds["shelf"].client()
    assert caught.value.message == f"acme-adapter 1.2: the module acme_talks of kind shelf {said}"


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """The modules of one test are not those of the next."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("acme_", "reconciler_shelf")):
            del sys.modules[name]


def test_a_broken_plugin_ends_the_run_that_asks_for_it_and_no_other(
    tmp_path: Path, server: Shelf, here: Callable[..., Ran]
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    put(site, {"acme": "acme_gone:KIND"})
    place = Place(tmp_path / "project", site, server, here)
    place.config(CONFIG.format(url=server.url).replace("kind: shelf", "kind: acme"))
    for line in (("validate",), ("plan",), ("apply", "--yes"), ("registries",)):
        text = place.run(*line, code=1)
        assert "entry point acme = acme_gone:KIND of acme-adapter 1.2: ModuleNotFoundError" in text
    assert place.document("plan", code=1)["error"]["code"] == "plugin"
    put(site, {"orq": "acme_gone:KIND"}, dist="usurper")  # told of whenever one looks for plugins
    assert "comes with reconciler itself" in place.run("validate", code=1)
    place.config(CONFIG.format(url=server.url).replace("kind: shelf", "kind: orq"))
    place.model(MODEL.replace("  native: {shelf: {tags: [support, mini]}}\n", ""))
    assert "no mistakes" in place.run("validate")


# --- the built-in ones ------------------------------------------------------------------------------


def test_the_tables_of_the_built_in_kinds_are_consistent() -> None:
    assert {name: mistakes(kind) for name, kind in BUILT_IN.items()} == {name: [] for name in BUILT_IN}


def test_a_built_in_kind_is_loaded_when_it_is_asked_for() -> None:
    asked = (
        "import sys; from reconciler.registries import KINDS; kind = KINDS['respan']; "
        "names = [name for name in sys.modules if name.endswith('.kind') and name.count('.') == 3]; "
        "print(kind.name, *sorted(names))"
    )
    process = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["respan", "reconciler.registries.respan.kind"]


def test_the_name_of_a_built_in_kind_is_its_own() -> None:
    assert {name: kind.name for name, kind in BUILT_IN.items()} == {name: name for name in BUILT_IN}
    assert "acme" not in BUILT_IN
    with pytest.raises(KeyError):
        BUILT_IN["acme"]


def test_built_in_kinds_come_first_and_need_no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**_: object) -> Any:
        raise AssertionError

    monkeypatch.setattr(importlib.metadata, "entry_points", never)
    kinds = Kinds(BUILT_IN)
    assert all(name in kinds and kinds[name] is kind for name, kind in BUILT_IN.items())
    assert next(iter(kinds)) == next(iter(BUILT_IN))
    assert next(iter(KINDS)) == next(iter(BUILT_IN))


@pytest.mark.parametrize(
    ("by_name", "mistake"),
    [
        ({"Model": 0}, "`by_name` must be a mapping of resources to whole numbers from 1"),
        ("Model", "`by_name` must be a mapping of resources to whole numbers from 1"),
        ({"Provider": 5}, "`by_name` has 'Provider', whose names no create of this kind sends"),
    ],
)
def test_a_kind_can_only_be_read_by_names_that_are_given(by_name: Any, mistake: str) -> None:
    assert mistakes(replace(BUILT_IN["orq"], by_name=by_name)) == [mistake]
    # Of its models behind an endpoint, the registry makes the ids.
    assert mistakes(replace(BUILT_IN["orq"], by_name={"Model": 5}))
    assert mistakes(replace(BUILT_IN["watsonx"], by_name={"Model": 5})) == []
