"""``make bench``: measures, and writes docs/performance.md, its plot and its figures."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks import octodns_peer, report
from benchmarks.measure import ROOT, BenchError, say
from benchmarks.parts import PARTS, Bench, environment

_SIZES: Final = (100, 1_000, 10_000, 100_000)
_PEER: Final = ROOT / ".cache" / "bench-venv"
_CACHES: Final = (".reconciler", ".cache")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--small", action="store_true", help="20 models, once: only whether it runs")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this one; may be repeated")
    parser.add_argument("--profile", action="store_true", help="only the profile of a cold plan, in full")
    parser.add_argument("--largest", type=int, default=max(_SIZES), help="no more models than that")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--cache", action="append", help="one more path that no cold run has")
    parser.add_argument("--out", type=Path, help="the folder for the results; docs/, or with --small none")
    parser.add_argument("--no-octodns", action="store_true", help="without it, and without installing it")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    work = Path(tempfile.mkdtemp(prefix="reconciler-bench-"))
    try:
        bench = Bench(
            work=work,
            sizes=(20,) if given.small else [size for size in _SIZES if size <= given.largest],
            main=20 if given.small else min(10_000, given.largest),
            creates=20 if given.small else 1_000,
            rounds=1 if given.small else given.rounds,
            octodns=None if given.small or given.no_octodns else _octodns(),
            caches=(*_CACHES, *(given.cache or ())),
            env=environment(work),
        )
        wanted = ["profile"] if given.profile else given.part or list(PARTS)
        out = given.out or (None if given.small else ROOT / "docs")
        results = {**_before(out), "machine": machine()}
        for name in wanted:
            say(f"{name}:")
            results[name] = PARTS[name](bench)
            if out is not None:  # after each part, so that a failure costs no more than one
                report.save(results, out)
    except BenchError as error:
        say(f"bench: {error}")
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(report.summary(results))
    return 0


def _before(out: Path | None) -> dict[str, Any]:
    """The figures of an earlier run, of which only some parts may be measured anew."""
    path = None if out is None else out / report.FIGURES
    if path is None or not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _octodns() -> Path:
    """octoDNS in an environment of its own, which is made once."""
    command = _PEER / "bin" / "octodns-sync"
    mark = _PEER / "ready"
    if not mark.exists() or mark.read_text() != octodns_peer.VERSION:
        say(f"installing octoDNS {octodns_peer.VERSION} into {_PEER.relative_to(ROOT)}")
        subprocess.run([sys.executable, "-m", "venv", str(_PEER)], check=True)
        pip = [
            str(_PEER / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, f"octodns=={octodns_peer.VERSION}"], check=True)
        mark.write_text(octodns_peer.VERSION)
    return command


def machine() -> dict[str, Any]:
    """Where and with what it was measured."""
    packages = ("pyyaml", "httpx", "pydantic", "deepdiff")
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _line("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "libyaml": yaml._yaml.get_version_string(),  # noqa: SLF001 - no other way
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "octodns": octodns_peer.VERSION,
        "commit": _git("rev-parse", "--short", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--", "reconciler")),
    }


def _line(path: str, key: str) -> str | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
