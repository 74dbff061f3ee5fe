"""What was promised: a duration of service time, or a date, and what makes its clock run.

A target measures one thing on one record: until somebody responds, takes ownership, restores the service or
gives the user news. Several targets run on one record side by side.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Self, TypeAlias

import attrs

from itil4.errors import DefinitionError, InvalidInput, Reason, nearest
from itil4.service_level.calendar import ServiceCalendar
from itil4.service_level.condition import FILLED, Condition
from itil4.service_level.zone import micro, moment, span
from itil4.vocabulary import OPEN, choices

Kind: TypeAlias = Literal["sla", "ola", "contract"]
"""To whom it was promised: the customer, another team of the provider, or by a supplier (underpinning contract)."""

Reopen: TypeAlias = Literal["resume", "continue", "restart"]
"""What a reopening does: leave the stopped spell out, count it as if never stopped, or begin at zero."""

Retarget: TypeAlias = Literal["restate", "from_change"]
"""What a new duration is compared with: all consumption since the start, or that since the change."""

Conditions: TypeAlias = tuple[Condition, ...]
"""Any one of them is enough."""

CONDITIONS = ("start", "pause", "resume", "stop", "cancel", "reset")

_DONE = (Condition(categories=("resolved", "closed")),)
_WAITING = (Condition(categories="waiting"),)
_NEWS = (Condition(comment="user"),)

#            metric     pause      stop                                          reset
_DEFAULTS = {
    "respond": ((),       (*_NEWS, *_DONE),                                      ()),
    "own":     ((),       (Condition(fields={"assignee": FILLED}), *_DONE),      ()),
    "resolve": (_WAITING, _DONE,                                                 ()),
    "update":  (_WAITING, _DONE,                                                 _NEWS),
}  # fmt: skip


def _conditions(value: object) -> Conditions | None:
    if value is None:
        return None
    listed = [value] if isinstance(value, (Condition, Mapping)) else value
    if isinstance(listed, (str, bytes)) or not isinstance(listed, Iterable):
        raise DefinitionError.of("ill_typed", field="condition", expected="a Condition or a list of them", value=value)
    return tuple(item if isinstance(item, Condition) else Condition.from_dict(item) for item in listed)


def _choice(words: Any) -> Callable[[Any, Any, object], None]:
    def check(target: Any, field: Any, value: object) -> None:
        known = choices(words)
        if value not in known:
            near = nearest(value, known)
            raise InvalidInput.of("not_a_choice", field=field.name, value=value, nearest=near, choices=known)

    return check


def _fractions(value: object) -> tuple[float, ...]:
    numbers = tuple(value) if isinstance(value, (tuple, list, set, frozenset)) else (value,)
    for item in numbers:
        if isinstance(item, bool) or not isinstance(item, (int, float)) or not 0 < item <= 100:
            raise InvalidInput.of(
                "ill_typed", field="warnings", expected="a list of fractions such as 0.75", value=item
            )
    return tuple(sorted({float(item) for item in numbers}))


def _flag(target: Any, field: Any, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidInput.of("ill_typed", field=field.name, expected="True or False", value=value)


def _text(target: Any, field: Any, value: object) -> None:
    if not isinstance(value, str) or (field.name == "metric" and not value):
        raise InvalidInput.of("ill_typed", field=field.name, expected="a text", value=value)


def _calendar(target: Any, field: Any, value: object) -> None:
    if value is not None and not isinstance(value, ServiceCalendar):
        raise InvalidInput.of("ill_typed", field=field.name, expected="a ServiceCalendar", value=value)


@attrs.frozen(kw_only=True)
class Target:
    """A promised duration of service time, or a date, and the conditions that move its clock.

    >>> target = Target(metric="respond", duration=timedelta(hours=1), warnings=(0.5, 0.75))
    >>> target.stop[0]
    Condition(categories=(), states=(), kinds=(), fields=(), events=(), comment='user')

    Raises:
        InvalidInput: neither or both of duration and deadline, or a value that does not exist.
        DefinitionError: a condition that cannot work.
    """

    duration: timedelta | None = None
    """Service time of its calendar."""
    deadline: datetime | None = None
    """A fixed instant instead of a duration."""
    metric: str = attrs.field(default="resolve", validator=_text)
    """What is measured. `respond`, `own` and `update` have conditions of their own, all others those of `resolve`."""
    kind: Kind = attrs.field(default="sla", validator=_choice(Kind))
    name: str = attrs.field(default="", validator=_text)
    calendar: ServiceCalendar | None = attrs.field(default=None, validator=_calendar)
    """The calendar it was agreed on, for who reads the clock without naming one."""
    start: Conditions = attrs.field(default=None, converter=_conditions)
    pause: Conditions = attrs.field(default=None, converter=_conditions)
    resume: Conditions = attrs.field(default=None, converter=_conditions)
    """Without it the clock resumes when `pause` no longer holds."""
    stop: Conditions = attrs.field(default=None, converter=_conditions)
    cancel: Conditions = attrs.field(default=None, converter=_conditions)
    reset: Conditions = attrs.field(default=None, converter=_conditions)
    retroactive_start: bool = attrs.field(default=False, validator=_flag)
    """Once `start` holds, count from the first entry of the history."""
    retroactive_pause: bool = attrs.field(default=False, validator=_flag)
    """With a retroactive start, leave out the pauses before `start` held."""
    warnings: tuple[float, ...] = attrs.field(default=(), converter=_fractions)
    """Fractions of the duration at which people want to know; a deadline has none."""
    reopen: Reopen = attrs.field(default="resume", validator=_choice(Reopen))
    retarget: Retarget = attrs.field(default="restate", validator=_choice(Retarget))

    def __attrs_post_init__(self) -> None:
        if (self.duration is None) == (self.deadline is None):
            raise InvalidInput.of("one_promise")
        if self.duration is not None:
            span(self.duration)
        else:
            object.__setattr__(self, "deadline", moment(micro(self.deadline, "deadline")))
        pause, stop, reset = _DEFAULTS.get(self.metric, _DEFAULTS["resolve"])
        usual = {
            "start": (Condition(categories=OPEN),),
            "pause": pause,
            "resume": (),
            "stop": stop,
            "cancel": (Condition(categories="cancelled"),),
            "reset": reset,
        }
        for name, conditions in usual.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, conditions)
        for name in ("start", "stop"):
            if not getattr(self, name):
                raise DefinitionError.of("target_endless", target=self.label, condition=name)

    @property
    def label(self) -> str:
        """Its name, or else what it measures."""
        return self.name or self.metric

    def check(
        self,
        states: Mapping[str, str],
        fields: Collection[str] | None = None,
        events: Collection[str] | None = None,
    ) -> Self:
        """Return the target when a lifecycle has all that its conditions name, and can start and stop it.

        Args:
            states: the category of each state.
            fields: the fields of the record; not looked at when None.
            events: the steps of the lifecycle; not looked at when None.

        Raises:
            DefinitionError: it names a state, field or step that is not there, or could never start or stop.

        >>> Target(duration=timedelta(hours=8), stop={"states": "solved"}).check({"new": "new", "resolved": "resolved"})
        Traceback (most recent call last):
        ...
        itil4.errors.DefinitionError: The target resolve (stop) names the state 'solved', which is not there. \
Did you mean 'resolved'? Use one that is there, or define it.
        """
        faults: list[Reason] = []
        for name in CONDITIONS:
            possible = False
            for condition in getattr(self, name):
                unknown = condition.unknown(states, fields, events)
                # of several categories a lifecycle may lack some; a name of its own must exist
                gone = [fault for fault in unknown if fault[0] != "category"]
                for what, missing, known in gone:
                    where = f"The target {self.label} ({name})"
                    near = nearest(missing, known)
                    faults.append(Reason.of("unknown_name", where=where, what=what, name=missing, nearest=near))
                lacking = {missing for what, missing, _ in unknown if what == "category"}
                possible = possible or not (condition.categories and lacking.issuperset(condition.categories))
            if name in ("start", "stop") and not possible:
                faults.append(Reason.of("target_endless", target=self.label, condition=name))
        if faults:
            raise DefinitionError(*faults)
        return self

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read the plain form. A duration is ISO 8601 (`PT8H`, `P1DT30M`) or given as `minutes`.

        >>> Target.from_dict({"minutes": 480}) == Target.from_dict({"duration": "PT8H"})
        True
        """
        if not isinstance(form, Mapping):
            raise InvalidInput.of("ill_typed", field="target", expected="a mapping", value=form)
        values = dict(form)
        for key in ("minutes", "target_minutes"):
            if key in values:
                if "duration" in values:
                    raise InvalidInput.of("one_promise")
                values["duration"] = minutes(values.pop(key), key)
        known = [field.name for field in attrs.fields(cls)]
        for key in values:
            if key not in known:
                near = nearest(key, [*known, "minutes"])
                raise InvalidInput.of("unknown_field", record="Target", field=key, nearest=near)
        if isinstance(values.get("duration"), str):
            values["duration"] = duration(values["duration"])
        if isinstance(values.get("deadline"), str):
            values["deadline"] = iso_instant(values["deadline"], "deadline")
        if isinstance(values.get("calendar"), Mapping):
            values["calendar"] = ServiceCalendar.from_dict(values["calendar"])
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form, which any JSON encoder takes and `from_dict` reads."""
        form: dict[str, Any] = {"metric": self.metric, "kind": self.kind}
        if self.name:
            form["name"] = self.name
        if self.duration is not None:
            form["duration"] = iso_duration(self.duration)
        if self.deadline is not None:
            form["deadline"] = self.deadline.isoformat()
        if self.calendar is not None:
            form["calendar"] = self.calendar.to_dict()
        form |= {name: [item.to_dict() for item in getattr(self, name)] for name in CONDITIONS}
        form |= {name: getattr(self, name) for name in ("retroactive_start", "retroactive_pause", "reopen", "retarget")}
        return form | {"warnings": list(self.warnings)}


_ISO = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,6})?)S)?)?")


def duration(text: str, field: str = "duration") -> timedelta:
    """Read an ISO 8601 duration of weeks, days, hours, minutes and seconds; a day is 24 hours.

    >>> duration("PT1H30M")
    datetime.timedelta(seconds=5400)
    """
    found = _ISO.fullmatch(text) if len(text) < 100 and text.isascii() else None
    try:
        if found and any(found.groups()):
            weeks, days, hours, mins, seconds = (float(part or 0) for part in found.groups())
            return timedelta(weeks=weeks, days=days, hours=hours, minutes=mins, seconds=seconds)
    except OverflowError:
        pass
    raise InvalidInput.of("ill_typed", field=field, expected="a duration such as PT8H", value=text)


def iso_duration(value: timedelta) -> str:
    """Write a duration as ISO 8601, without losing a microsecond.

    >>> iso_duration(timedelta(hours=8)), iso_duration(timedelta(days=1, microseconds=5))
    ('PT8H', 'PT24H0.000005S')
    """
    whole = value.days * 86_400 + value.seconds
    hours, rest = divmod(whole, 3600)
    mins, seconds = divmod(rest, 60)
    exact = f"{seconds}.{value.microseconds:06}".rstrip("0") if value.microseconds else str(seconds)
    parts = [(hours, f"{hours}H"), (mins, f"{mins}M"), (float(exact), f"{exact}S")]
    return "PT" + ("".join(text for number, text in parts if number) or "0S")


def minutes(value: object, field: str = "minutes") -> timedelta:
    """Return a number of minutes as a duration."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise InvalidInput.of("ill_typed", field=field, expected="a number of minutes", value=value)
    return timedelta(minutes=value)


def iso_instant(text: object, field: str) -> datetime:
    """Return an aware datetime, or the one that a text such as `2026-03-02T09:00:00Z` writes."""
    if isinstance(text, str):
        try:
            text = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput.of(
                "ill_typed", field=field, expected="an instant such as 2026-03-02T09:00:00Z", value=text
            ) from None
    return moment(micro(text, field), field)
