"""The shape of a record type: its fields compiled, and the declared extra fields of a host."""

import dataclasses
import typing
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, Self

import attrs

from itil4.errors import DefinitionError, InvalidInput, ITIL4Error, Reason, nearest
from itil4.record.base import PROTECTED, RESERVED, Frozen, Record, freeze
from itil4.record.copying import Copier, copier
from itil4.record.door import Check, FieldType, Line, Note, blank, field_type
from itil4.record.making import blank_of, broken_value, broken_values, has_own_rules, needing_freeze, own_converters

_WORDS: dict[str, Any] = {
    "line": Line,
    "text": Note,
    "number": float,
    "integer": int,
    "decimal": Decimal,
    "boolean": bool,
    "moment": datetime,
    "date": date,
    "duration": timedelta,
    "lines": tuple[Line, ...],
}


@attrs.frozen
class FieldSpec:
    """One extra field: its type in words, whether every new record needs it, its choices and label.

    `type` is one of line, text, number, integer, decimal, boolean, moment, date, duration, choice, lines.
    """

    type: str
    required: bool = False
    choices: tuple[str, ...] = ()
    default: Any = None
    label: str | None = None


class FieldSet:
    """Extra fields that a host declares at run time, per tenant if it likes.

    Their values live in `record.extra`; verbs take them as keywords, field rules hold for them,
    they are stored and can be found by, like the fields of the class.

    >>> fields = FieldSet.from_dict({"vessel": {"type": "line"}, "deck": {"type": "choice", "choices": ["A", "B"]}})
    >>> sorted(fields)
    ['deck', 'vessel']

    Raises:
        DefinitionError: a name is reserved or no identifier, or a type is unknown.
    """

    def __init__(self, **specs: FieldSpec) -> None:
        self.specs: Mapping[str, FieldSpec] = Frozen(specs)
        self.types = {name: _extra_type(name, spec) for name, spec in specs.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Any]]) -> Self:
        """Build the set from plain data: name -> {type, required, choices, default, label}."""
        known = attrs.fields_dict(FieldSpec)
        specs = {}
        if not isinstance(data, Mapping):
            raise DefinitionError.of("ill_typed", field="fields", expected="a mapping of names to fields", value=data)
        for name, spec in data.items():
            if not isinstance(name, str):
                raise DefinitionError.of("ill_typed", field="fields", expected="names of fields", value=name)
            if not isinstance(spec, Mapping):
                raise DefinitionError.of("ill_typed", field=f"fields.{name}", expected="a mapping", value=spec)
            for key in spec:
                if key not in known:
                    raise DefinitionError.of(
                        "unknown_name", where=f"fields.{name}", what="key", name=key, nearest=nearest(key, known)
                    )
            choices = spec.get("choices", ())
            if not isinstance(choices, (list, tuple)):
                field = f"fields.{name}.choices"
                raise DefinitionError.of("ill_typed", field=field, expected="several texts", value=choices)
            specs[name] = FieldSpec(**{"type": None, **spec, "choices": tuple(choices)})  # what lacks a type is refused
        return cls(**specs)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the plain data that `from_dict` reads."""
        return {name: attrs.asdict(spec) for name, spec in self.specs.items()}

    def __iter__(self) -> Any:
        return iter(self.specs)

    def __len__(self) -> int:
        return len(self.specs)

    def __contains__(self, name: object) -> bool:
        return name in self.specs

    def __or__(self, other: "FieldSet") -> "FieldSet":
        return FieldSet(**{**self.specs, **other.specs})


def _must_be_spec(where: str, spec: object) -> None:
    if not isinstance(spec, FieldSpec):
        raise DefinitionError.of("ill_typed", field=where, expected="a FieldSpec", value=spec)
    if type(spec.required) is not bool:
        raise DefinitionError.of("ill_typed", field=f"{where}.required", expected="True or False", value=spec.required)
    texts = spec.choices if isinstance(spec.choices, tuple) else (spec.choices,)
    for part, said in (("choices", texts), ("label", () if spec.label is None else (spec.label,))):
        for text in said:
            if type(text) is not str or blank(text):
                raise DefinitionError.of("ill_typed", field=f"{where}.{part}", expected="a text", value=text)
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise DefinitionError.of("duplicate", where=where, what="the choice", name=twice)
    if texts and spec.type != "choice":
        remedy = "Leave them out, or make it a choice."
        raise DefinitionError.of("definition", where=where, text=f"a {spec.type} has no choices.", remedy=remedy)


def _extra_type(name: str, spec: FieldSpec) -> FieldType:
    where = f"fields.{name}"
    if not name.isidentifier() or name.startswith("_") or "__" in name:
        raise DefinitionError.of("definition", where=where, text="the name is no identifier.", remedy="Use snake_case.")
    if name in RESERVED or name in PROTECTED:
        raise DefinitionError.of("reserved_name", record="the field set", field=name)
    _must_be_spec(where, spec)
    if spec.type == "choice":
        if not spec.choices:
            raise DefinitionError.of("definition", where=where, text="a choice needs choices.", remedy="List them.")
        annotation: Any = Literal[spec.choices]
    else:
        annotation = _WORDS.get(spec.type) if isinstance(spec.type, str) else None
    if annotation is None:
        known = (*_WORDS, "choice")
        raise DefinitionError.of(
            "not_a_choice", field=f"{where}.type", value=spec.type, choices=known, nearest=nearest(spec.type, known)
        )
    made = field_type("extra", name, annotation if spec.required else annotation | None, required=spec.required)
    if spec.default is not None and (reason := made.check(f"{where}.default", spec.default)):
        raise DefinitionError(reason)
    return attrs.evolve(made, default=spec.default)


@attrs.frozen(eq=False)
class Shape:
    """A record type with its extra fields, compiled: what its fields hold, and how to read and copy it."""

    record: type
    fields: Mapping[str, FieldType]
    extra: FieldSet
    locked: frozenset[str]
    _copy: Copier
    doors: tuple[tuple[str, Check, Any], ...] = ()
    """Each field with its check, and the one value that needs none: its default, if that is valid."""
    checks: Mapping[str, Check] = attrs.field(init=False)
    """The check of every field that is not locked, extra fields included: what a payload may name."""
    _moments: frozenset[str] = attrs.field(init=False)
    _asked: tuple[str, ...] = attrs.field(init=False)
    _defaults: dict[tuple[str, ...], tuple[tuple[str, Any], ...]] = attrs.field(init=False)
    _blank: Any = attrs.field(init=False)
    mappings: frozenset[str] = attrs.field(init=False)
    """The fields whose mappings are frozen."""
    _turned: frozenset[str] = attrs.field(init=False)
    _needed: frozenset[str] = attrs.field(init=False)
    _converters: Mapping[str, Any] = attrs.field(init=False)
    has_rules: bool = attrs.field(init=False)
    """Whether the class has rules of its own, beside its types: validators, or code that runs when one is made."""

    def __attrs_post_init__(self) -> None:
        everything = {**self.fields, **self.extra.types}
        checks = {
            name: field.check
            for name, field in everything.items()
            if name not in self.locked and (name != "extra" or name in self.extra)
        }
        moments = frozenset(name for name, field in everything.items() if field.kind == "moment")
        blank = blank_of(self.record, self.fields)
        needed = [name for name, field in self.fields.items() if field.required]
        more = [name for name, spec in self.extra.specs.items() if spec.required]
        put = object.__setattr__
        put(self, "checks", checks)
        put(self, "_moments", moments)
        put(self, "_asked", (*(name for name in needed if name not in self.locked), *more))
        put(self, "_defaults", {})
        put(self, "_blank", blank)
        put(self, "mappings", needing_freeze(everything))
        put(self, "_turned", moments | self.mappings)
        put(self, "_needed", frozenset(needed))
        put(self, "_converters", own_converters(self.record))
        put(self, "has_rules", has_own_rules(self.record))

    def get(self, name: str) -> FieldType | None:
        """Return the type of a field of the class or of the extra fields."""
        return self.fields.get(name) or self.extra.types.get(name)

    def read(self, record: Any, name: str) -> Any:
        """Return the value of a field of the class or of the extra fields."""
        if name in self.fields:
            return getattr(record, name)
        value = record.extra.get(name) if self.extra else None
        return self.extra.types[name].default if value is None and name in self.extra else value

    def copy(self, record: Any, changes: Mapping[str, Any]) -> Any:
        """Return `record` with `changes` (already checked), extra fields going where they belong."""
        extra = self.extra.types
        if extra and not extra.keys().isdisjoint(changes):
            changes = _folded(record, changes, extra)
        return self._copy(record, changes)

    def in_utc(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `values` as a store gives them back: moments in UTC, the same instants, and mappings frozen.

        An instant that a local clock shows twice equals nothing outside its own zone, so a record
        that kept it would differ from its stored form; a mapping that somebody else holds too could
        change under the record. Converters of the class see what fits their field.
        """
        if self._converters and not self._converters.keys().isdisjoint(values):
            values = {name: self._converted(name, value) for name, value in values.items()}
        if self._turned.isdisjoint(values):
            return values
        told: dict[str, Any] = {
            name: value.astimezone(UTC)
            for name, value in values.items()
            if name in self._moments and isinstance(value, datetime) and value.tzinfo is not UTC and _shows(value)
        }
        told |= {name: freeze(values[name]) for name in self.mappings if name in values}
        return {**values, **told} if told else values

    def _converted(self, name: str, value: Any) -> Any:
        convert = self._converters.get(name)
        if convert is None or self.fields[name].check(name, value) is not None:
            return value
        try:
            return convert(value)
        except Exception as error:  # a rule of the host may raise anything
            raise InvalidInput(broken_value(error, name, value)) from error

    def invalid(self, record: Any) -> list[Reason]:
        """Return what the rules of the class itself say against a record, as its constructor would."""
        try:
            made: Any = dataclasses.replace if dataclasses.is_dataclass(record) else attrs.evolve
            made(record)
        except ITIL4Error as error:
            return list(error.reasons)
        except Exception as error:  # a rule of the host may raise anything
            held = {name: getattr(record, name) for name in self.fields}
            return list(broken_values(error, type(record), held))
        return []

    def problems(self, values: Mapping[str, Any], locked: Iterable[str] | None = None) -> list[Reason] | None:
        """Say what is wrong with `values` as new contents of fields: None, or the reasons.

        Order: ill-typed, unknown and locked names, each in the order of `values`.
        """
        if locked is None:
            checks = self.checks
            for name in values:
                check = checks.get(name)
                if check is None or check(name, values[name]) is not None:
                    break
            else:
                return None
        found: list[Reason] | None = None
        frozen = self.locked if locked is None else locked
        for name, value in values.items():
            known = self.fields.get(name)
            if known is None or name == "extra":
                known = self.extra.types.get(name) if self.extra else None
            if known is None:
                names = [*self.fields, *self.extra]
                reason: Reason | None = Reason.of(
                    "unknown_field", record=self.record.__name__, field=name, nearest=nearest(name, names)
                )
            elif name in frozen:
                reason = Reason.of(
                    "field_rule", field=name, rule="set by the library only", remedy="State changes by steps."
                )
            else:
                reason = known.check(name, value)
            if reason is not None:
                found = [reason] if found is None else [*found, reason]
        return found

    def missing(self, values: Mapping[str, Any]) -> list[str]:
        """Return the required fields that `values` lacks."""
        return [name for name in self._asked if name not in values]

    def beyond_defaults(self, record: Any, among: tuple[str, ...]) -> dict[str, Any]:
        """Return those of some fields of the class, in its order, that hold something else than their default."""
        if self._blank is None:  # its constructor may have set others, too
            among = tuple(self.fields)
        defaults = self._defaults.get(among) or self._ordered(among)
        return {
            name: value
            for name, default in defaults
            if (value := getattr(record, name)) is not default and value != default
        }

    def _ordered(self, among: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
        """Return fields of the class in its order, with their defaults; kept, as most callers name the same ones."""
        asked = frozenset(among)
        defaults = tuple((name, field.default) for name, field in self.fields.items() if name in asked)
        if len(self._defaults) < 256:  # hosts may name them in every order that there is
            self._defaults[among] = defaults
        return defaults

    def made(self, values: Mapping[str, Any], *, is_new: bool = True, checked: Collection[str] = ()) -> Any:
        """Make a record from the values of its fields, each field of the class and each extra field by its name.

        A new record gets the defaults of its extra fields; one that is rebuilt had them, or was born before them.

        Args:
            checked: names whose values have been found right (see `problems`), so that nobody looks again.
        """
        if not self.extra:
            return self._filled(values, checked)
        given = self.extra.types.items() if is_new else ()
        inner = {name: field.default for name, field in given if field.default is not None}
        inner |= {name: value for name, value in values.items() if name in self.extra}
        inner = {name: value for name, value in inner.items() if value is not None}
        own = {name: value for name, value in values.items() if name not in self.extra}
        return self._filled({**own, "extra": inner}, checked)

    def _filled(self, values: Mapping[str, Any], checked: Collection[str]) -> Any:
        """Fill a copy of the blank record; whatever is wrong, the constructor says."""
        if self._blank is None or not self._needed.issubset(values):
            return self._constructed(values)
        fields = self.fields
        for name, value in values.items():
            if name not in checked and (name not in fields or fields[name].check(name, value) is not None):
                return self._constructed(values)
        if not self.mappings.isdisjoint(values):
            values = {name: freeze(value) if name in self.mappings else value for name, value in values.items()}
        return self._copy(self._blank, values)

    def _constructed(self, values: Mapping[str, Any]) -> Any:
        """Return what the constructor makes, or refuse as a rule of the class does."""
        try:
            return self.record(**values)
        except (ITIL4Error, TypeError):  # the latter for a field that lacks
            raise
        except Exception as error:  # a rule of the host may raise anything
            raise InvalidInput(*broken_values(error, self.record, values)) from error


def _folded(record: Any, changes: Mapping[str, Any], extra: Mapping[str, FieldType]) -> Mapping[str, Any]:
    """Return `changes` with those of extra fields as one change of the field `extra`, as a store gives it back."""
    inner = {name: value for name, value in changes.items() if name in extra}
    own = {name: value for name, value in changes.items() if name not in extra}
    merged = {**record.extra, **inner}
    return {**own, "extra": Frozen({name: value for name, value in merged.items() if value is not None})}


def _shows(value: datetime) -> bool:
    """Whether UTC can show a moment; one without a zone is left for the type check to refuse."""
    try:
        return value.tzinfo is not None and value.astimezone(UTC) is not None
    except OverflowError:
        return False


@lru_cache(maxsize=1024)
def shape_of(cls: type) -> Shape:
    """Return the shape of a frozen record type without extra fields.

    Raises:
        DefinitionError: a field has a type that records cannot hold.
        InvalidInput: `cls` is neither an attrs class nor a dataclass.
    """
    return make_shape(cls, locked=PROTECTED if issubclass(cls, Record) else ())


def make_shape(cls: type, extra: FieldSet | None = None, locked: Iterable[str] = ()) -> Shape:
    """Return the shape of `cls` with extra fields; `locked` names are set by the library only."""
    copy, fields = copier(cls), _fields(cls)
    extra = extra or FieldSet()
    for name in extra:
        if name in fields:
            raise DefinitionError.of(
                "duplicate", where=f"{cls.__name__} with its extra fields", what="the field", name=name
            )
    if extra and "extra" not in fields:
        raise InvalidInput.of("ill_typed", field="record", expected="a Record, which can hold extra fields", value=cls)
    doors = tuple(
        (name, field.check, _NOTHING if field.required or field.check(name, field.default) else field.default)
        for name, field in fields.items()
    )
    return Shape(cls, fields, extra, frozenset(locked), copy, doors)


@lru_cache(maxsize=1024)
def _fields(cls: type) -> Mapping[str, FieldType]:
    """Return the fields of a class, compiled; they are the same whatever extra fields a host declares."""
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except Exception as error:  # whatever an annotation raises when it is evaluated
        raise DefinitionError.of(
            "unresolved_type", record=cls.__name__, field="annotations", error=str(error)
        ) from error
    return {
        name: field_type(cls.__name__, name, hints[name], required=required, default=freeze(default))
        for name, required, default in _declared(cls)
    }


_NOTHING = object()


def _declared(cls: type) -> list[tuple[str, bool, Any]]:
    if dataclasses.is_dataclass(cls):
        gone = dataclasses.MISSING
        return [
            (
                each.name,
                each.default is gone and each.default_factory is gone,
                None if each.default is gone else each.default,
            )
            for each in dataclasses.fields(cls)
        ]
    declared: list[tuple[str, bool, Any]] = []
    for field in attrs.fields(cls):
        default = field.default
        if isinstance(default, attrs.Factory) and not default.takes_self:  # type: ignore[arg-type]  # a class at run time
            default = default.factory()
        declared.append((field.name, default is attrs.NOTHING, None if default is attrs.NOTHING else default))
    return declared
