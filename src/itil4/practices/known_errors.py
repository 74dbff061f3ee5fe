"""Known errors: faults whose causes are understood and that are not removed yet, and the database of them.

A known error is a state of its problem, or a record of its own that outlives the analysis; the
policy says which (INV-042). The database answers alike in both modes, and also what ended stays
readable (INV-052).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from itil4.errors import InvalidInput, Refused
from itil4.lifecycle import Context, Lifecycle, Transition, guard
from itil4.practices.controlling import ErrorControl
from itil4.practices.error_control import (
    DECIDERS,
    ERROR_STATES,
    KNOWN_ERROR_STATES,
    Fault,
    clear_ends,
    error_control,
)
from itil4.practices.linking import link, unlink
from itil4.practices.problem_values import Workaround, published
from itil4.practices.work import NOTHING
from itil4.record import SELF, Actor, Link, Relation
from itil4.storage.query import Compare, Every, Query, Where
from itil4.storage.text_search import store_of_words, words_of
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.matching import Match

LONGEST = 10_000
"""The most characters that a question to the database may have."""

_ACCEPTED, _REJECTED = "matches", "differs_from"


@attrs.frozen(kw_only=True)
class KnownError(Fault):
    """A known error as a record of its own, linked to exactly one problem (INV-042)."""


K = TypeVar("K", bound=KnownError)


@guard(text="its problem was not analysed anew.", remedy="Let the problem manager analyse the problem again.")
def was_analysed_anew(known_error: KnownError, context: Context) -> bool:
    """It is open again only after its problem was analysed once more."""
    before, problems = context.facts["before"], context.facts["links.known_error_of"]
    return all(each.close_reason == "analysed" and each.analyses > before.analyses for each in problems)


LIFECYCLE = Lifecycle(
    "known error",
    "known_error",
    states=ERROR_STATES,
    transitions=[
        *error_control(),
        Transition(
            "renew", ["closed", "reviewed"], "known_error", roles=DECIDERS, requires="causes",
            guards=[was_analysed_anew], effects=[clear_ends], facts=["before", "links.known_error_of"],
        ),
    ],
)  # fmt: skip
"""The default lifecycle of a known error that is a record of its own; extend it with `LIFECYCLE.extend(...)`."""


class KnownErrors(ErrorControl[K]):
    """The known error database, in both modes, and the records of those that have one of their own."""

    name = "known_errors"
    slot = "known_errors"
    kind = "known_error"
    prefix = "KE"
    record = KnownError
    lifecycle = LIFECYCLE
    relations = (
        *ErrorControl.relations,
        Relation("known_error_of", "known_error", {(SELF, "problem")}, single=True, lasting=True),
    )

    # where they come from

    def log(self, **values: Any) -> K:
        """Refuse: a known error comes from the analysis of a problem (INV-041)."""
        raise Refused.of("known_error_birth")

    def come_from(
        self, unit: Unit, problem: Any, handed: Mapping[str, Any], actor: Actor, at: datetime | None, reason: str | None
    ) -> K:
        """Add the known error of a problem whose analysis was concluded in this unit."""
        context = self._context(unit, actor, None, None, NOTHING, at, reason, cause=f"{problem.id}:{problem.version}")
        record, entry = self._newborn(context, handed)
        unit.born(self.stored, record, entry)
        desk = self.desk.clone(actor=actor, unit=unit)
        return link(desk, record, "known_error_of", problem, actor, reason, None)  # type: ignore[no-any-return]

    def of(self, problem: Any, *, by: Actor | None = None) -> Any:
        """Return what carries the known error of a problem: the problem itself, or the record of its own.

        While the analysis of a problem is under way, that is the problem, in both modes.
        """
        problems = self.desk.in_slot("problems")
        held = problems.get(problem, by=by)
        own = problems.linked(held, "known_error", by=by)
        return own[0] if own and held.close_reason == "analysed" else held

    def problem_of(self, known_error: Any, *, by: Actor | None = None) -> Any:
        """Return the problem behind a known error, in both modes."""
        if self._keeper(known_error) is not self:
            return known_error
        return self.linked(known_error, "known_error_of", by=by)[0]

    def faults(self, record: K, unit: Unit) -> tuple[Any, ...]:
        """Return the known error and its problem, whose links count for it."""
        return (record, *unit.get_all(self._ends(record, "known_error_of", unit)))

    # the database

    @property
    def keeper(self) -> ErrorControl[Any]:
        """The practice whose records are the known errors: this one, or problem management."""
        problems: Any = self.desk.in_slot("problems")
        return self if self.rules.known_errors == "record" else problems

    def _keeper(self, record: Any) -> ErrorControl[Any]:
        problems: Any = self.desk.in_slot("problems")
        return self if isinstance(record, self.record) else problems

    def search(
        self, text: str | None = None, *, category: str | None = None, service: str | None = None,
        item: str | None = None, retired: bool = False, limit: int = 20, by: Actor | None = None,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Return the known errors that have every word of `text`, those stored last first.

        Words are compared whole, without case and without characters that nobody sees; quotes and
        operators mean nothing. They are looked for in summary, description, symptoms, category,
        service and item.

        Args:
            text: at most 10,000 characters; a text without a single word finds nothing.
            category, service, item: exactly these.
            retired: also what is no known error any more: resolved, closed, or analysed once more (INV-052).
            limit: how many at most, up to 1,000.

        Raises:
            InvalidInput: the text is too long, or a value has the wrong type.
        """
        keeper = self.keeper
        _must_be_limit(limit)
        given = {"category": category, "service": service, "item": item}
        parts: list[Where] = [keeper._compare(name, "eq", value) for name, value in given.items() if value is not None]
        parts.append(known_error_view(retired=retired))
        where = keeper._may_see(Every(tuple(parts)), keeper._reader(by))
        store, tenant = self.desk.house.store, self.desk.house.tenant
        if text is None:
            rows = store.find(tenant, Query(keeper.kind, where, (("id", True),), limit))
        else:
            words = question(text)
            if not words:
                return ()
            rows = store_of_words(store).find_words(tenant, Query(keeper.kind, where, limit=limit), TEXTS, words)
        return tuple(map(keeper.stored.codec.record, rows))

    def match(self, incident: Any, *, limit: int = 5, by: Actor | None = None) -> "tuple[Match, ...]":
        """Propose known errors for an incident, the best first, each with a score and why; see `matching.match`.

        What was accepted or rejected for this incident is not proposed again.

        Args:
            limit: how many at most, up to 1,000.

        Raises:
            InvalidInput: the limit is none.
            NotFound: there is no such incident, or none that this actor may see.
        """
        _must_be_limit(limit)
        from itil4.practices.matching import match

        return match(self, self.desk.in_slot("incidents").get(incident, by=by), limit, by)

    def accept(self, match: "Match", *, by: Actor | None = None) -> Any:
        """Say that the incident is one of this known error: both are linked, and its problem causes the incident.

        Raises:
            Refused: it is no known error any more, or this was said already.
        """
        return self._judged(match, _ACCEPTED, by)

    def reject(self, match: "Match", *, by: Actor | None = None) -> Any:
        """Say that the incident is none of this known error; it is not proposed for it again.

        What an earlier acceptance linked is taken back with it.
        """
        return self._judged(match, _REJECTED, by)

    def _judged(self, match: "Match", relation: str, by: Actor | None) -> Any:
        from itil4.practices.matching import Match

        if not isinstance(match, Match):
            raise InvalidInput.of("ill_typed", field="match", expected="a Match, as match() returns it", value=match)
        actor = self.desk.who(by, "accept" if relation == _ACCEPTED else "reject")
        practice = self._keeper(match.known_error)
        with self.desk.working() as unit:
            desk = self.desk.clone(actor=actor, unit=unit)
            held = desk[type(practice)]._get(unit, match.known_error.id, actor)
            if not held.is_known_error:
                raise Refused.of("retired", known_error=held.reference, state=held.state)
            unit.depend([held.id])
            incident = desk.in_slot("incidents")._get(unit, match.incident, actor)
            why = f"score {match.score:.2f}: {'; '.join(match.reasons)}"
            cause = held if practice is not self else next(iter(self.faults(held, unit)[1:]))
            links = unit.links(incident.id)
            causes = next((row for row in links if row.relation == "caused_by" and row.target == cause.id), None)
            for row in [row for row in links if row.target == held.id]:
                if row.relation in (_ACCEPTED, _REJECTED) and row.relation != relation:
                    incident = unlink(desk, incident, row.relation, held, actor, "judged again", None)
                    if causes is not None and (causes.at, causes.by) == (row.at, row.by):  # it came with the acceptance
                        incident = unlink(desk, incident, "caused_by", cause, actor, "judged again", None)
            incident = link(desk, incident, relation, held, actor, why, None)
            if relation == _ACCEPTED and causes is None:
                incident = link(desk, incident, "caused_by", cause, actor, why, None)
        return unit.get(incident.id)

    def judged(self, incident: Any, *, by: Actor | None = None) -> tuple[Link, ...]:
        """Return what was said about proposals for an incident: links `matches` and `differs_from`."""
        found = self.desk.in_slot("incidents").links(incident, by=by)
        return tuple(each for each in found if each.relation in (_ACCEPTED, _REJECTED))

    def offered(self, incident: Any, *, by: Actor | None = None) -> tuple[tuple[Any, Workaround], ...]:
        """Return the published workarounds of the problems and known errors that an incident is linked to."""
        incidents = self.desk.in_slot("incidents")
        held = {}
        for relation in ("caused_by", _ACCEPTED):
            for found in incidents.linked(incident, relation, by=by):
                if isinstance(found, Fault):
                    fault = self.of(found, by=by) if not isinstance(found, KnownError) else found
                    held[fault.id] = fault
        return tuple((fault, each) for fault in held.values() for each in published(fault.workarounds))


def _must_be_limit(limit: object) -> None:
    if type(limit) is not int or not 1 <= limit <= 1_000:
        raise InvalidInput.of("bad_limit", most=1_000, value=limit)


TEXTS = ("summary", "description", "symptoms", "category", "service", "item")
"""The fields in which the database looks for words."""


def question(text: object) -> tuple[str, ...]:
    """Return the words of a question.

    Raises:
        InvalidInput: it is no text, or too long to be a question.
    """
    if not isinstance(text, str):
        raise InvalidInput.of("ill_typed", field="text", expected="a text", value=text)
    if len(text) > LONGEST:
        raise InvalidInput.of("too_long", field="text", length=len(text), limit=LONGEST)
    return words_of(text)


def known_error_view(*, retired: bool) -> Where:
    """Return the view of known errors (INV-041); with `retired`, also what was one before (INV-052)."""
    if retired:
        return Compare("analyses", "ge", 1)
    return Compare("state", "in", KNOWN_ERROR_STATES)
