"""What may be done about records that are wrong, stuck, or know too much: doors with roles of their own."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from itil4.errors import Refused
from itil4.practices.reading import R
from itil4.practices.work import Working
from itil4.record import Actor


class Amending(Working[R]):
    """The verbs that amend what is stored, each an entry of its own.

    Class attributes that a practice may set:
        correctors: the roles that may set right what is stuck or wrong, past the rules of steps.
        state_mapping: state that the lifecycle no longer has -> the one that records in it are corrected to.
        redactors: the roles that may take personal data out.
        people: the names of fields, and of parts of values in fields, that hold ids of people; what is
            called `by` or ends in `_by` holds them, too.
    """

    correctors: ClassVar[frozenset[str]] = frozenset({"corrector"})
    state_mapping: ClassVar[Mapping[str, str]] = {}
    redactors: ClassVar[frozenset[str]] = frozenset({"data_protection_officer"})
    people: ClassVar[frozenset[str]] = frozenset(
        ("requester", "owner", "assignee", "coordinator", "participants", "participant", "manager", "approver",
         "approvers", "voter", "votes", "implementer", "authority", "reporter", "contact", "person", "notify",
         "informed")
    )  # fmt: skip

    def values(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return plain JSON, such as the body of a request, as values of fields that verbs take.

        Moments are ISO 8601 with an offset, dates ISO 8601, durations whole microseconds, Decimals text, values of
        a type mappings of their parts; where a field holds one of several types, a pair `[type, value]`. Nothing is
        coerced.

        >>> import itil4
        >>> itil4.connect().incidents.values({"summary": "Mail", "occurred_at": "2026-03-02T08:00:00Z"})["occurred_at"]
        datetime.datetime(2026, 3, 2, 8, 0, tzinfo=datetime.timezone.utc)

        Raises:
            InvalidInput: with every name that is unknown and every value that does not fit, each with its place,
                such as `berths[0].anchor`.
        """
        from itil4.storage.plain_input import values_from

        return values_from(self.shape, data)

    def correct(
        self,
        record: str | R,
        *,
        reason: str,
        state: str | None = None,
        by: Actor | None = None,
        at: datetime | None = None,
        once: str | None = None,
        expected: int | None = None,
        **values: Any,
    ) -> R:
        """Set right what is stuck or wrong: the one door past the rules of steps.

        The entry has the op `correction`, is judged `override`, and names the codes that were waived. No
        rule of consistency is: a record that contradicts itself, an unknown state or a wrong type is
        refused. Computed fields follow, and nothing else does: no cascade, no effect of a step.

        Args:
            record: the record, its number or its id.
            reason: why; it is kept.
            state: the state that it is to be in, whether or not a step leads there.
            by: who does it, with one of the roles of `correctors`.
            at: since when it was so, if that is known: not before the birth. Clocks, timers and figures read
                the history as it then happened, and history itself keeps what was believed.
            once, expected: as for `fire`.
            **values: fields, and states of aspects.

        Raises:
            Refused: the role is missing, or the record would contradict itself.
            InvalidInput: a field or state is unknown, a value does not fit, or a time is impossible.
        """
        from itil4.practices.correcting import correct

        return correct(  # type: ignore[no-any-return]  # what the practice's unit of work returns
            self, record, state, values, reason=reason, by=by, at=at, once=once, expected=expected
        )

    def redact(
        self,
        record: str | R,
        *fields: str,
        reason: str,
        comments: Iterable[int] | bool = False,
        reasons: Iterable[int] | bool = False,
        by: Actor | None = None,
        once: str | None = None,
        expected: int | None = None,
    ) -> R:
        """Take personal data out of a record and out of its whole history; what it was is nowhere kept.

        A text becomes `REDACTED`, everything else nothing or an empty collection. Who did it, why and which
        fields is an entry of its own, and the rest of the history still rebuilds the record. Doing
        it twice changes nothing more.

        Args:
            record: the record, its number or its id.
            *fields: names of fields; `causes.text` means that part of every value in `causes`.
            reason: why; it is kept.
            comments, reasons: the places (`Entry.seq`) of entries whose comment with its attachments, or whose
                reason goes, or True for all.
            by: who does it, with one of the roles of `redactors`.
            once, expected: as for `fire`.

        Raises:
            Refused: the role is missing, or a field has to hold something and is no text.
            InvalidInput: there is no such field, or nothing is named.
        """
        from itil4.practices.redacting import redact

        return redact(  # type: ignore[no-any-return]  # what the practice's unit of work returns
            self, record, fields, comments=comments, reasons=reasons, reason=reason, by=by, once=once, expected=expected
        )

    def _may_amend(self, needs: frozenset[str], actor: Actor, current: R | None, event: str) -> None:
        has = self.roles_of(actor, current, self.desk.house.now())
        if needs.isdisjoint(has):
            raise Refused.of("role", event=event, actor=actor.id, has=sorted(has), needs=sorted(needs))
