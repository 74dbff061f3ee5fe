"""When a clock starts, pauses and stops, said over what a record is: its category, state or fields.

A history is a row of `Moment`s: how the record stood after each entry. A target's conditions read
them and give the marks (start, pause, ...) that the clock folds.
"""

from collections.abc import Collection, Mapping
from typing import Any, Self

import attrs

from itil4.errors import DefinitionError, nearest
from itil4.vocabulary import Audience, Category, choices

FILLED = "*"
"""As a wanted field value: anything but empty."""


@attrs.frozen(kw_only=True)
class Moment:
    """How a record stood after an entry of its history, as far as clocks look at it.

    `event` is the step of the entry; `comment` says who may read the comment that it made, and
    `by_staff` whether somebody who delivers the service wrote it.
    """

    category: Category | None = None
    state: str | None = None
    kind: str | None = None
    fields: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    event: str | None = None
    comment: Audience | None = None
    by_staff: bool = False


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (tuple, list, set, frozenset)) and all(isinstance(word, str) for word in value):
        return tuple(sorted(value)) if isinstance(value, (set, frozenset)) else tuple(value)
    raise DefinitionError.of("ill_typed", field="condition", expected="a word or a list of words", value=value)


def _wanted(value: object) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    if isinstance(value, tuple):
        value = dict(value)
    if not isinstance(value, Mapping):
        raise DefinitionError.of("ill_typed", field="fields", expected="a mapping from field to values", value=value)
    listed = {name: (tuple(v) if isinstance(v, (list, tuple, set, frozenset)) else (v,)) for name, v in value.items()}
    return tuple(sorted(listed.items()))


@attrs.frozen(kw_only=True)
class Condition:
    """What a record has to be for a mark to fall: every part that is given must hold, one value of each part.

    >>> waiting = Condition(categories="waiting", kinds="user")
    >>> waiting.holds(Moment(category="waiting", kind="user")), waiting.holds(Moment(category="waiting", kind="vendor"))
    (True, False)
    >>> Condition(fields={"assignee": FILLED}).holds(Moment(fields={"assignee": "sam"}))
    True

    Raises:
        DefinitionError: no part is given, or a category or audience does not exist.
    """

    categories: tuple[str, ...] = attrs.field(default=(), converter=_words)
    states: tuple[str, ...] = attrs.field(default=(), converter=_words)
    kinds: tuple[str, ...] = attrs.field(default=(), converter=_words)
    fields: tuple[tuple[str, tuple[Any, ...]], ...] = attrs.field(default=(), converter=_wanted, hash=False)
    events: tuple[str, ...] = attrs.field(default=(), converter=_words)
    comment: Audience | None = None
    """A comment by staff that this audience can read."""

    def __attrs_post_init__(self) -> None:
        if not any(getattr(self, name) for name in _PARTS):
            raise DefinitionError.of("condition_empty", choices=_PARTS)
        for field, values, known in (
            ("categories", self.categories, choices(Category)),
            ("comment", (self.comment,) if self.comment else (), choices(Audience)),
        ):
            for value in values:
                if value not in known:
                    near = nearest(value, known)
                    raise DefinitionError.of("not_a_choice", field=field, value=value, nearest=near, choices=known)

    @property
    def lasts(self) -> bool:
        """Whether it can hold on: a state does, a step or a comment is over at once."""
        return not (self.events or self.comment)

    def holds(self, moment: Moment) -> bool:
        """Return whether the record, as it stands, meets the condition."""
        return (
            (not self.categories or moment.category in self.categories)
            and (not self.states or moment.state in self.states)
            and (not self.kinds or moment.kind in self.kinds)
            and (not self.events or moment.event in self.events)
            and (self.comment is None or (moment.by_staff and moment.comment == self.comment))
            and all(_meets(moment.fields.get(name), values) for name, values in self.fields)
        )

    def unknown(
        self,
        states: Mapping[str, str],
        fields: Collection[str] | None = None,
        events: Collection[str] | None = None,
    ) -> list[tuple[str, str, Collection[str]]]:
        """Return what the condition names and a lifecycle does not have: what it is, its name, what there is."""
        named: list[tuple[str, Collection[str], Collection[str] | None]] = [
            ("state", self.states, states),
            ("category", self.categories, set(states.values())),
            ("field", [name for name, _ in self.fields], fields),
            ("step", self.events, events),
        ]
        return [
            (what, name, known)
            for what, names, known in named
            if known is not None
            for name in names
            if name not in known
        ]

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Self:
        """Read the plain form: the parts by their names.

        >>> Condition.from_dict({"categories": ["waiting"]}) == Condition(categories=("waiting",))
        True
        """
        if not isinstance(form, Mapping):
            raise DefinitionError.of("ill_typed", field="condition", expected="a mapping", value=form)
        for key in form:
            if key not in _PARTS:
                raise DefinitionError.of("unknown_field", record="Condition", field=key, nearest=nearest(key, _PARTS))
        return cls(**form)

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form, without the parts that are not given."""
        form = {name: list(getattr(self, name)) for name in _PARTS[:-2] if getattr(self, name)}
        if self.fields:
            form["fields"] = {name: list(values) for name, values in self.fields}  # type: ignore[assignment]  # plain data
        return form | ({"comment": self.comment} if self.comment else {})


_PARTS = ("categories", "states", "kinds", "events", "fields", "comment")


def _meets(value: Any, wanted: tuple[Any, ...]) -> bool:
    return value in wanted or (FILLED in wanted and value not in (None, "", (), 0, False))
