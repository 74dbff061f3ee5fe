"""What analysis and error control collect: causes, workarounds, and the debt that a workaround leaves behind.

Each is a frozen value. A record keeps them in collections that only grow: what is said later about
the same cause or workaround is a further value of the same name, and the last one holds.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar

import attrs

from itil4.clock import instant
from itil4.errors import InvalidInput, nearest
from itil4.record.door import text_problem

Confidence: TypeAlias = Literal["possible", "probable", "confirmed", "ruled_out"]
"""How sure the analysis is of a cause; `ruled_out` keeps on record that it is none."""

Standing: TypeAlias = Literal["draft", "published", "withdrawn"]
"""Whether a version of a workaround may be used."""

Dismissal: TypeAlias = Literal["mistaken", "negligible", "irrelevant"]
"""Why a problem may end in problem control (INV-045)."""

CloseReason: TypeAlias = Literal[
    "solved", "permanent_workaround", "risk_accepted", "not_affecting",
    "mistaken", "negligible", "irrelevant", "duplicate", "analysed",
]  # fmt: skip
"""Why a problem or known error ended: the first four after error control (INV-043), the next three in
problem control (INV-045), a duplicate at any time; `analysed` where a known error goes on as a record of its own."""

SETTLED: tuple[CloseReason, ...] = ("solved", "permanent_workaround", "risk_accepted", "not_affecting")
DISMISSALS: tuple[CloseReason, ...] = ("mistaken", "negligible", "irrelevant")


def _text(*, lines: bool, longest: int) -> Any:
    def check(_: Any, attribute: "attrs.Attribute[str]", value: Any) -> None:
        if type(value) is not str:
            raise InvalidInput.of("ill_typed", field=attribute.name, expected="a text", value=value)
        reason = text_problem(attribute.name, value, longest=longest, lines=lines, may_be_blank=False)
        if reason is not None:
            raise InvalidInput(reason)

    return check


_line = _text(lines=False, longest=255)
_note = _text(lines=True, longest=100_000)


def _one_of(*words: str) -> Any:
    def check(_: Any, attribute: "attrs.Attribute[str]", value: Any) -> None:
        if value not in words:
            raise InvalidInput.of(
                "not_a_choice", field=attribute.name, value=value, choices=words, nearest=nearest(value, words)
            )

    return check


def _exactly(kind: type, expected: str) -> Any:
    def check(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if type(value) is not kind:
            raise InvalidInput.of("ill_typed", field=attribute.name, expected=expected, value=value)

    return check


def _evidence(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidInput.of("ill_typed", field="evidence", expected="several references", value=value)
    return tuple(value)


def _references(_: Any, attribute: Any, value: tuple[Any, ...]) -> None:
    for each in value:
        _line(None, attribute, each)


@attrs.frozen
class Cause:
    """One cause, known or possible; a problem may have several, and none is "the root" (INV-051).

    Attributes:
        name: by which it is spoken of, and by which a later value replaces this one.
        text: what it is.
        technique: how it was found, in the words of the organization: 5 whys, Ishikawa, Kepner-Tregoe, ...
        confidence: possible, probable, confirmed, or ruled_out.
        evidence: references to what supports it: numbers of records, addresses of documents.
        at, by: when and by whom it was recorded.
    """

    name: str = attrs.field(validator=_line)
    text: str = attrs.field(validator=_note)
    technique: str | None = attrs.field(default=None, validator=attrs.validators.optional(_line))
    confidence: Confidence = attrs.field(
        default="possible", validator=_one_of("possible", "probable", "confirmed", "ruled_out")
    )
    evidence: tuple[str, ...] = attrs.field(default=(), converter=_evidence, validator=_references)
    at: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(instant))
    by: str | None = None


@attrs.frozen
class Workaround:
    """One version of a way to live with a fault before, or instead of, its removal.

    Attributes:
        name, version: versions of a name count from 1; the last one holds.
        text: what to do.
        owner: who keeps it right.
        effect: what it achieves, in the words of the organization: service restored, impact reduced, ...
        permanent: whether it is to stay for good, which leaves a debt (INV-046).
        standing: draft, published or withdrawn.
        at, by: when and by whom it was recorded.
    """

    name: str = attrs.field(validator=_line)
    version: int = attrs.field(validator=_exactly(int, "a whole number"))
    text: str = attrs.field(validator=_note)
    owner: str = attrs.field(validator=_line)
    effect: str = attrs.field(validator=_line)
    permanent: bool = attrs.field(default=False, validator=_exactly(bool, "True or False"))
    standing: Standing = attrs.field(default="draft", validator=_one_of("draft", "published", "withdrawn"))
    at: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(instant))
    by: str | None = None


@attrs.frozen
class TechnicalDebt:
    """What stays undone because a workaround is permanent, and who answers for it."""

    workaround: str
    version: int
    text: str
    owner: str
    at: datetime


N = TypeVar("N", Cause, Workaround)


def latest(values: Iterable[N]) -> Mapping[str, N]:
    """Return the last value of each name, in the order in which the names first appeared."""
    held: dict[str, N] = {}
    for value in values:
        held[value.name] = value
    return held


def published(workarounds: Iterable[Workaround]) -> tuple[Workaround, ...]:
    """Return the workarounds that may be used now.

    Of each name the version that was published last, unless it was withdrawn; a newer draft changes nothing yet.
    """
    judged = latest(each for each in workarounds if each.standing != "draft")
    return tuple(each for each in judged.values() if each.standing == "published")


def standing(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """Return the causes that hold: of each name the last word, unless it was ruled out."""
    return tuple(each for each in latest(causes).values() if each.confidence != "ruled_out")
