"""Plans by hand, with a text of one's choice wherever a text of others can stand."""

from __future__ import annotations

from typing import Any

from reconciler.plan import Action, Change, Failure, LeftAlone, NotHeld, Plan, RegistryPlan, Shown, Unmanaged
from reconciler.refusal import PlanPlace, Refusal

PLACE = PlanPlace("models/a.yaml", 1, 1)


def value(text: Any) -> Shown:
    return Shown("value", text)


def price(amount: str, currency: str = "USD", per: str = "1M tokens") -> Shown:
    return Shown("price", {"amount": amount, "currency": currency, "per": per})


def change(path: str, live: Shown | None, desired: Shown | None, **more: Any) -> Change:
    unset = Shown("unset")
    return Change(path, live or unset, desired or unset, None, None, None, **more)


def dearer(before: str = "0.15", after: str = "0.20", path: str = "pricing.input") -> Change:
    return change(path, price(before), price(after))


def action(name: str, operation: Any = "update", *changes: Change, **more: Any) -> Action:
    known = {"registry": "orq", "resource": "Model", "variant": "generic", "id": name, "place": PLACE}
    rests_on = "" if operation == "create" else "f" * 64
    return Action(**{**known, "rests_on": rests_on, **more}, name=name, operation=operation, changes=changes)


def plan(*actions: Action, **more: Any) -> Plan:
    """A plan of one registry; ``more`` are parts of the registry's."""
    target = {"kind": "orq", "target": "https://orq.invalid", "users_are": "deployment"}
    return Plan((RegistryPlan(**{"name": "orq", **target, "actions": actions, **more}),), "d" * 64)


def full_of(text: str) -> Plan:
    """A plan with everything that one can have, and ``text`` in every place of it."""
    told = change(text, value(text), value(text + "z"), note=text, details=(text, text))
    prices = (dearer("0.15", "15"), dearer("0.15", "0.2", f"pricing.{text}"))
    refusal = Refusal("unit-slip", text, text, (text,), acknowledge=f"- guard: unit-slip\n  model: {text}")
    common: dict[str, Any] = {
        "notes": (text,),
        "hints": (text,),
        "unverified": (f"{text}y",),
        "unmanaged": (Unmanaged(text, value(text), clearable=True),),
        "used_by": (text, f"{text}2"),
        "id": f"{text}#id",
    }
    actions = (
        action(text, "refused", *prices, told, refusals=(refusal, refusal), **common),
        action(text, "update", *prices, told, change("k", Shown("secret", text), None), **common),
        action(text, "create", change(text, None, value(text)), resource="Provider", **common),
        action(f"{text}n", "none", **common),
    )
    read = RegistryPlan(
        "orq",
        "orq",
        text,
        actions=actions,
        not_held=(NotHeld(text, (text,)),),
        left_alone=(LeftAlone(text, text), LeftAlone(text, f"{text}2")),
        vendor_owned=2,
        users_are="deployment",
        warnings=(text,),
    )
    failure = Failure("rejected", text, text, f"GET /{text}", 400)
    return Plan((read, RegistryPlan("eu", "orq", text, failure)), "d" * 64, (text,))
