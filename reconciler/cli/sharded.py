"""What `--shard` makes of a run: how it is split, and the part of a plan that this process executes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.cli.loading import Project
from reconciler.cli.run import Asked, Planned, choose_registries
from reconciler.plan import Plan
from reconciler.planfile import PlanFileError

if TYPE_CHECKING:
    from reconciler.sharding import Shard


def split_for(project: Project, asked: Asked, saved: Plan | None, shard: Shard | None) -> Project:
    """``project`` with how the run is split. ``saved`` is the plan in the file that all shards are given.

    Raises UsageError where the limits of a registry are too small for so many.
    """
    if shard is None:
        return project
    from reconciler.sharding import split

    if saved is not None:
        counts = {part.name: len(part.actions) for part in saved.registries}
        return replace(project, split=split(project.config, counts, shard, all_read=False))
    chosen = Counter(one.registry for one in project.desired if asked.selection.chooses(one))
    names = choose_registries(project, asked.registries, asked.selection)
    counts = {name: chosen[name] for name in names}
    return replace(project, split=split(project.config, counts, shard, all_read=True))


def own_part(planned: Planned, saved: Plan | None, run: str | None) -> Planned:
    """``planned`` with the part of its plan that is for this process; all of it where there is only one.

    ``run`` is the id of the run that was given. Without, a plan file tells it, or else CI."""
    split = planned.project.split
    if split is None:
        return planned
    from reconciler.sharding import of_declared, of_saved

    project, whole = planned.project, planned.plan
    of = of_declared(project.config, whole.scope, project.desired) if saved is None else of_saved(saved)
    known = run or (run_of(os.environ) if saved is None else of)
    return replace(planned, plan=split.part_of(whole, of=of, run=known), whole=whole)


def run_of(environment: Mapping[str, str]) -> str | None:
    """The id of the run that GitHub Actions or GitLab CI give to all of its jobs; None elsewhere.

    A job that is run again has the same one: what it writes then goes with what the others wrote before."""
    return environment.get("GITHUB_RUN_ID") or environment.get("CI_PIPELINE_ID") or None


def check_whole(saved: Plan, shown_as: str) -> None:
    """Raises PlanFileError for the plan of a shard: the guards over a run look at the whole."""
    if saved.shard is not None:
        message = f"{shown_as}: it is shard {saved.shard} of a plan, and only a whole plan can be applied"
        raise PlanFileError(message, hint="join the shards: reconciler merge FILES... --out plan.json")
