"""Which entry of the catalogue is meant: by the name that somebody wrote, or by provider and model."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import ReconcilerError
from reconciler.manifests.problems import did_you_mean
from reconciler.prices.catalogue import Catalogue, Entry
from reconciler.prices.words import IN_CATALOGUE, OUTSIDE, ours

_MOST_NAMES = 6


class NoEntry(ReconcilerError):
    """A name that is no entry's, or that several entries have."""

    code = "unknown-entry"


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that was resolved: our ``word`` for the provider where there is one alone, and the model's
    id as it was written."""

    entry: Entry
    word: str | None
    model: str


def by_name(catalogue: Catalogue, name: str) -> Reference:
    """The entry ``openai/gpt-4o-mini``, or ``gpt-4o-mini`` where one provider alone has it.

    The provider may be the catalogue's word or ours; the id may be any that the catalogue's rules take
    for the entry. Raises NoEntry.
    """
    word, slash, model = name.partition("/")
    provider = _provider(catalogue, word) if slash else None
    if provider is not None:
        entry = catalogue.named(provider, model) or catalogue.matching(provider, model)
        if entry is None:
            raise NoEntry(
                f"the catalogue has no '{model}' at {provider}", hint=_near(catalogue, provider, model, name)
            )
        return Reference(entry, _word(word, provider), model)
    return _by_id(catalogue, name)


def by_model(catalogue: Catalogue, word: str | None, model: str | None) -> Entry | str:
    """The entry for our word of a provider and the model's id there, or why there is none."""
    if word is None or model is None:
        lacking = "provider" if word is None else "model"
        return f"the manifest declares no {lacking}; pricing.compare.catalogue can name an entry"
    provider = IN_CATALOGUE.get(word)
    if provider is None:
        return f"{word} is not in the catalogue: {OUTSIDE[word]}"
    return catalogue.matching(provider, model) or f"no entry of {provider} matches '{model}'"


def _near(catalogue: Catalogue, provider: str, model: str, name: str) -> str | None:
    """Who has an entry with the whole name for its id, else the nearest id at the provider."""
    elsewhere = _with_id(catalogue, name)
    if elsewhere:
        return f"did you mean {_choice(elsewhere)}?"
    return did_you_mean(model, [id_ for one, id_ in catalogue.refs() if one == provider])


def _provider(catalogue: Catalogue, word: str) -> str | None:
    return word if word in catalogue.providers else IN_CATALOGUE.get(word)


def _word(word: str, provider: str) -> str | None:
    """Our word for what was written: itself, or the only one for the catalogue's provider."""
    if word in IN_CATALOGUE:
        return word
    words = ours(provider)
    return words[0] if len(words) == 1 else None


def _by_id(catalogue: Catalogue, name: str) -> Reference:
    found = _with_id(catalogue, name)
    if len(found) == 1:
        [(provider, id_)] = found
        entry = catalogue.named(provider, id_)
        assert entry is not None
        return Reference(entry, _word(provider, provider), id_)
    if found:
        message = f"'{name}' is an entry of {len(found)} providers"
        raise NoEntry(message, hint=f"say which: {_choice(found)}")
    known = [f"{provider}/{id_}" if "/" in name else id_ for provider, id_ in catalogue.refs()]
    near = did_you_mean(name, known)
    raise NoEntry(f"the catalogue has no entry '{name}'", hint=near or "an entry reads openai/gpt-4o-mini")


def _with_id(catalogue: Catalogue, name: str) -> list[tuple[str, str]]:
    return [(provider, id_) for provider, id_ in catalogue.refs() if id_.lower() == name.lower()]


def _choice(found: list[tuple[str, str]]) -> str:
    shown = ", ".join(f"{provider}/{id_}" for provider, id_ in found[:_MOST_NAMES])
    return f"{shown} and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else shown
