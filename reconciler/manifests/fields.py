"""Field types that manifests and reconciler.yaml share: each one check, one message, one JSON Schema.

Every rule here is about one value's own shape, so that pydantic and any JSON Schema validator give the
same verdict on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from reconciler.manifests.providers import FOREIGN_PROVIDERS, PROVIDERS
from reconciler.manifests.vocabulary import (
    BASE_URL,
    MODEL_TYPES,
    NAME,
    SECRET_NAME,
    TIER,
    full,
)
from reconciler.manifests.yamltree import Map
from reconciler.money import Unit, parse_unit, plain, unit_pattern
from reconciler.secrets import SecretRef

JsonSchema = dict[str, Any]

# The end of the text in Python's and in ECMA's dialect alike; `$` also matches before a last newline.
END: Final = r"(?![\s\S])"


class Strict(BaseModel):
    """No coercion (``"1"`` is not 1), no unknown field, no change afterwards."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        arbitrary_types_allowed=True,
        defer_build=True,  # a run checks files of a few kinds
    )


class Shared(Strict):
    """A part of a manifest that thousands have alike. Mappings of one text become one instance."""

    @model_validator(mode="wrap")
    @classmethod
    def _once(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        twin = value.twin if type(value) is Map else None
        if twin is None:
            return handler(value)
        made = _made.get((cls, twin))
        if made is None:
            made = handler(value)
            if len(_made) >= _MOST_MADE:
                _made.clear()
                _shared.clear()
            _made[cls, twin] = made
            _shared[id(made)] = made
        return made  # type: ignore[return-value]


_MOST_MADE: Final = 8192
_made: dict[tuple[type, object], Shared] = {}
_shared: dict[int, Shared] = {}


def is_shared(part: Shared) -> bool:
    """Whether later mappings of the same text will become ``part`` too."""
    return _shared.get(id(part)) is part


def failure(code: str, message: str, hint: str = "") -> PydanticCustomError:
    """A mistake in one value. ``message`` and ``hint`` never repeat the value of a secret."""
    # Braces would be read as the template's own.
    return PydanticCustomError(code, "{text}", {"text": message, "hint": hint})


class _Checked:
    """A check of any value, and the JSON Schema that gives the same verdict.

    Pydantic's own PlainValidator and AfterValidator also work out how a value is written out again, anew for
    every field, which nobody asks for here and which takes longer than all else.
    """

    __slots__ = ("_check", "_schema")

    def __init__(self, check: Callable[[Any], Any], schema: JsonSchema) -> None:
        self._check = check
        self._schema = schema

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchema:
        return dict(self._schema)


class _CheckedText(_Checked):
    """A check of a text."""

    __slots__ = ()

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, core_schema.str_schema())


LITERAL: Final = "secret-literal"
"""The code of a mistake whose line may hold the text of a secret, so that the report masks it."""


def matching(
    pattern: str,
    code: str | Callable[[str], str],
    message: str,
    *examples: str,
    hint: str | Callable[[str], str] = "",
) -> _Checked:
    """A check and a schema for texts that match ``pattern`` whole. Code and hint may depend on the text."""

    def check(text: str) -> str:
        if full(pattern).match(text) is None:
            raise failure(*(one if isinstance(one, str) else one(text) for one in (code, message, hint)))
        return text

    return _CheckedText(check, text_schema(pattern, message, *examples))


def text_schema(pattern: str, message: str, *examples: str) -> JsonSchema:
    """The schema of texts that match ``pattern`` whole. Editors show ``message`` for one that does not."""
    schema: JsonSchema = {
        "type": "string",
        "pattern": f"^(?:{pattern}){END}",
        "patternErrorMessage": message,
    }
    return {**schema, "examples": list(examples)} if examples else schema


Name = Annotated[
    str,
    matching(
        NAME, "name", "a name is 1 to 128 letters, digits, '.', '_' or '-', and starts with a letter or digit"
    ),
]
SecretName = Annotated[
    str,
    matching(
        SECRET_NAME, "secret-name", "a secret's name is letters, digits and '_', and starts with no digit"
    ),
]
TierName = Annotated[
    str,
    matching(
        TIER, "tier", "a tier is named by the tokens that it starts above: above_128k, above_200k, above_1m"
    ),
]


def _url_hint(text: str) -> str:
    """What to change. Repeats nothing of the address: it may hold a password."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("http", "https"):
        return "it starts with http:// or https://"
    host = rest.partition("/")[0]
    if "@" in host:
        return "remove the user information; a key goes where a secret is asked for"
    if set("?#") & set(rest):
        return "remove what follows '?' or '#'"
    if set(" \\") & set(rest) or not rest.isprintable() or not rest.isascii():
        return "spaces, backslashes and letters beyond a to z are written in %-form"
    return "check the host and the port" if host else "the host is missing"


BaseUrl = Annotated[
    str,
    matching(
        BASE_URL,
        lambda text: LITERAL if set("@?") & set(text) else "url",
        "an address is http:// or https://, a host and a path, without user information or query",
        hint=_url_hint,
    ),
]


class _NotNull:
    """Refuses null: the field may be left out, but null says nothing here."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_refuse_null, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        choices = handler(schema)["anyOf"]
        [only] = [choice for choice in choices if choice != {"type": "null"}]
        return dict(only)


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise failure("null", "null has no meaning here", "leave the field out")
    return value


T = TypeVar("T")
Omittable = Annotated[T | None, _NotNull()]
"""A field that may be left out (then it is None), and that is never null in a file."""


@dataclass(frozen=True, slots=True)
class Amount:
    """The number of a price as written, and its unit where one stands beside it."""

    number: Decimal
    unit: Unit | None = None


_NUMBER: Final = r"(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?(?:[0-3]?[0-9]|40))?"


def _price(*dimensions: str, example: str) -> Any:
    """A price whose unit is in one of ``dimensions``; bare numbers only for tokens (``pricing.unit``)."""
    bare = "token" in dimensions
    pattern = rf"{_NUMBER} */ *{unit_pattern(*dimensions)}"
    unit_text = example.partition("/")[2].strip()
    form = f"a price reads '{example}'" + (
        ", or is a number where pricing.unit says its unit" if bare else ""
    )

    def check(value: Any) -> Amount:
        if isinstance(value, Amount):
            return value
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            if value < 0:
                raise failure("price", "a price is not negative", "write null to say that it must not be set")
            if not bare:
                raise failure("price-unit", f"a price without a unit; {form}", f"write {value} / {unit_text}")
            return Amount(Decimal(value))
        if not isinstance(value, str):
            raise failure("price", form)
        if full(pattern).match(value) is None:
            hint = "remove the quotes" if bare and full(_NUMBER).match(value) else ""
            raise failure("price", f"'{value}' is not a price here; {form}", hint)
        number, _, unit = value.partition("/")
        return Amount(Decimal(number.strip()), parse_unit(unit.strip()))

    schema: JsonSchema = {
        "type": ["number", "string"] if bare else "string",
        "minimum": 0,
        "pattern": f"^(?:{pattern}){END}",
        "patternErrorMessage": form,
        "examples": [0.15, example] if bare else [example],
    }
    if not bare:
        del schema["minimum"]
    return Annotated[Amount, _Checked(check, schema)]


TokenPrice = _price("token", example="0.15 / 1M tokens")
ImagePrice = _price("image", example="0.04 / image")
SecondPrice = _price("second", example="0.10 / second")
SearchPrice = _price("search", example="10 / 1K searches")

_UNIT_FORM: Final = "pricing.unit is a number of tokens: 1M tokens, 1K tokens, token"


def _token_unit(value: Any) -> Unit:
    if isinstance(value, Unit):
        return value
    if not isinstance(value, str) or full(unit_pattern("token")).match(value) is None:
        raise failure("unit", _UNIT_FORM, "prices per image, second or search name their unit themselves")
    return parse_unit(value)


TokenUnit = Annotated[
    Unit,
    _Checked(_token_unit, text_schema(unit_pattern("token"), _UNIT_FORM, "1M tokens", "1K tokens")),
]

Currency = Annotated[
    str,
    matching(
        r"[A-Z]{3}",
        "currency",
        "a currency is three capital letters (ISO 4217), as USD",
        "USD",
        hint=lambda text: (
            f"write {text.upper()}" if len(text) == 3 and text.isascii() and text.isalpha() else ""
        ),
    ),
]


@dataclass(frozen=True, slots=True)
class Percent:
    """A part of something, in hundredths: 10 is a tenth of it."""

    number: Decimal

    def __str__(self) -> str:
        return f"{plain(self.number):f}%"

    @property
    def share(self) -> Decimal:
        """It as a part of 1."""
        return self.number / 100


_PART: Final = r"(?:\.[0-9]{1,10})?%"


def _percent(pattern: str, form: str, *examples: str) -> Any:

    def check(value: Any) -> Percent:
        if isinstance(value, Percent):
            return value
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            raise failure("percent", form, f"write {value}% if that is what you mean")
        if not isinstance(value, str) or full(pattern).match(value) is None:
            raise failure("percent", form)
        return Percent(Decimal(value.removesuffix("%")))

    return Annotated[Percent, _Checked(check, text_schema(pattern, form, *examples))]


Markup = _percent(
    rf"(?:[0-9]{{1,4}}|-[0-9]{{1,2}}){_PART}",
    "a mark-up reads 10%, a discount -5%, with its sign %",
    "10%",
    "-5%",
)
Tolerance = _percent(rf"[0-9]{{1,3}}{_PART}", "a tolerance reads 1%, with its sign %", "1%", "0.5%")

ShareOfPrice = _percent(rf"[0-9]{{1,6}}{_PART}", "a limit reads 25%, with its sign %", "25%", "50%")
ShareOfModels = _percent(
    rf"(?:100%|[0-9]{{1,2}}{_PART})", "a share reads 30%, with its sign %, and is 100% at most", "30%", "100%"
)

CatalogueEntry = Annotated[
    str,
    matching(
        r"[A-Za-z0-9._-]{1,64}/[!-~]{1,256}",
        "catalogue-entry",
        "an entry is named by its provider and its id, as openai/gpt-4o-mini",
        "openai/gpt-4o-mini",
        hint="`reconciler prices show` finds it",
    ),
]


def _word(
    words: tuple[str, ...], what: str, hint: str, foreign: Mapping[str, tuple[str, ...]] | None = None
) -> Any:
    """One of a closed set of words, with the nearest one suggested. ``foreign`` words are known mistakes."""
    foreign = foreign or {}
    ours = frozenset(words)

    def check(value: str) -> str:
        if value in ours:
            return value
        if value in foreign:
            meant = foreign[value]
            text = "means different systems" if len(meant) > 1 else "is a registry's own word"
            raise failure("unknown-word", f"'{value}' {text}", f"write {' or '.join(meant)}")
        text = f"'{value}' is not a known {what}"
        context = {"text": text, "word": value, "known": list(words), "hint": hint}
        raise PydanticCustomError("unknown-word", "{text}", context)

    return Annotated[str, _CheckedText(check, {"type": "string", "enum": list(words)})]


ModelType = _word(
    MODEL_TYPES, "type of model", "a type that only one kind of registry has goes under `native`"
)
ProviderWord = _word(
    tuple(PROVIDERS),
    "provider",
    "docs/manifest.md lists them; a registry's own word goes into native.<kind>.provider",
    FOREIGN_PROVIDERS,
)


def _secret(value: Any) -> SecretRef:
    if isinstance(value, SecretRef):
        return value
    problem = secret_shape_problem(value)
    if problem:
        raise failure(LITERAL, problem, "name it in reconciler.yaml and write {secret: NAME}")
    return SecretRef(value["secret"])


def secret_shape_problem(value: Any) -> str | None:
    """What is wrong with ``value`` as a secret reference, or None. Never repeats the value."""
    if not isinstance(value, dict):
        return "a secret is never written in a manifest"
    if set(value) != {"secret"} or not isinstance(value["secret"], str):
        return "a secret is a reference with the one key `secret`"
    if full(SECRET_NAME).match(value["secret"]) is None:
        return "a secret's name is letters, digits and '_', and starts with no digit"
    return None


SECRET_SCHEMA: Final[JsonSchema] = {
    "type": "object",
    "properties": {
        "secret": {
            "type": "string",
            "pattern": f"^(?:{SECRET_NAME}){END}",
            "description": "Its name in `secrets:` of reconciler.yaml.",
        }
    },
    "required": ["secret"],
    "additionalProperties": False,
    "description": "A secret by the name that reconciler.yaml gives it; never the secret itself.",
    "examples": [{"secret": "UPSTREAM_KEY"}],
}
SecretReference = Annotated[SecretRef, _Checked(_secret, SECRET_SCHEMA)]
