"""What people do with problems and known errors alike: causes, workarounds, solutions and how they end."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, TypeVar

import attrs

from itil4.errors import InvalidInput, Reason, Refused, nearest
from itil4.lifecycle import Context, Lifecycle
from itil4.practices.base import Practice
from itil4.practices.error_control import ANALYST, ANALYSTS, EVERYBODY, GROWING, LIFECYCLE, OWNER, ROLES, SET_BY, Fault
from itil4.practices.linking import link
from itil4.practices.merging import merge, unmerge
from itil4.practices.problem_policy import ProblemPolicy
from itil4.practices.problem_values import Cause, CloseReason, Confidence, Workaround, published
from itil4.practices.work import NOTHING
from itil4.record import SELF, Actor, Comment, Relation
from itil4.storage.unit import Unit
from itil4.vocabulary import OPEN

F = TypeVar("F", bound=Fault)


@cache
def _usual() -> ProblemPolicy:
    """The policy of who gave none; made once, as every computed field asks for it."""
    return ProblemPolicy()


class ErrorControl(Practice[F]):
    """The verbs and rules that problem management and the known errors share; no place on a desk by itself."""

    name, slot, kind, prefix = "error_control", "faults", "fault", "FLT"
    record = Fault  # type: ignore[assignment]  # each of the two practices brings its own type
    lifecycle: ClassVar[Lifecycle] = LIFECYCLE
    linkers = ANALYSTS
    own_steps: ClassVar[Mapping[str, tuple[str, ...]]] = SET_BY
    relations: ClassVar[tuple[Relation, ...]] = (
        Relation("resolved_by", "resolves", {(SELF, "change"), ("incident", SELF)}),
        Relation("duplicate_of", "duplicated_by", {(SELF, SELF)}, acyclic=True, single=True),
        Relation("matches", "matched_by", {("incident", SELF)}),
        Relation("differs_from", "differs_from_incident", {("incident", SELF)}),
    )
    indexed: ClassVar[tuple[str, ...]] = (
        "summary", "category", "service", "item", "impact", "urgency", "priority", "owner", "group", "assignee",
        "analysed_at", "analyses", "next_review_at", "target_at", "close_reason", "resolved_at", "closed_at",
    )  # fmt: skip

    # decisions

    @property
    def rules(self) -> ProblemPolicy:
        """The policy in force: the one given to `connect` for problems, or the default."""
        given = self.desk.house.policies.get("problem", _usual())
        if not isinstance(given, ProblemPolicy):
            raise InvalidInput.of("ill_typed", field="policies.problem", expected="a ProblemPolicy", value=given)
        return given

    def derive(self, proposed: F) -> Mapping[str, Any]:
        """Priority follows impact and urgency; the workaround in use is the one published last and not withdrawn."""
        rules, usable = self.rules, published(proposed.workarounds)
        known = proposed.impact is not None and proposed.urgency is not None
        return {
            "priority": rules.matrix(proposed.impact, proposed.urgency) if known else None,  # type: ignore[arg-type]
            "workaround": usable[-1].text if usable else None,
            "workaround_code": rules.workaround_code if usable else None,
        }

    def at_birth(self, values: Mapping[str, Any], actor: Actor, at: datetime) -> Mapping[str, Any]:
        """It is recorded by somebody with a role in problem management, and has an owner."""
        if not actor.is_system and EVERYBODY.isdisjoint(actor.roles):
            raise Refused.of("role", event="log", actor=actor.id, has=sorted(actor.roles), needs=sorted(ROLES))
        owns = actor.id if OWNER in actor.roles else self.rules.default_owner
        return {"owner": owns}

    def roles_of(self, actor: Actor, record: F | None, at: datetime) -> frozenset[str]:
        """Who owns the record is its problem owner, and who has it in hand its technical analyst."""
        roles = super().roles_of(actor, record, at)
        more = {OWNER} if "owner" in roles else set()
        more |= {ANALYST} if "assignee" in roles else set()
        return roles | more

    def editors(self) -> frozenset[str]:
        """Fields and links are changed by those who have a role in problem management."""
        return EVERYBODY | {"team_member", "system"}

    def inconsistencies(self, record: F) -> Iterable[Reason]:
        """Nothing waits for a solution without a date, is due before it is understood, or has gaps in its versions."""
        if record.state == "deferred" and (record.next_review_at is None or not record.deferral):
            yield Reason.of("missing", event="deferred", fields=("deferral", "next_review_at"))
        if record.target_at is not None and record.analysed_at is None and not self.rules.early_target:
            yield Reason.of(
                "field_rule", field="target_at", rule="set once problem control has ended",
                remedy="Conclude the analysis first.",
            )  # fmt: skip
        drafts: dict[str, list[Workaround]] = {}
        for each in record.workarounds:
            own = drafts.setdefault(each.name, [])
            if each.standing == "draft":
                own.append(each)
            known = each.version == len(own) if each.standing == "draft" else each.version in range(1, len(own) + 1)
            if not known or own[each.version - 1].text != each.text:
                yield Reason.of("workaround_version", workaround=each.name, version=each.version, known=len(own))

    def objections(self, before: F | None, after: F, context: Context, event: str) -> Iterable[Reason]:
        """Fields with steps of their own are set by these only, and collections only grow."""
        yield from super().objections(before, after, context, event)
        for name, value in context.payload.items():
            if reason := self._misplaced(before, event, name, value):
                yield reason
        review = context.payload.get("next_review_at")
        if event == "update" and review is not None and review <= context.at:
            yield Reason.of("past_review", at=review, now=context.at)
        named = after.assignee if before is None or before.assignee != after.assignee else None
        if named is not None and not self.desk.house.directory.active(named, context.at):
            yield Reason.of("not_active", field="assignee", person=named)

    def _misplaced(self, record: F | None, event: str, name: str, value: Any) -> Reason | None:
        """Say why a value may not be given here: its field has steps of its own, or only grows."""
        steps = self.own_steps.get(name)
        if steps is None:
            return None
        if event not in steps:
            return Reason.of("own_step", event=event, field=name, steps=steps)
        if name in GROWING and record is not None:
            held = getattr(record, name)
            grown = isinstance(value, tuple) and value[: len(held)] == held
            if not grown or (event != "renew" and len(value) == len(held)):
                return Reason.of("only_grows", event=event, field=name, count=len(held), steps=steps)
        return None

    # facts

    def faults(self, record: F, unit: Unit) -> tuple[Any, ...]:
        """Return the records whose links count for this one: a known error has those of its problem too."""
        return (record,)

    def fact(self, name: str, record: F, unit: Unit) -> Any:
        """The policy, linked changes and how they went, and the incidents behind it are facts of its steps."""
        if name == "policy":
            return self.rules
        if name not in ("changes", "open_incidents"):
            return super().fact(name, record, unit)
        relation = "links.resolved_by" if name == "changes" else "links.causes"
        found: dict[str, Any] = {}
        for fault in self.faults(record, unit):
            found |= {each.id: each for each in super().fact(relation, fault, unit)}
        if name == "changes":
            return tuple((each.reference, self.rules.change_succeeded(each)) for each in found.values())
        return tuple(each for each in found.values() if self._is_open(each, unit))

    def _is_open(self, record: Any, unit: Unit) -> bool:
        return unit.kind_of(record.id).category(record.state) in OPEN

    def _step(
        self, unit: Unit, current: F, event: str, actor: Actor, payload: Mapping[str, Any], at: datetime | None,
        reason: str | None, cause: str | None, seen: frozenset[str] = frozenset(),
    ) -> F:  # fmt: skip
        new = super()._step(unit, current, event, actor, payload, at, reason, cause, seen)
        if event == "publish_workaround":
            self._offer(unit, new, actor)
        return new

    def _offer(self, unit: Unit, record: F, actor: Actor) -> None:
        """Say in each linked open incident that there is a workaround; its state is its own affair (INV-047)."""
        said = Comment(f"Workaround of {record.reference}: {record.workaround}", "staff")
        for incident in self.fact("open_incidents", record, unit):
            practice = self.desk.of_kind(unit.kind_of(incident.id).name)
            context = practice._context(
                unit, actor, incident, None, NOTHING, None, None, f"{record.id}:{record.version}"
            )
            new, entry = practice.lifecycle.engine.append(incident, "comment", context, details={"comment": said})
            unit.add(new, entry)

    # verbs

    def _value(self, record: str | F, by: Actor | None) -> F:
        return self.get(record, by=by) if isinstance(record, str) else record

    def assign(
        self, record: str | F, *, to: str | None = None, group: str | None = None, owner: str | None = None,
        by: Actor | None = None, **options: Any,
    ) -> F:  # fmt: skip
        """Give it to a person or a group, or make somebody accountable for it."""
        named = {"assignee": to, "group": group, "owner": owner}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if not given:
            raise Refused.of("missing", event="assign", fields=("to", "group", "owner"))
        return self.fire(record, "assign", by=by, **given, **options)

    def add_cause(
        self, record: str | F, name: str, text: str, *, technique: str | None = None,
        confidence: Confidence = "possible", evidence: Iterable[str] = (), by: Actor | None = None, **options: Any,
    ) -> F:  # fmt: skip
        """Record a cause, or say more about one of that name; several may hold at once (INV-051).

        Args:
            technique: how it was found, in the words of the organization: 5 whys, Ishikawa, fault tree, ...
            confidence: `possible`, `probable`, `confirmed`, or `ruled_out`.
            evidence: references to what supports it.
        """
        held = self._value(record, by)
        cause = Cause(name, text, technique, confidence, evidence)
        return self.fire(held, "add_cause", by=by, causes=(*held.causes, cause), **options)

    def add_workaround(
        self, record: str | F, name: str, text: str, *, effect: str, owner: str | None = None,
        permanent: bool = False, by: Actor | None = None, **options: Any,
    ) -> F:  # fmt: skip
        """Write down a workaround, or a new version of the one of that name; nobody uses it before it is published.

        Args:
            effect: what it achieves, such as "service restored" or "impact reduced".
            owner: who keeps it right; by default who is accountable for the record.
            permanent: whether it is to stay for good, which leaves a technical debt once published (INV-046).
        """
        held = self._value(record, by)
        version = 1 + sum(each.name == name and each.standing == "draft" for each in held.workarounds)
        made = Workaround(name, version, text, owner or held.owner, effect, permanent)
        return self.fire(held, "add_workaround", by=by, workarounds=(*held.workarounds, made), **options)

    def publish_workaround(self, record: str | F, name: str, *, by: Actor | None = None, **options: Any) -> F:
        """Let the last version be used, and offer it to the linked incidents that are open; it resolves nothing."""
        return self._judge(record, "publish_workaround", name, "draft", "published", by, options)

    def withdraw_workaround(self, record: str | F, name: str, *, by: Actor | None = None, **options: Any) -> F:
        """Let the published version be used no longer; it stays on record."""
        return self._judge(record, "withdraw_workaround", name, "published", "withdrawn", by, options)

    def _judge(
        self, record: str | F, event: str, name: str, before: str, after: Any, by: Actor | None,
        options: Mapping[str, Any],
    ) -> F:  # fmt: skip
        held = self._value(record, by)
        own = [each for each in held.workarounds if each.name == name and each.standing == before]
        if not own or (before == "published" and own[-1] not in published(held.workarounds)):
            names = [each.name for each in held.workarounds]
            raise Refused.of(
                "unknown_workaround", event=event, record=held.reference, name=name, standing=before,
                nearest=nearest(name, names),
            )  # fmt: skip
        more = attrs.evolve(own[-1], standing=after, at=None, by=None)
        return self.fire(held, event, by=by, workarounds=(*held.workarounds, more), **options)

    def apply_workaround(self, record: str | F, *, by: Actor | None = None, **options: Any) -> F:
        """Resolve the linked open incidents by the workaround, each through its own guards; the problem stays open.

        An incident that refuses is left as it is and noted in the entry, under `skipped`.
        """
        return self.fire(record, "apply_workaround", by=by, **options)

    def use_workaround(self, record: str | F, incident: Any, *, by: Actor | None = None) -> Any:
        """Resolve one incident by the published workaround; return the incident.

        Raises:
            Refused: nothing is published, it has ended, or the incident may not be resolved.
        """
        actor = self.desk.who(by, "use_workaround")
        with self.desk.working() as unit:
            desk = self.desk.clone(actor=actor, unit=unit)
            held = desk[type(self)]._held(unit, record, actor, None)
            if not self._is_open(held, unit) or held.workaround is None:
                raise Refused.of("no_workaround", record=held.reference, state=held.state)
            unit.depend([held.id])
            kind = desk.house.practices["incidents"]
            found = desk[kind]._held(unit, incident, actor, None)
            given: dict[str, Any] = {"resolution": held.workaround, "resolution_code": held.workaround_code}
            found = desk[kind].fire(found, "resolve", **given)
            if not any(row.target == held.id and row.relation == "resolved_by" for row in unit.links(found.id)):
                found = link(desk, found, "resolved_by", held, actor, None, None)
        return unit.get(found.id)

    def develop(self, record: str | F, *, by: Actor | None = None, **options: Any) -> F:
        """Work on a solution."""
        return self.fire(record, "develop", by=by, **options)

    def defer(
        self, record: str | F, *, deferral: str, next_review_at: datetime, by: Actor | None = None, **options: Any
    ) -> F:
        """Keep it open without a viable solution, and say why and until when (INV-044)."""
        return self.fire(record, "defer", by=by, deferral=deferral, next_review_at=next_review_at, **options)

    def recheck(self, record: str | F, *, next_review_at: datetime, by: Actor | None = None, **options: Any) -> F:
        """Review an open known error, and say when the next time is."""
        return self.fire(record, "recheck", by=by, next_review_at=next_review_at, **options)

    def accept_risk(self, record: str | F, *, accepted_by: str, by: Actor | None = None, **options: Any) -> F:
        """Record that an authority accepts what remains, at the time of the step; closing is a step of its own."""
        return self.fire(record, "accept_risk", by=by, risk_accepted_by=accepted_by, **options)

    def resolve(self, record: str | F, *, resolution: str, by: Actor | None = None, **options: Any) -> F:
        """Record the solution; every linked change must have succeeded (INV-053)."""
        return self.fire(record, "resolve", by=by, resolution=resolution, **options)

    def confirm(self, record: str | F, *, by: Actor | None = None, **options: Any) -> F:
        """Confirm that the solution works."""
        return self.fire(record, "confirm", by=by, **options)

    def reject_resolution(self, record: str | F, *, by: Actor | None = None, **options: Any) -> F:
        """Say that it does not work: back to the development of a solution (INV-048)."""
        return self.fire(record, "reject_resolution", by=by, **options)

    def close(
        self, record: str | F, *, close_reason: CloseReason | None = None, close_note: str | None = None,
        by: Actor | None = None, **options: Any,
    ) -> F:  # fmt: skip
        """End it: solved and confirmed, or by a permanent workaround, an accepted risk, or without effect (INV-043)."""
        named = {"close_reason": close_reason, "close_note": close_note}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        return self.fire(record, "close", by=by, **given, **options)

    def review(self, record: str | F, *, review: str, by: Actor | None = None, **options: Any) -> F:
        """Look back on what is closed, and say what was learned."""
        return self.fire(record, "review", by=by, review=review, **options)

    def merge(self, record: str | F, *, into: str | F, by: Actor | None = None, reason: str | None = None) -> F:
        """End a duplicate and move its links to the one that stays; both histories stay whole.

        Raises:
            Refused: the one that stays has ended, or is itself a duplicate of this one.
        """
        return merge(self, record, into, "close_duplicate", {}, by=by, reason=reason)  # type: ignore[no-any-return]

    def unmerge(self, record: str | F, *, by: Actor | None = None, reason: str | None = None) -> F:
        """Undo a merge, and bring back those links that are still where they went."""
        return unmerge(self, record, "unmerge", by=by, reason=reason)  # type: ignore[no-any-return]


__all__ = ["ErrorControl", "F"]
