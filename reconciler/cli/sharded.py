"""What `--shard` makes of a run: how it is split, and the part of a plan that this process executes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from reconciler.cli.loading import Project
from reconciler.cli.run import Asked, Planned, choose_registries
from reconciler.plan import Plan
from reconciler.planfile import PlanFileError
from reconciler.sharding import Shard, of_declared, of_saved, split


def split_for(project: Project, asked: Asked, saved: Plan | None, shard: Shard | None) -> Project:
    """``project`` with how the run is split. ``saved`` is the plan in the file that all shards are given.

    Raises UsageError where the limits of a registry are too small for so many.
    """
    if shard is None:
        return project
    if saved is not None:
        counts = {part.name: len(part.actions) for part in saved.registries}
        return replace(project, split=split(project.config, counts, shard, all_read=False))
    chosen = Counter(one.registry for one in project.desired if asked.selection.chooses(one))
    names = choose_registries(project, asked.registries, asked.selection)
    counts = {name: chosen[name] for name in names}
    return replace(project, split=split(project.config, counts, shard, all_read=True))


def own_part(planned: Planned, saved: Plan | None) -> Planned:
    """``planned`` with the part of its plan that is for this process; all of it where there is only one."""
    split = planned.project.split
    if split is None:
        return planned
    project, whole = planned.project, planned.plan
    of = of_declared(project.config, whole.scope, project.desired) if saved is None else of_saved(saved)
    return replace(planned, plan=split.part_of(whole, of=of), whole=whole)


def check_whole(saved: Plan, shown_as: str) -> None:
    """Raises PlanFileError for the plan of a shard: the guards over a run look at the whole."""
    if saved.shard is not None:
        message = f"{shown_as}: it is shard {saved.shard} of a plan, and only a whole plan can be applied"
        raise PlanFileError(message, hint="join the shards: reconciler merge FILES... --out plan.json")
