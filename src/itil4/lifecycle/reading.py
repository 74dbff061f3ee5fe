"""Reads a lifecycle from plain data, strictly: nothing is coerced, ignored, guessed or run."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from itil4.errors import DefinitionError, nearest
from itil4.lifecycle.definition import Lifecycle, State, Transition
from itil4.lifecycle.fields import FieldRule
from itil4.lifecycle.plain import FORMAT, Registry
from itil4.lifecycle.rules import Chosen, FollowUp, In
from itil4.lifecycle.timers import Timer, duration_of

L = TypeVar("L", bound=Lifecycle)

MOST_BYTES = 16 * 1024 * 1024
MOST_STATES = 20_000
MOST_ARROWS = 500_000


def loads(text: str | bytes, format: str = "json", registry: Any = None) -> Lifecycle:  # noqa: A002 - says it best
    """Return the lifecycle that a text describes.

    Args:
        text: the definition, at most 16 MiB.
        format: `json` or `toml`.
        registry: see `from_dict`.

    Raises:
        DefinitionError: it cannot be read, is too large, or describes no lifecycle.
    """
    if format not in ("json", "toml"):
        raise DefinitionError.of("not_a_choice", field="format", value=format, choices=("json", "toml"))
    if not isinstance(text, (str, bytes)):
        raise DefinitionError.of("ill_typed", field="the definition", expected="a text", value=text)
    if len(text) > MOST_BYTES:
        raise _too_large("the text", len(text), MOST_BYTES)
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        if format == "toml":
            import tomllib

            data: Any = tomllib.loads(decoded)
        else:
            data = json.loads(decoded, object_pairs_hook=_single, parse_constant=_no_constant)
    except DefinitionError:
        raise
    except (ValueError, RecursionError) as error:
        raise DefinitionError.of(
            "bad_file", file="the definition", format=format.upper(), error=str(error) or type(error).__name__,
            remedy="Mend the text at that place.",
        ) from error  # fmt: skip
    return from_dict(data, registry)


def load(path: str | Path, registry: Any = None) -> Lifecycle:
    """Return the lifecycle of a `.json` or `.toml` file; see `loads`."""
    path = Path(path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise _too_large(str(path), size, MOST_BYTES)
    return loads(path.read_bytes(), path.suffix.lstrip(".").lower(), registry)


@cache
def _schema_text() -> str:
    return Path(__file__).with_name("lifecycle.schema.json").read_text(encoding="utf-8")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the plain form, for editors and other tools."""
    schema: dict[str, Any] = json.loads(_schema_text())
    return schema


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DefinitionError.of("duplicate", where="the definition", what="the key", name=twice)
    return made


def _no_constant(name: str) -> Any:
    raise DefinitionError.of("ill_typed", field="the definition", expected="plain JSON", value=name)


def _too_large(what: str, found: int, most: int) -> DefinitionError:
    return DefinitionError.of(
        "definition", where=what, text=f"it is too large: {found:,}, and at most {most:,} fit.", remedy="Part it."
    )


def from_dict(data: Mapping[str, Any], registry: Any = None, kind: type[L] = Lifecycle) -> L:  # type: ignore[assignment]
    """Return the lifecycle that plain data describes.

    Args:
        data: what `to_dict` returns, or what a JSON or TOML file holds; see `json_schema`.
        registry: the `Registry` in which names of guards and effects are looked up, or a lifecycle
            whose rules it may use. Without one, no rule can be named.
        kind: the class to make.

    Raises:
        DefinitionError: a key or name is unknown (the nearest is offered), a value has the wrong
            type, or the definition is too large.
    """
    rules = Registry.of(registry) if isinstance(registry, Lifecycle) else registry or Registry()
    if not isinstance(rules, Registry):
        raise DefinitionError.of("ill_typed", field="registry", expected="a Registry", value=registry)
    top = _keys(
        data, "the definition", ("format", "$schema", "name", "field", "initial", "events", "states", "transitions")
    )
    if top.get("format", FORMAT) != FORMAT or top.get("format") is True:
        raise DefinitionError.of(
            "definition", where="the definition", text=f"its format is {top['format']!r}, known is {FORMAT}.",
            remedy="Upgrade itil4.",
        )  # fmt: skip
    states = _list(top.get("states", []), "states")
    steps = _list(top.get("transitions", []), "transitions")
    if len(states) > MOST_STATES:
        raise _too_large("the definition's states", len(states), MOST_STATES)
    if (arrows := _arrows(steps, len(states))) > MOST_ARROWS:
        raise _too_large("the definition's arrows", arrows, MOST_ARROWS)
    return kind(
        _text(top.get("name"), "name"),
        _names(top.get("initial"), "initial"),
        tuple(_state(each, f"states[{place}]", rules) for place, each in enumerate(states)),
        tuple(_transition(each, f"transitions[{place}]", rules) for place, each in enumerate(steps)),
        field=_text(top.get("field", "state"), "field"),
        events=_names(top.get("events", []), "events"),
    )


def _arrows(steps: list[Any], states: int) -> int:
    """Return how many arrows the steps can make at most, before any is made."""
    total = 0
    for step in steps:
        if isinstance(step, Mapping):
            sources = step.get("from")
            listed = sources if isinstance(sources, list) else [sources]
            wide = sum(states if each == "*" or isinstance(each, Mapping) else 1 for each in listed)
            target = step.get("to")
            among = target.get("among") if isinstance(target, Mapping) else None
            total += min(wide, states) * max(1, len(among) if isinstance(among, list) else 1)
    return total


def _state(data: Any, where: str, rules: Registry) -> State:
    keys = ("name", "category", "kind", "kind_from", "final", "label", "fields", "fields_from", "timers")
    said = _keys(data, where, keys)
    return State(
        _text(said.get("name"), f"{where}.name"),
        _text(said.get("category", "active"), f"{where}.category"),  # type: ignore[arg-type]  # checked by Lifecycle
        kind=_maybe(said, "kind", where),
        kind_from=_maybe(said, "kind_from", where),
        final=_flag(said.get("final", False), f"{where}.final"),
        label=_maybe(said, "label", where),
        fields=_rules(said.get("fields", {}), f"{where}.fields", rules),
        fields_from=_maybe(said, "fields_from", where),
        timers=tuple(_timer(each, f"{where}.timers") for each in _list(said.get("timers", []), f"{where}.timers")),
    )


def _timer(data: Any, where: str) -> Timer:
    said = _keys(data, where, ("event", "after", "at", "time", "since"))
    return Timer(
        _text(said.get("event"), f"{where}.event"),
        after=duration_of(said["after"]) if "after" in said else None,
        at=_maybe(said, "at", where),
        time=_text(said.get("time", "calendar"), f"{where}.time"),  # type: ignore[arg-type]  # checked by Timer
        since=_text(said.get("since", "entered"), f"{where}.since"),  # type: ignore[arg-type]
    )


def _transition(data: Any, where: str, rules: Registry) -> Transition:
    said = _keys(
        data, where,
        ("event", "from", "to", "roles", "denied", "requires", "guards", "effects", "fields", "facts", "follow_ups",
         "internal", "label"),
    )  # fmt: skip
    sources = said.get("from")
    target = said.get("to")
    if isinstance(target, Mapping):
        chosen = _keys(target, f"{where}.to", ("chosen", "among"))
        target = Chosen(
            _text(chosen.get("chosen"), f"{where}.to.chosen"), _names(chosen.get("among"), f"{where}.to.among")
        )
    else:
        target = _text(target, f"{where}.to")
    return Transition(
        _text(said.get("event"), f"{where}.event"),
        tuple(_source(each, f"{where}.from") for each in (sources if isinstance(sources, list) else [sources])),
        target,
        roles=_names(said["roles"], f"{where}.roles") if "roles" in said else None,
        denied=_names(said["denied"], f"{where}.denied") if "denied" in said else None,
        requires=_names(said.get("requires", []), f"{where}.requires"),
        guards=tuple(_known(name, where, "guard", rules.guards) for name in _names(said.get("guards", []), where)),
        effects=tuple(_known(name, where, "effect", rules.effects) for name in _names(said.get("effects", []), where)),
        fields=_rules(said.get("fields", {}), f"{where}.fields", rules),
        facts=_names(said.get("facts", []), f"{where}.facts"),
        follow_ups=tuple(_follow_up(each, f"{where}.follow_ups") for each in _list(said.get("follow_ups", []), where)),
        internal=_flag(said.get("internal", False), f"{where}.internal"),
        label=_maybe(said, "label", where),
    )


def _source(value: Any, where: str) -> str | In:
    if isinstance(value, Mapping):
        return In(_text(_keys(value, where, ("category",)).get("category"), where))
    return _text(value, where)


def _follow_up(data: Any, where: str) -> FollowUp:
    said = _keys(data, where, ("event", "over", "on_refusal", "payload", "states"))
    refusal = said.get("on_refusal", "skip")
    if refusal not in ("skip", "refuse"):
        raise DefinitionError.of("not_a_choice", field=where, value=refusal, choices=("skip", "refuse"))
    payload = said.get("payload", {})
    if not isinstance(payload, Mapping):
        raise DefinitionError.of("ill_typed", field=f"{where}.payload", expected="a mapping", value=payload)
    return FollowUp(
        _text(said.get("event"), f"{where}.event"),
        _text(said.get("over"), f"{where}.over"),
        refusal,
        {_text(name, where): _text(value, where) for name, value in payload.items()},
        _names(said.get("states", []), f"{where}.states"),
    )


def _rules(data: Any, where: str, rules: Registry) -> dict[str, tuple[FieldRule, ...]]:
    if not isinstance(data, Mapping):
        raise DefinitionError.of("ill_typed", field=where, expected="a mapping", value=data)
    return {
        _text(name, where): tuple(
            _rule(each, f"{where}.{name}", rules) for each in (said if isinstance(said, list) else [said])
        )
        for name, said in data.items()
    }


def _rule(data: Any, where: str, rules: Registry) -> FieldRule:
    if isinstance(data, str):
        return FieldRule(data)
    said = _keys(data, where, ("rule", "when", "exempt"))
    when = said.get("when")
    if isinstance(when, str):
        when = _known(when, where, "guard", rules.guards)
    elif isinstance(when, Mapping):
        when = {_text(name, where): [_scalar(each, where) for each in _several(value)] for name, value in when.items()}
    elif "when" in said:
        raise DefinitionError.of("ill_typed", field=f"{where}.when", expected="a guard or fields", value=when)
    return FieldRule(_text(said.get("rule"), where), when=when, exempt=_names(said.get("exempt", []), where))


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _known(name: str, where: str, what: str, among: Mapping[str, Any]) -> Any:
    if name not in among:
        raise DefinitionError.of("unknown_name", where=where, what=what, name=name, nearest=nearest(name, among))
    return among[name]


def _keys(data: Any, where: str, known: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise DefinitionError.of("ill_typed", field=where, expected="a mapping", value=data)
    for key in data:
        if key not in known:
            raise DefinitionError.of("unknown_name", where=where, what="key", name=key, nearest=nearest(key, known))
    return data


def _list(value: Any, where: str) -> list[Any]:
    return _typed(value, where, (list, tuple), "a list", list)


def _names(value: Any, where: str) -> tuple[str, ...]:
    listed = (value,) if isinstance(value, str) else _list(value, where)
    return tuple(_text(each, where) for each in listed)


def _text(value: Any, where: str) -> str:
    return _typed(value, where, (str,), "a text", str)


def _flag(value: Any, where: str) -> bool:
    return _typed(value, where, (bool,), "true or false", bool)


def _scalar(value: Any, where: str) -> Any:
    return _typed(
        value, where, (str, int, float, bool, type(None)), "a text, number, flag or nothing", lambda same: same
    )


T = TypeVar("T")


def _typed(value: Any, where: str, kinds: tuple[type, ...], says: str, make: Callable[[Any], T]) -> T:
    if not isinstance(value, kinds):
        raise DefinitionError.of("ill_typed", field=where, expected=says, value=value)
    return make(value)


def _maybe(said: Mapping[str, Any], key: str, where: str) -> str | None:
    return _text(said[key], f"{where}.{key}") if key in said else None
