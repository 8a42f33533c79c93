"""What somebody made by hand is imported, and the plan of what was written has nothing to do."""

from __future__ import annotations

from typing import Any

from reconciler.importing import choose, import_objects
from reconciler.manifests.config import load_config
from reconciler.registries.interface import Observation

from .cases import each
from .manifests import SECRETS
from .stand import REGISTRY, Stand
from .subject import UPSTREAM
from .test_lifecycle import Spec, specs


@each("spec", specs)
def test_what_is_imported_has_an_empty_plan(stand: Stand, spec: Spec) -> None:
    live = stand.made(spec(stand))
    observation: Observation = stand.with_reader(lambda reader: reader.observe())
    (stand.folder / "models" / "all.yaml").unlink()
    config = load_config(stand.folder / "reconciler.yaml", "reconciler.yaml")
    found = import_objects(config, [], observation, choose(observation, [live.names[0]]), set())
    [imported] = found.manifests
    assert (imported.resource, imported.id, found.skipped) == (live.resource, live.id, ())
    (stand.folder / "models" / "imported.yaml").write_text(imported.text(""), encoding="utf-8")
    stubs: dict[str, Any] = {
        stub.name: {"env": stub.name, "hosts": [UPSTREAM, "127.0.0.1"]} for stub in imported.secrets
    }
    listed = {name: {"env": name, "hosts": [UPSTREAM, "127.0.0.1"]} for name in SECRETS}
    stand.configure(listed | stubs)
    [action] = stand.plan().actions()
    assert (action.registry, action.id) == (REGISTRY, live.id)
    assert (action.operation, action.changes, action.refusals) == ("none", (), ())
    assert stand.door.writes == []
