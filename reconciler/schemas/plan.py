"""What every field of a plan document means.

A plan is output, so its schema names every field as required and is open to more: a reader asks for
``format`` and takes what it knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from reconciler.costs.count import Costs
from reconciler.declared import FORMAT as DIFF_FORMAT
from reconciler.plan import FORMAT
from reconciler.review import FORMAT as REVIEW_FORMAT
from reconciler.schemas.tidy import Schema, ordered, tidy

FAILURE: Final = {
    "code": "A stable word for programs.",
    "message": "What went wrong.",
    "hint": "How to fix it, where we know.",
    "request": "The method and address of the request.",
    "status": "The HTTP status of the answer.",
    "request_id": "The registry's own id for the request.",
}

SHOWN: Final = {
    "form": "How to read the value.",
    "value": "By form: any JSON, null, a price as a mapping, the name of a secret, or a text.",
}

FIELDS: Final = {
    "Plan": {
        "apiVersion": "The version of all our documents.",
        "kind": "The kind of document.",
        "format": "The version of this document; it grows when a field changes its meaning.",
        "tool": "The version of reconciler that made the plan.",
        "made": "When and from which commit it was made; null where that is not known.",
        "scope": "What the run was asked for; everything where nothing is given.",
        "registries": "Every registry of the run, in the order of reconciler.yaml.",
        "digest": "The hash of the sorted digests of all actions: two plans with one digest do the same.",
        "notes": "Remarks about the whole run.",
        "refusals": "Why nothing of it is done; empty otherwise.",
        "shard": "Which part of a plan it is; null for a whole plan.",
    },
    "Made": {
        "at": "The time, in UTC.",
        "commit": "The git commit of the folder; null outside of git.",
        "dirty": "Whether the folder held what no commit has; null outside of git.",
    },
    "ShardOf": {
        "number": "Which shard it is; counts from 1.",
        "count": "How many shards there are.",
        "of": "The same for all shards of one run: the digest of what is declared, or of their plan file.",
        "digest": "The digest of the whole plan, as this shard saw it.",
        "registries": "The registries of the whole plan; none where nothing is for this shard.",
        "portions": "What this plan has of each registry that it has any of.",
        "run": "The id that all shards of a run are given, or what tells their plan file; null for none.",
    },
    "Portion": {
        "registry": "The registry's name.",
        "actions": "How many actions the whole plan has there.",
        "at": "Which of them are in this plan, counted from 0.",
    },
    "Scope": {
        "registries": "--registry",
        "only": "--only",
        "without": "--except",
        "resend": "--resend",
        "since": "--since: the commit that the manifests were compared with; null without it.",
    },
    "RegistryPlan": {
        "name": "Its name in reconciler.yaml.",
        "kind": "The adapter that speaks to it.",
        "target": "Its address, or the file of an embedded registry.",
        "account": "Whose registry it is, where what was read from it tells; else null.",
        "failure": "Why it could not be read; null if it was.",
        "actions": "One for every manifest that names this registry.",
        "not_held": "Declared fields for which this kind has no place.",
        "left_alone": "Live objects of ours that no manifest names.",
        "warnings": "What could not be found out about it, and does not stop the plan.",
        "users_are": "What the `used_by` of its actions are, such as `deployment`; empty where not known.",
        "vendor_owned": "How many live models belong to the vendor and no manifest names.",
        "own": "How many live models are the team's own; null where that is not known.",
        "in_part": "Whether only what the chosen manifests mean was read, by name: what is left alone is "
        "then not known, nor how many there are.",
        "refusals": "Why apply writes nothing to it; empty otherwise. Where that is only because it is "
        "read-only, its actions say what would change; else all of them are refused.",
    },
    "Action": {
        "registry": "The registry's name.",
        "resource": "The kind of manifest.",
        "name": "The manifest's name.",
        "operation": "create, update, none (as declared), or refused.",
        "variant": "Which of the kind's tables was used.",
        "id": "The live object's id, or the one that a create sends; null where the server makes it.",
        "place": "Where the manifest is written.",
        "changes": "The fields that differ; for a create, all that are sent.",
        "requests": "The calls, in order.",
        "refusals": "Why it is refused; empty otherwise.",
        "notes": "Remarks, such as which live object was adopted.",
        "hints": "How the manifest is better written.",
        "unverified": "Declared fields that do not read back, so that nothing can be said of them.",
        "unmanaged": "Fields that are set live and that the manifest leaves out.",
        "used_by": "Who is known to use the live object, as far as the registry tells.",
        "after": "The keys (`Provider/house-vllm`) of the actions that come first.",
        "rests_on": "The fingerprint of what was read; apply refuses to write when it has moved.",
        "basis": "What of it an update rests on: each wire path with a short digest of its live value.",
        "digest": "The hash of what the action does or refuses; empty where it does nothing.",
        "labels": "The labels of the manifest; null where they are not known.",
    },
    "Change": {
        "path": "The field, as in the manifest.",
        "live": "What the registry holds.",
        "desired": "What the manifest asks for.",
        "place": "Where the desired value is written; null for a default of ours.",
        "wire_live": "The live value as the registry writes it.",
        "wire_desired": "The desired value as it is sent.",
        "default": "Whether the value is a default of ours.",
        "note": "A remark, such as the change in per cent.",
        "details": "What differs inside a value that is compared whole, one line each.",
    },
    "Shown": SHOWN,
    "Refusal": {
        "code": "A stable word for programs.",
        "message": "What is wrong.",
        "fix": "How to go on.",
        "paths": "The fields that it is about.",
        "acknowledge": "The lines for acknowledgements.yaml that let it through; null where none do.",
        "measured": "What was measured, for a guard with a limit.",
        "limit": "The limit, or the pattern that protects.",
        "place": "Where reconciler.yaml sets it; null for a default.",
    },
    "PlannedRequest": {
        "call": "The name of the call.",
        "method": "The HTTP method.",
        "path": "Its path; {id} stands for the object's id.",
        "edits": "What goes into the body.",
    },
    "PlannedEdit": {
        "path": "The keys that lead to the point in the body.",
        "value": "The value that is sent.",
        "secret": "The name of the secret that is sent instead.",
        "cleared": "Whether the key is left out of a body that replaces everything.",
    },
    "PlanPlace": {
        "file": "The file, as it was named to the run.",
        "line": "Counts from 1.",
        "column": "Counts from 1, in characters.",
    },
    "Basis": {
        "path": "The keys that lead to the value in the live object.",
        "digest": "A short digest of the value; never the value.",
    },
    "Unmanaged": {
        "path": "The field, as in the manifest.",
        "live": "What the registry holds.",
        "clearable": "Whether null would clear it.",
    },
    "NotHeld": {
        "path": "The field.",
        "names": "The manifests that declare it.",
        "resource": "What they declare: `Model` or `Provider`.",
    },
    "LeftAlone": {
        "name": "What a manifest would pin it by.",
        "id": "Its id, which is mostly its name too.",
        "display_name": "The name that people see.",
        "resource": "What it is: `Model` or `Provider`.",
    },
    "Failure": FAILURE,
}

_COSTS: Final = {
    "Costs": {
        "usage": "The file of usage, as it was named to the run.",
        "months": "The months that it has, as 2026-10.",
        "by_registry": "Whether its rows name registries; if not, the usage counts for each of them.",
        "registries": "Every registry of the run, in the order of reconciler.yaml.",
        "unmatched": "The models that the file names and no manifest has, or none for that registry.",
        "ignored_columns": "The columns of the file that mean nothing here.",
    },
    "RegistryCosts": {
        "name": "Its name in reconciler.yaml.",
        "changes": "The price changes that could be counted.",
        "totals": "One for each currency, without what is refused.",
        "unknown": "What could not be counted, and is in no total.",
    },
    "PriceCost": {
        "model": "The manifest's name.",
        "path": "The field, as in the manifest.",
        "quantity": "The name of the column that counts it.",
        "currency": "Of all its amounts.",
        "refused": "Whether the plan refuses the change, so that no total counts it.",
        "months": "The months of the file that have a number for it.",
        "used": "The sum over the months.",
        "cost": "The sum over the months.",
    },
    "MonthCost": {
        "month": "As 2026-10.",
        "used": "How much of it the file has, as a decimal number.",
        "cost": "What that costs.",
    },
    "TotalCost": {
        "currency": "Of all its amounts.",
        "months": "Every month with a counted change.",
        "cost": "The sum over the months.",
        "mean": "The sum, divided by the number of months of the file.",
    },
    "MonthTotal": {"month": "As 2026-10.", "cost": "The sum over the counted changes."},
    "Amounts": {
        "before": "At the live price.",
        "after": "At the declared price.",
        "difference": "After less before; negative where it becomes cheaper.",
    },
    "UnknownCost": {
        "model": "The manifest's name; null where it is about the whole registry.",
        "path": "The field; null where it is about the whole model.",
        "reason": "A stable word for programs.",
        "message": "Why it is unknown.",
        "months": "The months of the file that have no number for it, where that is the reason.",
    },
    "Unmatched": {
        "model": "What the file calls it.",
        "registry": "The registry of its rows; null where rows name none.",
    },
}


_DIFF: Final = {
    "Diff": {
        "apiVersion": "The version of all our documents.",
        "kind": "The kind of document.",
        "format": "The version of this document; it grows when a field changes its meaning.",
        "base": "The revision that is compared with.",
        "head": "The revision that is compared.",
        "registries": "Every registry for which anything is declared differently.",
        "notes": "Remarks, such as what cannot be read in the base.",
    },
    "Side": {"name": "As it was named to the run.", "commit": "The commit that this is."},
    "RegistryDiff": {
        "name": "Its name in reconciler.yaml.",
        "kind": "The adapter that speaks to it.",
        "target": "Its address, or the file of an embedded registry.",
        "actions": "One for every manifest that is new or changed; `live` is what was declared before.",
        "released": "Manifests that are for this registry no more.",
        "not_held": "Fields of new and changed manifests for which this kind has no place.",
    },
    "Released": {
        "resource": "The kind of manifest.",
        "name": "The manifest's name.",
        "place": "Where it was written in the base.",
    },
}


_REVIEW: Final = {
    "Review": {
        "apiVersion": "The version of all our documents.",
        "kind": "The kind of document.",
        "format": "The version of this document; it grows when a field changes its meaning.",
        "request": "The request that it is for; null where it is for none.",
        "base": "What the proposal is merged into.",
        "head": "The last commit of the proposal.",
        "tree": "The git tree of the merge; null where there is a conflict.",
        "conflicts": "The files that both sides changed.",
        "mistakes": "What is wrong in the files of the proposal; with one, nothing is planned.",
        "flags": "What the proposal changes in reconciler.yaml; the review was made without it.",
        "acknowledged": "The acknowledgements that the base does not have.",
        "not_planned": "The registries of which nothing was read.",
        "plan": "What an apply of the merge would do; null where nothing could be planned.",
        "diff": "What is declared differently for the registries that were not planned.",
        "notes": "Remarks about the whole review.",
        "released": "The manifests that are there no more, or no more for a registry; what is live stays.",
        "unchanged": "Whether the merge has all that is read as the base has it.",
    },
    "NoLongerManaged": {
        "registry": "The registry that it was for.",
        "resource": "The kind of manifest.",
        "name": "The manifest's name.",
        "place": "Where the base has it.",
    },
    "Request": {
        "forge": "github or gitlab.",
        "repository": "As the forge calls it.",
        "number": "Its number.",
        "fork": "Whether it comes from another repository.",
    },
    "Mistake": {
        "code": "A stable word for programs.",
        "message": "What is wrong.",
        "place": "Where; the file from the top of the repository.",
        "hint": "How to fix it, where we know.",
    },
    "Flag": {
        "code": "A stable word for programs.",
        "message": "What changes.",
        "place": "Where; null for what is gone.",
    },
    "NewAcknowledgement": {
        "guard": "The guard that refused.",
        "model": "The manifest's name; null for a guard over a registry or a run.",
        "registry": "The registry; null for a guard over a run.",
        "digest": "The digest of the change.",
        "reason": "Why it is right.",
        "expires": "The last day on which it holds; null for none.",
        "place": "Where it is written.",
    },
    "NotPlanned": {
        "registry": "Its name in reconciler.yaml.",
        "kind": "The adapter that would speak to it.",
        "target": "Its address, or the file of an embedded registry.",
        "code": "no-credential, only-proposed (the base does not have it), or in-proposal (a file of it is).",
        "reason": "Why nothing was read.",
    },
}


def complete_plan(schema: Schema) -> Schema:
    """Explains every field, and says that every one is there."""
    describe(schema, "Plan", FIELDS)
    format_ = schema["properties"]["format"]
    schema["properties"]["format"] = {"description": format_["description"], "const": FORMAT}
    schema["properties"]["exit_code"] = {
        "description": "What the run ended with; not there where the plan stands in another document.",
        "type": "integer",
    }
    costs = tidy(TypeAdapter(Costs).json_schema(mode="serialization"))
    describe(costs, "Costs", _COSTS)
    schema["$defs"] |= costs.pop("$defs") | {"Costs": ordered(costs)}
    schema["properties"]["costs"] = {
        "description": "What the price changes would have cost; only there with `--usage`.",
        "$ref": "#/$defs/Costs",
    }
    schema["properties"]["integrity"] = {
        "description": "A hash over all the rest, so that an edited file is noticed; no signature. "
        "Not there where the plan stands in another document.",
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
    }
    return schema


def complete_diff(schema: Schema) -> Schema:
    """Explains every field of what two revisions declare differently."""
    describe(schema, "Diff", FIELDS | _DIFF)
    format_ = schema["properties"]["format"]
    schema["properties"]["format"] = {"description": format_["description"], "const": DIFF_FORMAT}
    schema["properties"]["exit_code"] = {"description": "What the run ended with.", "type": "integer"}
    return schema


def complete_review(schema: Schema) -> Schema:
    """Explains every field of a review."""
    describe(schema, "Review", FIELDS | _DIFF | _REVIEW)
    for name, number in (("Plan", FORMAT), ("Diff", DIFF_FORMAT)):
        told = schema["$defs"][name]["properties"]["format"]["description"]
        schema["$defs"][name]["properties"]["format"] = {"description": told, "const": number}
    format_ = schema["properties"]["format"]
    schema["properties"]["format"] = {"description": format_["description"], "const": REVIEW_FORMAT}
    schema["properties"]["exit_code"] = {"description": "What the run ended with.", "type": "integer"}
    return schema


def describe(schema: Schema, root: str, fields: Mapping[str, Mapping[str, str]]) -> None:
    """Puts the texts of ``fields``, by class and field, into ``schema``, and makes every field required.

    ``root`` is the class of the whole.
    """
    definitions: dict[str, Any] = {**schema["$defs"], root: schema}
    for name, definition in definitions.items():
        # The docstring's first paragraph; the second one explains fields.
        definition["description"] = definition["description"].split("\n\n")[0].replace("``", "`")
        definition["required"] = list(definition["properties"])
        definition["properties"] = {
            field: ordered({**below, "description": fields.get(name, {}).get(field, "")})
            for field, below in definition["properties"].items()
        }
