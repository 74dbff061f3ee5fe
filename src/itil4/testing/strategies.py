"""Strategies for Hypothesis: values, people, calendars and lifecycles, and records that have lived.

A record is made by a story: `records(VesselIncidents)` logs one and takes steps until it is in a state
that was drawn among all that can be reached, so that its history always explains it. With the package
installed, `st.from_type(Incident)` and `st.from_type` of any subclass do the same.

>>> from hypothesis import given, settings
>>> from itil4 import IncidentManagement
>>> from itil4.testing.strategies import records
>>> @settings(max_examples=5, database=None)
... @given(records(IncidentManagement, state="resolved"))
... def every_resolved_incident_says_how(incident):
...     assert incident.resolution and incident.version > 1
>>> every_resolved_incident_says_how()
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import attrs
from hypothesis import HealthCheck, find
from hypothesis import settings as plain_settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from itil4.errors import DefinitionError, InvalidInput, ITIL4Error, nearest
from itil4.lifecycle import Lifecycle
from itil4.practices.base import Practice
from itil4.practices.built_in import BUILT_IN
from itil4.record import Actor, Entry, Record
from itil4.record.door import Text
from itil4.service_level import ServiceCalendar
from itil4.testing.calendar_strategies import calendars
from itil4.testing.field_strategies import (
    hostile_moments,
    hostile_text,
    hostile_values,
    moments,
    own_values,
    texts,
    values_of,
)
from itil4.testing.lifecycle_strategies import Broken, broken_lifecycles, lifecycles
from itil4.testing.living import Life, Living, Values, Ways, ways_of


def lines() -> st.SearchStrategy[str]:
    """Return single lines of text that are not blank: summaries, names, codes."""
    return texts(Text(max=255, lines=False, blank=False))


def notes() -> st.SearchStrategy[str]:
    """Return texts of several lines, which may be empty."""
    return texts()


def actors(roles: Iterable[str] = ("agent", "lead", "user"), *, ids: Iterable[str] = ()) -> st.SearchStrategy[Actor]:
    """Return people and systems with some of the roles.

    Args:
        roles: those that somebody may have.
        ids: how they are known; by default any line of text.
    """
    known, named = sorted(set(roles)), tuple(ids)
    return st.builds(
        Actor,
        st.sampled_from(named) if named else lines(),
        st.frozensets(st.sampled_from(known)) if known else st.just(frozenset()),
        kind=st.sampled_from(("human", "human", "system")),
        on_behalf_of=st.none() | lines(),
        via=st.none() | st.sampled_from(("api", "email", "phone")),
    )


def lives(
    practice: type[Any], *, state: str | None = None, values: Values | None = None,
    settings: Mapping[str, Any] | None = None,
) -> st.SearchStrategy[Life]:  # fmt: skip
    """Return records with their histories, in any state that can be reached, or in the one that is named.

    Args:
        practice: a practice class, or the type of its records.
        state: where its life ends; by default any state is drawn.
        values: field -> strategy, where the type alone does not say enough.
        settings: what `itil4.connect` is given besides the practice, as for `walk`.

    Raises:
        InvalidInput: no practice keeps such records, a field has no strategy, or no story leads to the state.
    """
    known = practice if issubclass(practice, Practice) else practice_of(practice)
    name, shape = known.record.__name__, known.stored_kind(known.fields).shape
    chosen = dict(values or {})
    for field in chosen:
        if shape.get(field) is None:
            raise InvalidInput.of("unknown_field", record=name, field=field, nearest=nearest(field, shape.fields))
    every = {field: kind for field, kind in {**shape.fields, **shape.extra.types}.items() if field in shape.checks}
    made = {field: values_of(kind, name) for field, kind in every.items() if field not in chosen} | chosen
    ways = _ways(known, settings, made)
    return _lives(ways, tuple(ways.to(state)), chosen)


def _ways(practice: type[Practice[Any]], settings: Mapping[str, Any] | None, made: Values) -> Ways:
    """Return the ways of a practice; what the kit cannot guess of a field is drawn from its strategy."""
    told: dict[str, list[Any]] = {}
    while True:
        try:
            return ways_of(practice, settings, told)
        except DefinitionError as error:
            field = str(error.reasons[0].detail.get("field"))
            drawn = _drawn(made[field]) if error.code == "no_values" and field in made and field not in told else []
            if not drawn:
                raise
            told[field] = drawn


def _drawn(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Return the simplest value of a strategy, or none where its own rules refuse all."""
    quick = plain_settings(
        max_examples=50, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    try:
        return [find(strategy, lambda value: True, settings=quick)]
    except (HypothesisException, ITIL4Error):
        return []


@st.composite
def _lives(draw: st.DrawFn, ways: Any, stories: tuple[Any, ...], values: Values) -> Life:
    return Living(ways, draw, values).live(draw(st.sampled_from(stories)))


def records(practice: type[Any], **options: Any) -> st.SearchStrategy[Any]:
    """Return records that have lived; the arguments are those of `lives`."""
    return lives(practice, **options).map(lambda life: life.record)


def histories(practice: type[Any] | None = None, **options: Any) -> st.SearchStrategy[tuple[Entry, ...]]:
    """Return histories of records, oldest entry first; of incidents, unless another practice is named."""
    if practice is None:
        from itil4.practices.incident_management import IncidentManagement  # read when it is asked for

        practice = IncidentManagement
    return lives(practice, **options).map(lambda life: life.history)


# which practice keeps which records


def _practices(base: type[Practice[Any]] = Practice) -> Iterator[type[Practice[Any]]]:
    for cls in base.__subclasses__():
        if "record" in vars(cls) and isinstance(vars(cls)["record"], type):
            yield cls
        yield from _practices(cls)


@cache
def _built_in() -> None:
    for place in BUILT_IN:
        place.practice  # noqa: B018 - reads the module of the practice


def practice_of(record: type[Any]) -> type[Practice[Any]]:
    """Return the practice that keeps records of a type, or one made for it from that of the type that it extends.

    Raises:
        InvalidInput: there is none for it, nor for what it extends.
    """
    _built_in()
    for base in record.__mro__:
        found = next((cls for cls in _practices() if vars(cls)["record"] is base), None)
        if found is not None:
            return found if base is record else _made(found, record)
    raise InvalidInput.of("no_practice", record=record.__name__)


_MADE: "WeakKeyDictionary[type[Any], type[Practice[Any]]]" = WeakKeyDictionary()


def _made(base: type[Practice[Any]], record: type[Any]) -> type[Practice[Any]]:
    if record not in _MADE:
        _MADE[record] = type(f"{record.__name__}Practice", (base,), {"record": record})
    return _MADE[record]


# what Hypothesis asks for


def strategy_of(thing: type[Any]) -> st.SearchStrategy[Any] | None:
    """Return the strategy for a type of the library, or for a record type of a host; None for any other type.

    Raises:
        InvalidInput: it is a record type, and no practice keeps it, or a field of it has no strategy.
    """
    if thing is Record or thing is Practice:
        return None
    if issubclass(thing, Record):
        return lives(thing).map(lambda life: life.record)
    known = {Actor: actors, ServiceCalendar: calendars, Lifecycle: lifecycles, Life: None}.get(thing)
    if known is not None:
        return known()
    if thing is Entry:
        return histories().map(lambda history: history[-1])
    if thing.__module__.startswith("itil4.") and attrs.has(thing):
        try:
            return own_values(thing)
        except (InvalidInput, DefinitionError):
            return None
    return None


__all__ = [
    "Broken", "Life", "actors", "broken_lifecycles", "calendars", "histories", "hostile_moments", "hostile_text",
    "hostile_values", "lifecycles", "lines", "lives", "moments", "notes", "practice_of", "records", "strategy_of",
    "texts", "values_of",
]  # fmt: skip
