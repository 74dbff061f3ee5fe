"""History: append-only entries that say who did what, when and why, and that rebuild the record."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

import attrs

from itil4.errors import InvalidInput, Reason, StoreError, nearest
from itil4.record.base import Frozen, Origin
from itil4.record.door import text_problem
from itil4.record.shape import Shape
from itil4.vocabulary import Audience, choices

Op: TypeAlias = Literal["birth", "step", "update", "comment", "link", "unlink", "import", "correction", "redaction"]
Judged: TypeAlias = Literal["full", "graph", "override"]
"""How much was checked: everything; only that the lifecycle has the arrow; or nothing, with a reason."""


class Change(NamedTuple):
    """A field before and after."""

    old: Any
    new: Any

    def apply(self, _: Any) -> Any:
        """Return the field's new value."""
        return self.new


class Added(NamedTuple):
    """Elements added at the end of a growing collection; the rest is not written again."""

    items: tuple[Any, ...]

    def apply(self, current: Any) -> Any:
        """Return the collection with the elements added."""
        return (*(current or ()), *self.items)


def change_between(old: Any, new: Any) -> Change | Added:
    """Return what turns `old` into `new`, as briefly as it can be said.

    >>> change_between(("ana",), ("ana", "sam"))
    Added(items=('sam',))
    """
    if type(new) is tuple and type(old) is tuple and len(new) > len(old) and new[: len(old)] == old:
        return Added(new[len(old) :])
    return Change(old, new)


@attrs.frozen
class Attachment:
    """A reference to a file that the host keeps: what it is and where, never its bytes.

    `digest` names its algorithm, such as `sha256:9f86…`; `size` is in bytes.
    """

    name: str
    type: str
    size: int
    digest: str
    uri: str

    def problem(self) -> Reason | None:
        """Say what is wrong with it, or None."""
        for name in ("name", "type", "digest", "uri"):
            value = getattr(self, name)
            if type(value) is not str:
                return Reason.of("ill_typed", field=f"attachments.{name}", expected="a line of text", value=value)
            if reason := text_problem(f"attachments.{name}", value, longest=2_000, lines=False, may_be_blank=False):
                return reason
        if type(self.size) is not int or not 0 <= self.size < 2**63:
            return Reason.of("ill_typed", field="attachments.size", expected="a number of bytes", value=self.size)
        return None


@attrs.frozen
class Comment:
    """What somebody said about a record, to whom, with attachments; it changes no field."""

    text: str
    audience: Audience = "staff"
    attachments: tuple[Attachment, ...] = ()

    def problem(self) -> Reason | None:
        """Say what is wrong with it, or None."""
        if type(self.text) is not str:
            return Reason.of("ill_typed", field="text", expected="a text", value=self.text)
        if reason := text_problem("text", self.text, longest=100_000, may_be_blank=False):
            return reason
        words = choices(Audience)
        if self.audience not in words:
            near = nearest(self.audience, words)
            return Reason.of("not_a_choice", field="audience", value=self.audience, choices=words, nearest=near)
        return next((reason for each in self.attachments if (reason := each.problem())), None)


def as_attachments(value: Iterable[Attachment]) -> tuple[Attachment, ...]:
    """Return attachments as a tuple.

    Raises:
        InvalidInput: something else is among them.
    """
    if isinstance(value, Attachment) or not isinstance(value, Iterable):
        raise InvalidInput.of("ill_typed", field="attachments", expected="several Attachments", value=value)
    found = tuple(value)
    for each in found:
        if not isinstance(each, Attachment):
            raise InvalidInput.of("ill_typed", field="attachments", expected="several Attachments", value=each)
    return found


class Details(Mapping[str, Any]):
    """What an entry holds beside its headers, decoded when it is first looked at."""

    __slots__ = ("_data", "_load")

    def __init__(self, data: Mapping[str, Any] | None = None, load: Callable[[], Mapping[str, Any]] | None = None):
        self._data = data
        self._load = load

    @property
    def data(self) -> Mapping[str, Any]:
        """The decoded details."""
        if self._data is None:
            self._data = self._load() if self._load else {}
            self._load = None
        return self._data

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    def get(self, name: str, default: Any = None) -> Any | None:
        """Return a part, or the default; most entries lack most parts, so that nothing is raised for it."""
        return self.data.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Details) and self.data == other.data

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.data)))

    def __repr__(self) -> str:
        return repr(dict(self.data))

    def __reduce__(self) -> tuple[Any, ...]:
        return Details, (self.data,)


_NOTHING: Mapping[str, Any] = Frozen()


@attrs.frozen(kw_only=True, weakref_slot=False)
class Entry:
    """One line of a record's history. Entries are never changed or removed.

    Attributes:
        record_id, kind, seq: whose it is, and its place; `seq` is the version that it led to.
        op: birth, step, update, comment, link, unlink, import, correction or redaction.
        lifecycle, event, from_state, to_state: the step, where the entry is one.
        at, recorded_at: when it happened, and when it was written.
        by: the actor's id.
        judged: `full`; `graph` when only the arrow was checked (import); `override` when nothing was.
        unit: entries of one unit of work share it.
        origin: where it came from, when it was imported; unique in a store.
        tenant: whose store it is, where the host has several.
        details: `changes`, `reason`, `roles` used, `on_behalf_of`, `via`, `waived` codes, `cause` and
            `correlation`, `comment`, `link`, `number` given, `digest` of the lifecycle, `schema`,
            and what a redaction took out, as `redacted`.
    """

    record_id: str
    kind: str = ""
    seq: int
    op: Op
    lifecycle: str | None = None
    event: str | None = None
    from_state: str | None = None
    to_state: str | None = None
    at: datetime
    recorded_at: datetime
    by: str
    judged: Judged = "full"
    unit: str | None = None
    origin: Origin | None = None
    tenant: str = ""
    details: Details = attrs.field(factory=Details)

    @property
    def id(self) -> str:
        """The entry's own id: that of the record and its place in the history."""
        return f"{self.record_id}:{self.seq}"

    @property
    def changes(self) -> Mapping[str, Change | Added]:
        """The fields that it changed, old and new."""
        return self.details.get("changes") or _NOTHING

    @property
    def reason(self) -> str | None:
        """Why, in the words of who did it."""
        return self.details.get("reason")

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of the actor that the step used."""
        return tuple(self.details.get("roles") or ())

    @property
    def on_behalf_of(self) -> str | None:
        """For whom the actor acted."""
        return self.details.get("on_behalf_of")

    @property
    def via(self) -> str | None:
        """Through which channel the actor acted."""
        return self.details.get("via")

    @property
    def waived(self) -> tuple[str, ...]:
        """The codes of the reasons that an override waived."""
        return tuple(self.details.get("waived") or ())

    @property
    def cause(self) -> str | None:
        """The id of the entry that this one followed from, in a cascade."""
        return self.details.get("cause")

    @property
    def correlation(self) -> str | None:
        """A key of the host that groups entries, such as a request id."""
        return self.details.get("correlation")

    @property
    def comment(self) -> Comment | None:
        """What was said."""
        return self.details.get("comment")

    @property
    def link(self) -> tuple[str, str] | None:
        """The relation and the target's id that were linked or unlinked."""
        pair = self.details.get("link")
        return (pair[0], pair[1]) if pair else None

    @property
    def redacted(self) -> tuple[str, ...]:
        """What a redaction took out: names of fields, `comments`, `reasons`, or `person`."""
        return tuple((self.details.get("redacted") or _NOTHING).get("what", ()))

    @property
    def number(self) -> str | None:
        """The number that the record was given at birth."""
        return self.details.get("number")

    @property
    def digest(self) -> str | None:
        """Which version of the lifecycle judged it."""
        return self.details.get("digest")

    @property
    def schema(self) -> int:
        """The schema of the record type when it was written."""
        return int(self.details.get("schema") or 1)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, with `from` and `to` by those names; empty parts left out."""
        plain = {
            "id": self.id,
            "record_id": self.record_id,
            "kind": self.kind,
            "seq": self.seq,
            "op": self.op,
            "lifecycle": self.lifecycle,
            "event": self.event,
            "from": self.from_state,
            "to": self.to_state,
            "at": self.at.isoformat(),
            "recorded_at": self.recorded_at.isoformat(),
            "by": self.by,
            "judged": self.judged,
            "unit": self.unit,
            "origin": attrs.asdict(self.origin) if self.origin else None,
            "tenant": self.tenant or None,
            "changes": {name: _shown(change) for name, change in self.changes.items()},
            **{name: _value(value) for name, value in self.details.items() if name != "changes"},
        }
        return {name: value for name, value in plain.items() if value is not None and value != {}}


def _shown(change: Change | Added) -> dict[str, Any]:
    return {name: _value(value) for name, value in change._asdict().items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (tuple, list, frozenset)):
        return [_value(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _value(item) for name, item in value.items()}
    if attrs.has(type(value)):
        return {field.name: _value(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def replay(entries: Iterable[Entry], shape: Shape) -> Any:
    """Rebuild a record from its history alone (INV-120).

    Raises:
        StoreError: the history has a gap, or does not begin with a birth or an import.
    """
    values: dict[str, Any] = {}
    expected = 1
    for entry in entries:
        if entry.seq != expected or (expected == 1 and entry.op not in ("birth", "import")):
            raise StoreError.of(
                "store_failed",
                action="replay a history",
                error=f"{entry.id} is not entry {expected}",
                remedy="Check the store with verify().",
            )
        if expected == 1:
            values = {"id": entry.record_id, "created_at": entry.at, "created_by": entry.by, "number": entry.number}
        for name, change in entry.changes.items():
            field = shape.get(name)
            if field is not None:  # a later version, or another process, may know more fields
                values[name] = change.apply(values.get(name, field.default))
        if expected == 1 or entry.at > values["updated_at"]:  # a correction may be about an earlier moment
            values["updated_at"] = entry.at
        expected += 1
    values["version"] = expected - 1
    return shape.made(values, is_new=False)
