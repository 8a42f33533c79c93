"""One random run: what is done, and what must hold of it.

The registry's own file is asked what is so (``truth``), never the tool.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import simplejson
from conformance import manifests
from conformance.manifests import SECRETS
from conformance.stand import OPTIONS, TOKEN
from conformance.subject import UPSTREAM, Subject, Variant
from conformance.subjects import subject_of

from reconciler.embedded import create_app
from reconciler.embedded.faults.faults import Faults
from reconciler.embedded.faults.injector import FaultInjector
from reconciler.embedded.faults.rules import FaultFile
from reconciler.embedded.seed import seed
from reconciler.executor.twins import may_double
from reconciler.registries import KINDS

from . import judge
from .clients import Ended, Forge
from .drawn import SEEDED, Drawn, Kill, Wanted, drawn
from .gate import on_sockets
from .leavings import Leavings, files, leavings, verdicts
from .stand import Ran
from .truth import Mark, Row, Truth, remove, table_of, truth
from .watch import PATIENCE, Watch, wait_until_idle

Json = Any
Key = tuple[str, str]
"""A resource and the name of a manifest: unique in a run."""

_CLAIMS_NOTHING: Final = ("is not known", "cannot be seen", "is declared by no manifest")
"""How what the next plan says of an action begins, where it does not say what became of it."""


@dataclass
class Record:
    """What a run was, and what was wrong with it, by the kind of what went wrong."""

    seed: int
    shape: str
    actions: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    twins: int = 0
    unproven: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        return {**vars(self), "fired": dict(self.fired), "verdicts": dict(self.verdicts)}


KINDS_OF_WRONG: Mapping[str, str] = {
    "duplicate": "duplicates made by one client",
    "untold twin": "duplicates made by two clients and not reported with both ids",
    "untold": "lost or half-done actions not reported",
    "divergent": "runs whose next apply did not converge",
    "manners": "runs that ended in another way than they may",
}


@dataclass(frozen=True)
class Checkout:
    """A folder that a client runs in, and what it wants."""

    folder: Path
    port: int
    forge: Forge
    wants: Mapping[Key, Wanted]


@dataclass(frozen=True)
class Left:
    """A client that was killed. ``before`` is what the registry held when it began.

    It may have died before it recorded anything."""

    checkout: Checkout
    before: Truth
    record: Leavings | None


class Bench:
    """The socket, and the processes that clients are made of, for many runs one after another; as long as
    ``stack`` is open, which it keeps."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.watch = Watch()
        subjects = {name: subject_of(name) for name in KINDS}
        self.subjects: dict[str, Subject] = {name: one for name, one in subjects.items() if one is not None}
        self.watch.is_read = self._is_read
        self.ports, self.server = stack.enter_context(on_sockets(self.watch, 2))
        environment = {**SECRETS, "REGISTRY_TOKEN": TOKEN}
        self.forges = [stack.enter_context(Forge(environment)) for _ in self.ports]
        self._warm: set[str] = set()

    def _is_read(self, method: str, path: str) -> bool:
        if method == "GET" or path == "/identity/token":
            return True
        return any(
            (method, path) in subject.reads
            or any(
                (one.method, subject.base + one.path) == (method, path) for one in subject.listings.values()
            )
            for subject in self.subjects.values()
        )

    def warm_up(self, folder: Path, kinds: Collection[str]) -> None:
        """Lets every process that clients are forked from plan what ``folder`` asks of ``kinds``, once."""
        if not self._warm.issuperset(kinds):
            for forge in self.forges:
                forge.warm_up(folder)
            self._warm.update(kinds)

    def run(self, seed: int) -> Record:
        """The run of ``seed``. Raises nothing for what is wrong with it: that stands in the record."""
        began = time.monotonic()
        plan = drawn(seed)
        record = Record(seed, plan.shape)
        folder = Path(tempfile.mkdtemp(prefix=f"run-{seed}-"))
        try:
            with _RandomRun(self, plan, folder, record) as run:
                run.run()
        except Exception as error:  # noqa: BLE001 - a seed that breaks the suite is told like any other
            record.wrong.append(("manners", f"the suite itself: {type(error).__name__}: {error}"))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        record.seconds = round(time.monotonic() - began, 3)
        return record


@contextmanager
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(stack)


class _RandomRun:
    def __init__(self, bench: Bench, plan: Drawn, folder: Path, record: Record) -> None:
        self.bench, self.plan, self.folder, self.record = bench, plan, folder, record
        self.database = folder / "registry.db"
        self.left: list[Left] = []

    def __enter__(self) -> _RandomRun:
        app = create_app(self.database, token=TOKEN, options=OPTIONS)
        self.store = app.state.store
        file = FaultFile.model_validate({"seed": self.plan.seed, "faults": list(self.plan.rules)})
        self.faults = Faults(file)
        self.faults.off()
        self.bench.watch.begin(FaultInjector(app, faults=self.faults, store=self.store))
        for kind in self.plan.kinds:
            seed(self.database, copy.deepcopy(dict(self.bench.subjects[kind].seed)))
        seed(self.database, copy.deepcopy(dict(SEEDED)))
        self.checkouts = [self._checkout(number) for number in range(1 + self.plan.is_race)]
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    # ---- what is done

    def run(self) -> None:
        first = self.checkouts[0]
        self._write(first, lambda one: one.after or one.before)
        self.bench.warm_up(first.folder, self.plan.kinds)
        if any(one.before is not None for one in self.plan.wanted):
            for checkout in self.checkouts:
                self._write(checkout, lambda one: one.before, old=True)
            setup = self._alone(first)
            if setup.code != 0:
                raise AssertionError(f"the run cannot be set up: {setup.code} {_refusals(setup)}")
        for checkout in self.checkouts:
            second = checkout is not first
            self._write(checkout, lambda one, second=second: (one.other if second else None) or one.after)
        start = truth(self.database)
        reports: list[Ran | None] = []
        for kill in self.plan.kills:
            before = truth(self.database)
            recorded = {one.folder: files(one.folder) for one in self.checkouts}
            duplicated = self._duplicated()
            self.faults.on = True
            kills = [kill, self.plan.second] if self.plan.is_race else [kill]
            met = self._together(kills)
            self.faults.off()
            self._catch_up()
            now = truth(self.database)
            told = [self._told(ended) for ended in met]
            reports += told
            self._check_reports(told, before, now, others=self._duplicated() > duplicated)
            self._check_unmanaged(before, now)
            for checkout, report in zip(self.checkouts, told, strict=True):
                if report is not None:
                    self._check_settled(checkout, report)
                else:
                    new = files(checkout.folder) - recorded[checkout.folder]
                    self.left.append(Left(checkout, before, leavings(new.pop()) if new else None))
            self._check_left(told, before, now, others=self._duplicated() > duplicated)
        for rule, fired in zip(self.plan.rules, self.faults.fired, strict=True):
            self.record.fired[_name_of(rule)] += fired
        self._check_counts(start)
        self._check_next(reports)

    def _checkout(self, number: int) -> Checkout:
        folder = self.folder / f"checkout-{number}"
        (folder / "models").mkdir(parents=True)
        port = self.bench.ports[number]
        registries = {
            kind: {
                "kind": kind,
                "url": f"http://127.0.0.1:{port}{self.bench.subjects[kind].base}",
                "token": {"env": "REGISTRY_TOKEN"},
                "requests_per_minute": 600_000,
                "concurrency": self.plan.concurrency,
                "guards": {"update_share": "100%"},
            }
            for kind in self.plan.kinds
        }
        config = {
            "apiVersion": "reconciler/v1",
            "kind": "Config",
            "default_registries": list(self.plan.kinds),
            "registries": registries,
            "secrets": {name: {"env": name, "hosts": [UPSTREAM, "127.0.0.1"]} for name in SECRETS},
        }
        (folder / "reconciler.yaml").write_text(simplejson.dumps(config), encoding="utf-8")
        wants = {(one.variant.table.resource, one.name): one for one in self.plan.wanted}
        return Checkout(folder, port, self.bench.forges[number], wants)

    def _write(self, checkout: Checkout, spec_of: Callable[[Wanted], Any], *, old: bool = False) -> None:
        texts = []
        for one in self.plan.wanted:
            spec = spec_of(one)
            if spec is not None:
                name = (one.old_name if old else None) or one.name
                texts.append(_manifest(one.variant, spec, name))
        (checkout.folder / "models" / "all.yaml").write_text("\n---\n".join(texts), encoding="utf-8")

    def _together(self, kills: Sequence[Kill | None]) -> list[Ended]:
        """Applies from every checkout at the same time."""
        watch = self.bench.watch
        watch.forget()
        for checkout, kill in zip(self.checkouts, kills, strict=True):
            if kill is not None:
                watch.kills[checkout.port] = kill
        for checkout in self.checkouts:
            watch.pids[checkout.port] = checkout.forge.start(checkout.folder, "apply", "--yes")
        ended = []
        for checkout in self.checkouts:
            ended.append(checkout.forge.end())
            watch.is_over(checkout.port)
        wait_until_idle(self.bench.server, self.checkouts[0].port)
        self.record.kills += sum(one.is_killed for one in ended)
        return ended

    def _alone(self, checkout: Checkout, *arguments: str) -> Ran:
        """Runs one command while the registry behaves."""
        checkout.forge.start(checkout.folder, *(arguments or ("apply", "--yes")))
        ended = checkout.forge.end()
        wait_until_idle(self.bench.server, checkout.port)
        ran = self._told(ended)
        if ran is None:
            raise AssertionError(f"killed although nobody was to be: {ended}")
        return ran

    def _catch_up(self) -> None:
        """Reads once, past every fault, so that lists lag no more.

        A list that lags even for the next client does not show it what a killed one has made. That two of it
        are made then, only the plan after it can tell.
        """
        with closing(HTTPConnection("127.0.0.1", self.checkouts[0].port, timeout=PATIENCE)) as connection:
            connection.request("GET", "/v2/models", headers={"authorization": f"Bearer {TOKEN}"})
            assert connection.getresponse().read()

    def _duplicated(self) -> int:
        """How many objects another client has made by a fault."""
        pairs = zip(self.plan.rules, self.faults.fired, strict=True)
        return sum(fired for rule, fired in pairs if "duplicate" in rule)

    # ---- what must hold

    def _wrong(self, kind: str, text: str) -> None:
        self.record.wrong.append((kind, text))

    def _told(self, ended: Ended) -> Ran | None:
        """What a client told; None of one that was killed."""
        if "Traceback" in ended.err or "bug in reconciler" in ended.err:
            self._wrong("manners", f"a traceback: {ended.err[-2000:]}")
        if ended.is_killed:
            if ended.code != -9:
                self._wrong("manners", f"ended by signal {-ended.code}")
            return None
        try:
            document = json.loads(ended.out)
        except ValueError as error:
            self._wrong("manners", f"stdout is no JSON ({error}): {ended.out[:200]!r} {ended.err[-500:]}")
            document = {}
        ran = Ran(ended.code, document)
        if document.get("exit_code", ended.code) != ended.code:
            self._wrong("manners", f"ended with {ended.code} and tells {document['exit_code']}")
        if "outcome" in document:
            fits = judge.fitting_code(ran)
            if fits != ran.code:
                self._wrong("manners", f"exit code {ran.code}, and {fits} fits {judge.statuses(ran)}")
        return ran

    def _check_reports(self, told: Sequence[Ran | None], before: Truth, now: Truth, *, others: bool) -> None:
        """What has changed was told, and what was told is so. ``others``: a fault was another client."""
        changed = now.changed(before)
        everyone_lives = all(one is not None for one in told)
        results = [judge.results(one) for one in told if one is not None and "outcome" in one.document]
        for key, wanted in self.checkouts[0].wants.items():
            mark = _mark(wanted)
            found = [one[key] for one in results if key in one]
            statuses = {one["status"] for one in found}
            about = f"{wanted.variant} {key[1]}: {[_short(one) for one in found]}"
            by_others = others and wanted.is_new
            if mark in changed and everyone_lives and not by_others and not statuses & {"done", "unproven"}:
                self._wrong("untold", f"written and not told: {about}")
            rows = now.of(mark)
            for one in found:
                if one["status"] == "done" and not any(one["id"] in row.ids for row in rows):
                    self._wrong("untold", f"told as done and not there: {about}")
                if one["status"] in ("failed", "unproven", "skipped", "stale") and not one["reason"]:
                    self._wrong("untold", f"no reason: {about}")
            self.record.unproven += "unproven" in statuses
            self.record.actions += bool(statuses - {"unchanged"})

    def _check_unmanaged(self, before: Truth, now: Truth) -> None:
        """Nothing that no manifest declares is touched, and nothing is ever deleted."""
        declared = {_mark(one) for one in self.plan.wanted if one.after is not None}
        for mark in now.changed(before).keys() - declared:
            self._wrong("untold", f"touched and not declared: {mark}")
        if before.rows.keys() - now.rows.keys():
            self._wrong("untold", "something was deleted")

    def _check_left(self, told: Sequence[Ran | None], before: Truth, now: Truth, *, others: bool) -> None:
        """Whatever a killed client may have done is in its journal."""
        results = [judge.results(one) for one in told if one is not None and "outcome" in one.document]
        new = [one for one in self.left if one.before is before]
        changed = now.changed(before)
        for key, wanted in self.checkouts[0].wants.items():
            mark = _mark(wanted)
            known = [one.record.intents for one in new if one.record is not None]
            reported = any(one[key]["status"] in ("done", "unproven") for one in results if key in one)
            if new and mark in changed and not reported and not any(key in one for one in known):
                self._wrong("untold", f"killed, and not in its journal: {key}")
            for one in new:
                result = one.record.results.get(key) if one.record else None
                if result is None:
                    continue
                status, reason = result["status"], result["reason"]
                apart = not self.plan.is_race and not (others and wanted.is_new)
                if status in ("failed", "skipped", "stale") and apart and mark in changed:
                    self._wrong("untold", f"recorded as {status} and written: {key}: {reason}")

    def _check_settled(self, checkout: Checkout, ran: Ran) -> None:
        """A run that looked after one that did not end has told of it."""
        text = json.dumps(ran.document)
        for settled in self._settled(checkout):
            if f"run {settled} of " not in text:
                self._wrong("untold", f"run {settled} did not end, was looked after, and nobody tells")

    def _settled(self, checkout: Checkout) -> set[str]:
        return {run for file in files(checkout.folder) for run in leavings(file).settles}

    def _check_told_of(self, checkout: Checkout, ran: Ran, now: Truth, settled: Collection[str]) -> None:
        """``ran`` is the first plan since the death of clients of ``checkout``; ``now`` is what it saw."""
        notes = ran.document.get("plan", ran.document).get("notes", [])
        found = list(verdicts(notes))
        for left in self.left:
            record = left.record
            if left.checkout is not checkout or record is None or record.has_ended:
                continue
            if record.run in settled:
                continue  # by one that was not killed, or only after it had ended
            if not any(note.startswith(f"run {record.run} of ") and "did not end" in note for note in notes):
                self._wrong("untold", f"run {record.run} did not end, and nobody tells: {notes}")
            of = [one for one in found if one.run == record.run]
            told = {name for one in of for name in one.names}
            changed, moved = now.changed(left.before), now.moved(left.before)
            # What was answered as done may have been lost all the same, and no proof has come to say so.
            lost = [key for key in record.done if _mark(checkout.wants[key]) not in changed]
            must = {name for _, name in (*record.open, *lost)}
            may = must | {name for _, name in record.done}
            if all(one.is_whole for one in of) and not must <= told <= may:
                self._wrong("untold", f"told of are {sorted(told)}, and open {sorted(must)} of {sorted(may)}")
            for verdict in of:
                for key in (key for key in record.intents if key[1] in verdict.names):
                    mark = _mark(checkout.wants[key])
                    is_new = record.intents[key]["operation"] == "create"
                    as_it_was = mark not in moved or (self.plan.is_race and not is_new)
                    fits = {
                        "had been done": mark in changed or (self.plan.is_race and bool(now.of(mark))),
                        "had not been done, and is planned again": as_it_was,
                        "had not been done, and is refused now": as_it_was,
                        "was answered as done, and is not so now: see the plan": key in record.done,
                        "was done in part, or somebody else has changed it since: see the plan": mark
                        in changed,
                    }
                    self.record.verdicts[verdict.text.partition(",")[0]] += 1
                    if verdict.text.startswith(_CLAIMS_NOTHING):
                        continue
                    if not fits.get(verdict.text, False):
                        what = "is changed" if mark in changed else "is as it was"
                        self._wrong("untold", f"told that {key} {verdict.text}, and it {what}")

    def _check_counts(self, start: Truth) -> None:
        """One client has made one object. Two of them, or a fault that is one, may have made several."""
        several = truth(self.database).several()
        for mark, rows in several.items():
            if mark in start.several():
                continue
            one = next((one for one in self.plan.wanted if _mark(one) == mark), None)
            self.record.twins += 1
            if one is None or not may_double(one.variant.table):
                self._wrong("duplicate", f"{len(rows)} of {mark}")
            elif not self.plan.is_race and len(rows) > 1 + self._duplicated():
                self._wrong("duplicate", f"{len(rows)} of {mark}, one client")

    def _check_next(self, reports: Sequence[Ran | None]) -> None:
        """The registry behaves: the next apply of the first checkout brings about what is left."""
        first = self.checkouts[0]
        before = truth(self.database)
        for checkout in self.checkouts[1:]:
            if any(left.checkout is checkout for left in self.left):
                self._check_told_of(checkout, self._alone(checkout, "plan"), before, set())
        settled = self._settled(first)
        ran = self._alone(first)
        self._check_told_of(first, ran, before, settled)
        self._check_reports([ran], before, truth(self.database), others=False)
        self._check_told_true(reports, ran)
        known = self._check_twins(before, [*reports, ran])
        if known:
            if ran.code != 3:
                self._wrong("divergent", f"two of one thing, and exit code {ran.code}: {_refusals(ran)}")
            for rows in known.values():
                remove(self.database, sorted(rows, key=lambda row: row.position)[1:])
            ran = self._alone(first)
        if ran.code != 0:
            self._wrong("divergent", f"exit code {ran.code}: {_refusals(ran)}")
        again = self._alone(first, "plan", "--exit-code")
        if again.code != 0:
            self._wrong("divergent", f"a plan right after: exit code {again.code}: {_pending(again)}")
        if "did not end" in json.dumps(again.document):
            self._wrong("manners", "a run that did not end is told of although it has been looked after")
        end = truth(self.database)
        for one in first.wants.values():
            if one.after is not None and len(end.of(_mark(one))) != 1:
                self._wrong("divergent", f"{len(end.of(_mark(one)))} of {_mark(one)} at the end")

    def _check_twins(self, before: Truth, reports: Sequence[Ran | None]) -> dict[Mark, list[Row]]:
        """What is there more than once, all of whose ids one of ``reports`` has named."""
        marks = {_mark(one) for one in self.plan.wanted}
        known = {mark: rows for mark, rows in before.several().items() if mark in marks}
        told = [_ids(json.dumps(one.document)) for one in reports if one is not None]
        for mark, rows in known.items():
            if not any(all(row.ids & ids for row in rows) for ids in told):
                self._wrong("untold twin", f"{mark}: {[sorted(row.ids) for row in rows]}")
        return known

    def _check_told_true(self, reports: Sequence[Ran | None], ran: Ran) -> None:
        """What the last one to write called done is so: a new plan has nothing to do there."""
        if self.plan.is_race or not reports or reports[-1] is None or "outcome" not in reports[-1].document:
            return
        now = judge.actions(ran)
        # A field that an update took away besides is told as what is left.
        proofs = reports[-1].document.get("proof", ())
        told = {(left["resource"], left["name"]) for proof in proofs for left in proof["left"]}
        for key, result in judge.results(reports[-1]).items():
            if key in told:
                continue
            if result["status"] in ("done", "unchanged") and now[key]["operation"] != "none":
                left = [change["path"] for change in now[key]["changes"]] or _texts(now[key]["refusals"])
                self._wrong("untold", f"told as {result['status']}, and left is {left}: {_short(result)}")


def _manifest(variant: Variant, spec: Any, name: str) -> str:
    return simplejson.dumps(manifests.document(variant, spec, name=name), use_decimal=True)


def _mark(one: Wanted) -> Mark:
    return table_of(one.variant.table), one.mark


_WORD = re.compile(r"[^\s'\",;()\[\]\\]+")


def _ids(text: str) -> Collection[str]:
    """Every word of a text, ids among them."""
    return {word.rstrip(".:") for word in _WORD.findall(text)}


def _short(result: Mapping[str, Json]) -> str:
    told = [result["status"], result["reason"], *result["remarks"]]
    return "; ".join(str(one) for one in told if one)


def _texts(refusals: Sequence[Mapping[str, Json]]) -> list[str]:
    return [refusal["message"] for refusal in refusals]


def _refusals(ran: Ran) -> list[str]:
    """Why a run did not do everything."""
    if "error" in ran.document:
        return [str(ran.document["error"])]
    found = [text for action in judge.actions(ran).values() for text in _texts(action["refusals"])]
    if "outcome" in ran.document:
        found += [
            _short(one) for one in judge.results(ran).values() if one["status"] not in ("done", "unchanged")
        ]
    return found


def _pending(ran: Ran) -> list[str]:
    if "registries" not in ran.document:
        return _refusals(ran)
    found = [
        f"{name}: {[change['path'] for change in action['changes']]}"
        for (_, name), action in judge.actions(ran).items()
        if judge.is_pending(action)
    ]
    return [*found, *_refusals(ran)]


def _name_of(rule: Mapping[str, Json]) -> str:
    name = next(name for name in rule if name not in ("match", "hint", "wait", "when"))
    return f"status {rule['status']}" if name == "status" else name


__all__ = ["KINDS_OF_WRONG", "Bench", "Record", "bench"]
