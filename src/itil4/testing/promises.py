"""The promises that every step of every workflow keeps, and what is said when one is broken."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import Decision, InvalidInput, ITIL4Error, NotFound, Refused
from itil4.lifecycle import Step, Transition
from itil4.practices.approval import Approving
from itil4.record import Actor, Entry, Link
from itil4.testing.beside_host import BesideHost, listed
from itil4.testing.checking import Finding
from itil4.testing.differing import differences
from itil4.testing.driver import Answer
from itil4.testing.keeping import Keeping
from itil4.testing.oracle import Expected
from itil4.testing.policies import Watched
from itil4.testing.story import Act

if TYPE_CHECKING:
    from itil4.testing.playing import Held, Player

_LIBRARY = frozenset((
    *("unknown_event", "wrong_state", "internal", "role", "denied", "missing", "guard", "field_rule", "stale"),
    *("unknown_field", "ill_typed", "not_a_choice"),
))  # fmt: skip
"""Codes that a lifecycle decides; a practice may refuse with others of its own."""


@attrs.frozen
class Before:
    """What was there before a step, and what was said about it."""

    act: Act
    held: "Held"
    actor: Actor
    record: Any
    contents: tuple[Any, ...]
    decision: Decision | None
    steps: tuple[Step, ...] | None
    failed: str | None = None
    against: frozenset[str] | None = None
    """The codes with which it was not even explained: a record that is not seen, a value that is none."""


class Promises(Keeping, BesideHost):
    """Looks at every step of one player."""

    def __init__(self, player: "Player") -> None:
        self.player = player
        self._shown: dict[Any, tuple[Step, ...]] = {}
        self._watched: dict[tuple[str, int], tuple[int, Watched]] = {}
        """Record and policy -> how much of the history it has seen, and what it remembers of that."""

    def copy(self, player: "Player") -> "Promises":
        """Return the promises of a player who goes on from where this one is."""
        made = Promises(player)
        made._shown, made._watched = dict(self._shown), dict(self._watched)
        return made

    # births

    def unborn(self, act: Act, answer: Answer) -> Iterator[Finding]:
        """A record can be born, and nothing else than a refusal says that it cannot."""
        if answer.error:
            yield self.told("crash", f"recording it raised: {answer.error}", act)

    def after_birth(self, act: Act, held: "Held", answer: Answer) -> Iterator[Finding]:
        """What is born is born in an initial state, with one entry, and is stored as it was returned."""
        player, record = self.player, held.record
        for lifecycle in player.subject.lifecycles:
            if player.subject.birth is None and getattr(record, lifecycle.field) not in lifecycle.initial:
                yield self.told("wrong_target", f"it was born {getattr(record, lifecycle.field)!r}.", act, held)
        yield from self._numbered(act, held)
        yield from self.as_returned(act, held, answer, record)
        own = all(player.subject.shape.get(name) is not None for name in act.payload)  # else log has words of its own
        if player.subject.birth is None and own and act.event == "log":
            yield from self.as_given(act, held, player.given(act.payload), record)
        yield from self.kept(act, held, record, player.model.history(held.reference))
        yield from self._lawful(act, held, player.model.history(held.reference))

    def _numbered(self, act: Act, held: "Held") -> Iterator[Finding]:
        """Numbers follow one another, where the store gives them without gaps."""
        player, number = self.player, held.record.number
        if "gapless_numbers" not in getattr(player.model.itsm.house.store, "capabilities", ()):
            return
        taken = [each.record.number for each in player.held.values() if each is not held]
        wanted = f"{player.subject.practice.prefix}{len(taken) + 1:07d}"
        if number in taken or number != wanted:
            yield self.told("number", f"it got the number {number!r}, and must get {wanted!r}.", act, held)

    # steps

    def before_step(self, act: Act, held: "Held", payload: Mapping[str, Any], actor: Actor) -> Before:
        """Ask everything that must agree with the step, and remember how things are."""
        model = self.player.model
        contents = model.contents()
        decision, failed, against = None, None, None
        steps: tuple[Step, ...] | None = None
        try:
            known = {*self.player.subject.shape.checks, *self.player._choices(act.event)}
            if not act.stale and known.issuperset(payload) and self._is_to_explain(act, actor, payload):
                decision = model.explain(held.reference, act.event, payload, actor)
            alike = act.refused if self.player.sparing and act.refused is not None else actor
            if self._is_first("buttons", act, alike):
                steps = self._buttons(held, actor, len(contents))
        except (NotFound, InvalidInput) as error:
            against = frozenset(reason.code for reason in error.reasons)
            if "tampered" in against:  # what the kit holds is what the library returned
                failed = f"{type(error).__name__}: {error}"
        except Exception as error:  # whatever a rule of the host raises is what is looked for
            failed = f"{type(error).__name__}: {error}"
        return Before(act, held, actor, held.record, contents, decision, steps, failed, against)

    def _buttons(self, held: "Held", actor: Actor, entries: int) -> tuple[Step, ...]:
        """Return the steps that an actor is offered; asked once as long as nothing is written and no time passes."""
        model = self.player.model
        mark = (held.reference, actor, entries, model.now())
        if mark not in self._shown:
            self._shown[mark] = model.available(held.reference, actor)
        return self._shown[mark]

    def _is_to_explain(self, act: Act, actor: Actor, payload: Mapping[str, Any]) -> bool:
        """Whether explain is asked before a step: always, but in a walk once of what ends alike in the same states."""
        if not self.player.sparing or act.late:
            return True
        return self._is_first("explain", act, (frozenset(payload), actor if act.refused is None else act.refused))

    def _is_first(self, what: str, act: Act, other: Any) -> bool:
        """Whether something was not asked yet in this walk for an event and the states of its record."""
        record = self.player.held[act.on].record
        states = tuple(getattr(record, each.field) for each in self.player.subject.lifecycles)
        mark, asked = (what, act.event, states, other), self.player.oracle.watch.asked
        if mark in asked:
            return False
        asked.add(mark)
        return True

    def after_step(self, was: Before, expected: Expected | None, answer: Answer, after: Any) -> Iterator[Finding]:
        """Yield every promise that a step broke."""
        act, held, model = was.act, was.held, self.player.model
        if was.failed or answer.error:
            yield self.told("crash", was.failed or answer.error or "", act, held)
            return
        if was.against is not None:
            if answer.done or (frozenset(answer.codes) != was.against and not (act.stale or act.late)):
                told, did = listed(was.against), "was taken" if answer.done else listed(frozenset(answer.codes))
                yield self.told("disagree", f"it is not explained for {told}, and fire: {did}.", act, held)
            elif not act.late:
                yield from self._untouched(was, after, "the refusal")
            return
        if answer.done:
            history = model.history(held.reference)
            if not (act.stale or act.late):
                yield from self.as_returned(act, held, answer, after)
            yield from self._went(was, expected, answer, after, history)
            desk = model.desk
            if isinstance(desk, Approving) and after.approval_state == "requested" and not desk.may_hear(after):
                text = f"approval is still asked for, and in {after.state!r} nobody decides on it."
                yield self.told("follow_up", text, act, held)
            yield from self._agreed(was, answer)
            yield from self._alone(was, expected)
            yield from self.kept(act, held, after, history)
            yield from self._lawful(act, held, history)
        else:
            yield from self._stayed(was, expected, answer, after)
            yield from self._agreed(was, answer)
            yield from self._alone(was, expected)

    def _went(
        self, was: Before, expected: Expected | None, answer: Answer, after: Any, history: tuple[Entry, ...]
    ) -> Iterator[Finding]:  # fmt: skip
        act, held = was.act, was.held
        if act.stale or act.late:
            text = "somebody else wrote meanwhile, and the step was taken all the same."
            yield self.told("lost_update", text, act, held)
            return
        if expected is None:
            return
        if not expected.allowed:
            why = " or ".join(sorted({", ".join(sorted(codes)) for codes in expected.codes})) or "it is not possible"
            yield self.told("not_refused", f"{act.event!r} was taken, and must be refused for {why}.", act, held)
            return
        lifecycle = expected.lifecycle
        entries = [entry for entry in history if entry.seq > was.record.version]
        if lifecycle is None or not entries:
            yield self.told("version", f"{act.event!r} was taken, and the history does not show it.", act, held)
            return
        state = getattr(was.record, lifecycle.field)
        if lifecycle.state(state).final:
            yield self.told("final", f"{state!r} claims to be final, and {act.event!r} led on from it.", act, held)
        entry = entries[0]
        header = (entry.event, entry.from_state, entry.to_state, entry.by, entry.lifecycle)
        promised = (act.event, state, expected.target, was.actor.id, lifecycle.name)
        if header != promised:
            text = f"the entry says {header!r} and must say {promised!r}."
            yield self.told("wrong_target", text, act, held)
        if expected.transition is not None and expected.transition.follow_ups:
            yield from self._followed(was, expected.transition, entry, after)
        if len(entries) > 1 or self.player.oracle.overridden:
            return  # what follows of the practice's own accord may change more fields
        wanted = self.player.subject.shape.copy(was.record, expected.changes)
        differing = tuple(differences(wanted, after))
        if differing:
            code = "wrong_target" if getattr(after, lifecycle.field) != expected.target else "wrong_change"
            text = f"{act.event!r} left another record behind than its definition says."
            yield self.told(code, text, act, held, differing)

    def _followed(self, was: Before, step: Transition, entry: Entry, after: Any) -> Iterator[Finding]:
        """What must follow on linked records is done, or the entry says which record refused."""
        model = self.player.model
        desk, unit = model.desk, model.desk.desk.reading()
        roles = desk.roles_of(was.actor, was.record, entry.at)
        passed = {str(reference) for reference, _ in entry.details.get("skipped") or ()}
        for row in desk.follow_ups(after, was.act.event, step.follow_ups, roles):
            linked = {each.id for each in desk.fact(row.over, after, unit)} if row.over.startswith("links.") else set()
            for other in self.player.held.values():
                before = other.record
                if other.reference not in linked or other is was.held or desk.stays(before, row) is not None:
                    continue
                if (row.states and before.state not in row.states) or not desk._sees(before, was.actor, unit):
                    continue
                done = any(
                    each.cause == entry.id and each.event == row.event for each in model.history(other.reference)
                )
                if not done and before.reference not in passed:
                    text = f"{row.event!r} must follow on {before.reference}, and did not."
                    yield self.told("follow_up", text, was.act, was.held)

    def _stayed(
        self, was: Before, expected: Expected | None, answer: Answer, after: Any
    ) -> Iterator[Finding]:  # fmt: skip
        act, held = was.act, was.held
        codes = frozenset(answer.codes)
        desk = self.player.model.desk
        if codes == {"not_found"} and not desk._sees(was.record, was.actor, desk.desk.reading()):
            return  # there is nothing to refuse to somebody who does not see it
        asked = was.decision
        foretold = asked is not None and not asked.allowed and codes == frozenset(asked.codes)
        sure = asked is not None or (expected is not None and expected.sure)
        late = act.late and not foretold and sure  # else the practice itself says no, whoever wrote meanwhile
        if act.stale or (late and expected is not None and expected.allowed):
            if not codes or not codes <= {"stale", "stale_links"}:
                text = f"it was refused for {listed(codes)}, and must be for stale."
                yield self.told("wrong_reason", text, act, held)
        elif expected is not None and expected.allowed:
            if expected.sure or (codes & _LIBRARY and self._by_lifecycle(was)):
                text = f"{act.event!r} was refused for {listed(codes)}, and must be possible: {answer.text}"
                yield self.told("wrongly_refused", text, act, held)
        elif expected is not None and expected.sure and codes not in expected.codes:
            wanted = " or ".join(listed(each) for each in expected.codes)
            text = f"it was refused for {listed(codes)}, and must be for {wanted}."
            yield self.told("wrong_reason", text, act, held)
        if not act.late:
            yield from self._untouched(was, after, "the refusal")

    def _by_lifecycle(self, was: Before) -> bool:
        """Whether the lifecycle itself refuses the step, and not only the practice around it."""
        player, act = self.player, was.act
        payload = player._fields(act, was.record, player.given(act.payload))
        context = player.oracle.context(was.record, act.event, payload, was.actor, player.model.now())
        return not player.model.desk._moves.explain(was.record, act.event, context).allowed

    def _untouched(self, was: Before, after: Any, what: str) -> Iterator[Finding]:
        differing = tuple(differences(was.record, after))
        if differing or was.record.version != after.version:
            yield self.told("refusal_changes", f"{what} changed the record.", was.act, was.held, differing)
        elif self.player.model.contents() != was.contents:
            yield self.told("refusal_changes", f"{what} left something in the store.", was.act, was.held)

    def _agreed(self, was: Before, answer: Answer) -> Iterator[Finding]:
        """explain, available and fire say the same."""
        act, held = was.act, was.held
        decision = was.decision
        if decision is not None and not act.late:
            if decision.allowed != answer.done:
                said, did = ("allowed", "refused") if decision.allowed else ("refused", "taken")
                text = f"explain says that {act.event!r} is {said}, and it was {did}."
                yield self.told("disagree", text, act, held)
            elif not answer.done and frozenset(decision.codes) != frozenset(answer.codes):
                told, did = listed(frozenset(decision.codes)), listed(frozenset(answer.codes))
                yield self.told("disagree", f"explain gives {told} as the reason, and fire {did}.", act, held)
        if was.steps is None or act.late:  # who wrote meanwhile may have changed what is possible
            return
        shown = any(step.event == act.event for step in was.steps)
        offered = self._offered(was)
        if offered is not None and offered != shown:
            text = f"available {'shows' if shown else 'does not show'} {act.event!r} to {was.actor.id}."
            yield self.told("disagree", text, act, held)

    def _alone(self, was: Before, expected: Expected | None) -> Iterator[Finding]:
        """The lifecycle alone, as a host uses it on its own rows, decides as it does within its practice."""
        player, act, held = self.player, was.act, was.held
        lifecycle = expected.lifecycle if expected is not None else None
        if expected is None or lifecycle is None or act.stale or act.late:
            return
        if expected.allowed and self._is_first("alone", act, frozenset(act.payload)):
            payload = player._fields(act, was.record, player.given(act.payload))
            context = player.oracle.context(was.record, act.event, payload, was.actor, player.model.now())
            if not lifecycle.explain(was.record, act.event, context).allowed:
                text = f"the lifecycle alone explains why {act.event!r} is refused, and it is possible."
                yield self.told("disagree", text, act, held)
                return
        if not expected.sure or act.payload:
            return
        context = player.oracle.context(was.record, act.event, {}, was.actor, player.model.now())
        context.derive = None
        try:
            lifecycle.fire(was.record, act.event, context)
        except Refused:
            if expected.allowed:
                yield self.told("wrongly_refused", f"the lifecycle alone refuses {act.event!r}.", act, held)
        except ITIL4Error as error:
            yield self.told("crash", f"the lifecycle alone raised: {error}", act, held)
        else:
            if not expected.allowed:
                yield self.told("not_refused", f"the lifecycle alone lets {act.event!r} pass.", act, held)

    def _offered(self, was: Before) -> bool | None:
        """Whether the step must be offered as a button: it is possible, or only lacks values."""
        player = self.player
        try:
            context = player.oracle.context(was.record, was.act.event, {}, was.actor, player.model.now())
            lifecycle = player.subject.of_event.get(was.act.event)
            if lifecycle is None:
                return None
            state = getattr(was.record, lifecycle.field)
            verdicts = [
                player.oracle.judged(lifecycle, step, was.record, context)[2]
                for source, step in lifecycle.arrows
                if source == state and step.event == was.act.event
            ]
        except ITIL4Error:
            return None
        return any(codes <= {"missing"} for codes in verdicts)

    def after_undone(
        self, act: Act, held: "Held", links: tuple[Link, ...], answer: Answer, after: Any
    ) -> Iterator[Finding]:  # fmt: skip
        """What was given up inside a unit of work leaves nothing behind but what the unit did besides."""
        if answer.error:
            yield self.told("crash", answer.error, act, held)
            return
        history = self.player.model.history(held.reference)
        differing = tuple(differences(held.record, after))
        if differing or len(history) != held.record.version + answer.done:
            yield self.told("refusal_changes", "what was given up was written all the same.", act, held, differing)
        if self.player.model.desk.links(held.reference) != links:
            yield self.told("refusal_changes", "a link that was given up was written all the same.", act, held)
        yield from self.kept(act, held, after, history)

    def after_tick(
        self, act: Act, held: "Held", due: Mapping[str, datetime], answer: Answer, after: Any
    ) -> Iterator[Finding]:  # fmt: skip
        """What fell due is done, and nothing before its time."""
        if answer.error:
            yield self.told("crash", answer.error, act, held)
            return
        now, history = self.player.model.now(), self.player.model.history(held.reference)
        fired = [entry.event or "" for entry in history if entry.seq > held.record.version and entry.op == "step"]
        for event, at in due.items():
            if at > now and event in fired:
                yield self.told("due", f"{event!r} was done at {now}, and is due at {at}.", act, held)
            elif at <= now and not fired and self._possible(event, held):
                yield self.told("due", f"{event!r} was due at {at}, and was not done at {now}.", act, held)
        if fired[:1] and fired[0] in due:
            wanted = max(due[fired[0]], held.record.updated_at)
            told = next(entry.at for entry in history if entry.seq > held.record.version and entry.op == "step")
            if told != wanted:
                yield self.told("due", f"{fired[0]!r} was done as of {told}, and fell due at {wanted}.", act, held)
        yield from self.kept(act, held, after, history)
        yield from self._lawful(act, held, history)

    def _possible(self, event: str, held: "Held") -> bool:
        player = self.player
        try:
            context = player.oracle.context(
                held.record, event, {}, player.actor("system", held.record), player.model.now()
            )
            return player.oracle.expected(held.record, event, context).allowed
        except ITIL4Error:
            return False

    def _linked(self, act: Act, held: "Held", payload: Mapping[str, Any]) -> Iterator[Finding]:
        """A link is there from both of its ends, or gone from both."""
        model = self.player.model
        other = next((each for each in self.player.held.values() if each.reference == payload.get("to")), None)
        if other is None:
            return
        name = payload["relation"]
        back = model.itsm.house.relations.inverse(name)
        from_here, from_there = (
            any(link.relation == seen_as and link.target == far for link in model.desk.links(near))
            for near, far, seen_as in (
                (held.reference, other.reference, name), (other.reference, held.reference, back),
            )
        )  # fmt: skip
        if from_here != from_there:
            text = f"the link to {other.record.reference} is seen from one of its ends only."
            yield self.told("link", text, act, held)
        elif act.event == "link" and not from_here:
            yield self.told("link", f"the link to {other.record.reference} was made and is not there.", act, held)
        elif act.event == "link":
            who = self.player.actor(act.who, held.record).id
            hands = [
                link.by for link in model.desk.links(held.reference)
                if (link.relation, link.target) == (name, other.reference)
            ]  # fmt: skip
            if who not in hands:
                text = f"the link to {other.record.reference} was made by {who!r}, and is told to be by {hands}."
                yield self.told("link", text, act, held)
        elif act.event == "unlink" and from_here and name != back:  # else there may be one each way
            text = f"the link to {other.record.reference} was removed and is still there."
            yield self.told("link", text, act, held)

    def _wrote(self, act: Act, held: "Held") -> bool:
        """Whether a change has left an entry of its own behind; one that changes nothing leaves none."""
        history = self.player.model.history(held.reference)
        return any(entry.op == act.event and entry.seq > held.record.version for entry in history)

    def _said(self, act: Act, held: "Held") -> Iterator[Finding]:
        """What was said is read as it was said."""
        said = self.player.model.history(held.reference)[-1].comment
        text = act.payload.get("text")
        if said is None or said.text != text:
            diff = (f"text: must be {text!r}, is {None if said is None else said.text!r}",)
            yield self.told("round_trip", "what was said is read otherwise.", act, held, diff)

    def _lawful(self, act: Act, held: "Held", history: tuple[Entry, ...]) -> Iterator[Finding]:
        """Every policy holds; each goes on from what it remembers of the entries that it has seen."""
        for place, policy in enumerate(self.player.policies):
            count, before = self._watched.get((held.reference, place)) or (0, None)
            seen = policy.watched(history[count:], self.player.subject.lifecycles, before)
            self._watched[held.reference, place] = (len(history), seen)
            if seen.violation is not None:
                told = self.told("policy", str(seen.violation), act, held)
                yield attrs.evolve(told, given=(f"policies=[{policy}]", *told.given))

    # what is no step

    def before_other(self) -> tuple[Any, ...]:
        """Remember how things are."""
        return self.player.model.contents()

    def after_other(
        self, act: Act, held: "Held", contents: tuple[Any, ...], answer: Answer, after: Any
    ) -> Iterator[Finding]:  # fmt: skip
        """Yield every promise that a change, comment or link broke."""
        if answer.error:
            yield self.told("crash", answer.error, act, held)
            return
        if answer.done and act.stale:
            yield self.told("lost_update", "a change of an older copy was taken.", act, held)
        elif answer.done and act.late and self._wrote(act, held):
            text = "somebody else wrote meanwhile, and the change was taken all the same."
            yield self.told("lost_update", text, act, held)
        elif answer.done and act.refused is not None:
            why = ", ".join(act.refused) or "whatever reason"
            yield self.told("not_refused", f"{act.event!r} was done, and must be refused for {why}.", act, held)
        if answer.done:
            yield from self.as_returned(act, held, answer, after)
            if act.event == "update":
                yield from self.as_given(act, held, self.player.given(act.payload), after, held.record)
            yield from self.kept(act, held, after, self.player.model.history(held.reference))
            if act.event == "comment":
                yield from self._said(act, held)
            elif act.event in ("link", "unlink"):
                yield from self._linked(act, held, self.player.given(act.payload))
        elif not act.late:  # what somebody else wrote meanwhile stays
            who = self.player.actor(act.who, held.record)
            yield from self._untouched(Before(act, held, who, held.record, contents, None, None), after, "the refusal")
