"""Maintenance windows, blackouts and freezes: when they are, what they are about, and who is exempt."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, TypeAlias

import attrs

from itil4.errors import InvalidInput, nearest
from itil4.practices.change_schedule.when import Fixed, Recurring, Weekly, When, when_of
from itil4.vocabulary import choices

PeriodKind: TypeAlias = Literal["maintenance", "blackout", "freeze"]
"""A maintenance window is where changes belong; a blackout and a freeze are where they do not.

Work in a blackout is reported as a conflict. In a freeze it is reported too, and normal and standard changes
may not start there (INV-065).
"""


@attrs.frozen
class Place:
    """What is known of an item where periods are about services and locations."""

    service: str | None = None
    location: str | None = None


def _several(value: str | Iterable[str] | None) -> frozenset[str]:
    if value is None:
        return frozenset()
    return frozenset((value,) if isinstance(value, str) else value)


def _kind(_: Any, attribute: "attrs.Attribute[str]", value: Any) -> None:
    words = choices(PeriodKind)
    if value not in words:
        raise InvalidInput.of(
            "not_a_choice", field=attribute.name, value=value, choices=words, nearest=nearest(value, words)
        )


def _when(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    if not isinstance(value, (Fixed, Weekly, Recurring)):
        raise InvalidInput.of("ill_typed", field="when", expected="a Fixed, Weekly or Recurring", value=value)


@attrs.frozen(kw_only=True)
class Period:
    """A maintenance window, blackout or freeze.

    Args:
        name: what people call it.
        kind: `maintenance`, `blackout` or `freeze`.
        when: `Fixed`, `Weekly` or `Recurring`.
        items, services, locations: what it is about: an item that is named, or whose service or location is. With none
            of the three it is about everything.
        exempt_types: the types of change that it does not concern; by default `emergency` for a freeze.
        exempt_changes: the changes that it does not concern, by id or number.

    >>> from datetime import UTC, datetime
    >>> quarter = Period(name="end of year", kind="freeze", services="books",
    ...                  when=Fixed(datetime(2026, 12, 20, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)))
    >>> quarter.is_about("server 7", Place(service="books")), quarter.exempts("emergency", ())
    (True, True)

    Raises:
        InvalidInput: the kind is unknown, or there is no `when`.
    """

    name: str
    kind: PeriodKind = attrs.field(validator=_kind)
    when: When = attrs.field(validator=_when)
    items: frozenset[str] = attrs.field(default=None, converter=_several)
    services: frozenset[str] = attrs.field(default=None, converter=_several)
    locations: frozenset[str] = attrs.field(default=None, converter=_several)
    exempt_types: frozenset[str] = attrs.field(converter=_several)
    exempt_changes: frozenset[str] = attrs.field(default=None, converter=_several)

    @exempt_types.default
    def _emergencies(self) -> frozenset[str]:
        return frozenset({"emergency"}) if self.kind == "freeze" else frozenset()

    @property
    def is_general(self) -> bool:
        """Whether it is about everything."""
        return not (self.items or self.services or self.locations)

    def is_about(self, item: str | None, place: Place | None = None) -> bool:
        """Whether it names an item, its service or its location; a general one names nothing."""
        if item is not None and item in self.items:
            return True
        return place is not None and (place.service in self.services or place.location in self.locations)

    def exempts(self, type: str, names: Iterable[str | None]) -> bool:  # noqa: A002 - the field of a change
        """Whether it does not concern a change of this type, known by these names."""
        return type in self.exempt_types or not self.exempt_changes.isdisjoint(each for each in names if each)

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read plain data, as from a TOML file; when it is stands beside the rest (see `when_of`).

        >>> Period.from_dict({"name": "sundays", "kind": "maintenance", "zone": "Europe/Paris",
        ...                   "weekly": {"sun": [["02:00", "06:00"]]}, "items": ["server 7"]}).when
        Weekly(calendar=<ServiceCalendar Europe/Paris: 4 h a week, 0 holidays, revision 237cd109b151>)

        Raises:
            InvalidInput: a key is unknown, or the times are none.
        """
        if not isinstance(form, Mapping):
            raise InvalidInput.of("ill_typed", field="a period", expected="a mapping", value=form)
        own = [each.name for each in attrs.fields(cls) if each.name != "when"]
        known = (*own, *_TIMES)
        for key in form:
            if key not in known:
                raise InvalidInput.of("unknown_field", record="Period", field=key, nearest=nearest(key, known))
        for key in ("name", "kind"):
            if key not in form:
                raise InvalidInput.of("blank", field=key)
        return cls(when=when_of(form), **{name: form[name] for name in own if name in form})


_TIMES = ("start", "end", "zone", "weekly", "holidays", "exceptions", "rule", "duration")

__all__ = ["Period", "PeriodKind", "Place"]
