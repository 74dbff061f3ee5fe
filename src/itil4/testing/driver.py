"""Drivers: how stories and machines reach a system, be it this library, a web service or a host's own tables.

A driver knows five words: open, fire, get, now and advance. It answers with plain values, so that a
driver over HTTP is about forty lines. What it cannot tell, such as the codes of a refusal, it leaves
empty, and nothing is judged by it then.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

import attrs

from itil4.record import Actor, Frozen


def _codes(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


def _values(value: Mapping[str, Any]) -> Frozen:
    return Frozen(value)


@attrs.frozen
class Seen:
    """A record as a driver sees it.

    Attributes:
        reference: how the driver names it in later calls.
        state: the state of the main lifecycle.
        version: how often it was changed since its birth, which is 1; None where the host counts nothing.
        values: further fields, by their names in the record type; those that a host does not show are left out.
    """

    reference: str
    state: str
    version: int | None = None
    values: Mapping[str, Any] = attrs.field(factory=dict, converter=_values, hash=False)


@attrs.frozen
class Answer:
    """How a step ended: the record as it is now, or that it was refused and why.

    Attributes:
        seen: the record afterwards; None when it was refused.
        codes: the codes of the reasons, such as `role` or `missing`; empty where the host tells none.
        text: what the host said, for people.
        error: an exception or a failure that is no refusal: a crash, a status of 500.
    """

    seen: Seen | None = None
    codes: tuple[str, ...] = attrs.field(default=(), converter=_codes)
    text: str = ""
    error: str | None = None

    @property
    def done(self) -> bool:
        """Whether the step was taken."""
        return self.seen is not None

    @classmethod
    def refused(cls, *codes: str, text: str = "") -> "Answer":
        """Return the answer that a step was refused."""
        return cls(None, codes, text)

    @classmethod
    def failed(cls, error: object) -> "Answer":
        """Return the answer that something broke."""
        return cls(None, (), "", str(error) or type(error).__name__)


@runtime_checkable
class Driver(Protocol):
    """What a system must be able to do, so that stories can be played on it.

    Nothing raises because a step is refused; that is an `Answer`. A driver is made anew for every
    story and starts empty (or with records of its own that it does not touch).
    """

    def open(self, payload: Mapping[str, Any], actor: Actor) -> Answer:
        """Record something new."""
        ...

    def fire(
        self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor, expected: int | None = None
    ) -> Answer:
        """Take a step.

        Args:
            reference: of the record, as `open` gave it.
            event: a step of the lifecycle, or `update` for a change of fields alone.
            payload: values as the record type has them: moments are aware datetimes, own types are objects.
            actor: who; `actor.roles` are those that the host gives them.
            expected: the version that the actor has in hand; None: whatever is there.
        """
        ...

    def get(self, reference: str) -> Seen:
        """Return the record as it is now."""
        ...

    def now(self) -> datetime:
        """Return the time of the system, as an aware datetime."""
        ...

    def advance(self, by: timedelta) -> None:
        """Let time pass, without waiting."""
        ...
