"""What is wrong with a lifecycle, found before its users find it: each finding with a story that shows it.

| code | severity | what it says |
|---|---|---|
| unreachable_state | warning | no sequence of steps leads into the state |
| no_way_to_final | error | a record in the state can never end |
| never_ends | warning | no state is an end at all |
| final_with_exits | error | a state claims to be final, and steps lead on |
| shadowed_alternative | warning | an alternative before it is always taken |
| unused_event | warning | a declared event that nothing fires |
| undeclared_event | error | a step whose event the declared ones lack |
| overlapping_guards | warning | two guarded alternatives hold at once, so their order decides |
| incomplete_guards | warning | values for which no alternative holds |
| unknown_field | error | a field that the record type does not have |
| unknown_role, near_miss_role | error, warning | a role that is not there, or looks like another one mistyped |
| field_rule_contradiction | error, warning | rules of one field that cannot (or may not) all hold |
| timer_never_fires | error | no step of the timer's event leads on from its state, or its field holds no moment |
| waiting_without_return | warning | from a waiting state nobody can go on working |
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import attrs

from itil4.errors import DefinitionError, Reason, nearest
from itil4.lifecycle.definition import Lifecycle
from itil4.lifecycle.fields import HIDDEN, LOCKED, MANDATORY, MUST_CHANGE, Rules, inherited
from itil4.lifecycle.stories import Move, Paths, Story, backwards
from itil4.lifecycle.structure import named_fields
from itil4.record import Shape, shape_of

if TYPE_CHECKING:
    from itil4.lifecycle.definition import Transition

Severity = Literal["error", "warning"]

_MOST = 200
"""Roles, and alternatives of one step, are compared with one another up to this many."""


@attrs.frozen
class Finding:
    """One thing that is wrong.

    Attributes:
        code: stable, to compare.
        severity: `error`, it cannot work as written; `warning`, it is hardly meant so.
        place: a state, an event, or `event@source`.
        text: what, in words.
        story: a shortest way to see it happen; None where no way leads there.
    """

    code: str
    severity: Severity
    place: str
    text: str
    story: Story | None = None

    def __str__(self) -> str:
        told = f" Story: {self.story}." if self.story else ""
        return f"{self.severity}: {self.code} at {self.place}: {self.text}{told}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes."""
        story = self.story and {"born": self.story.born, "moves": [move._asdict() for move in self.story.moves]}
        return {
            "code": self.code, "severity": self.severity, "place": self.place, "text": self.text, "story": story,
        }  # fmt: skip


def leaving_of(lifecycle: Lifecycle) -> dict[str, list[tuple[str, str]]]:
    """Return state -> its (event, target) pairs, in the order of the definition."""
    leaving: dict[str, list[tuple[str, str]]] = {}
    for source, each in lifecycle.arrows:
        for target in each.targets:
            leaving.setdefault(source, []).append((each.event, target))
    return leaving


def verify(
    lifecycle: Lifecycle, shape: Shape | type | None = None, roles: Iterable[str] | None = None
) -> tuple[Finding, ...]:
    """Return every finding; see `Lifecycle.verify`."""
    if isinstance(shape, type):
        shape = shape_of(shape)
    leaving = leaving_of(lifecycle)
    paths = Paths(lifecycle.initial, leaving)
    found = [
        *_reach(lifecycle, leaving, paths),
        *_events(lifecycle, paths),
        *_alternatives(lifecycle, shape, paths),
        *_rules(lifecycle, paths),
        *_timers(lifecycle, paths),
        *_roles(lifecycle, roles, paths),
    ]
    if shape is not None:
        found += _fields(lifecycle, shape, paths)
    return tuple(found)


def check_against(
    lifecycle: Lifecycle, shape: Shape | type, roles: Iterable[str] | None = None, *, only: Iterable[str] = ()
) -> tuple[Finding, ...]:
    """Return the warnings for `lifecycle` on a record type, and raise when there are errors.

    `only` narrows the errors that raise to some codes.

    Raises:
        DefinitionError: one reason for each error.
    """
    found = verify(lifecycle, shape, roles)
    wanted = frozenset(only)
    errors = [each for each in found if each.severity == "error" and (not wanted or each.code in wanted)]
    if errors:
        raise DefinitionError(*(_reason(lifecycle, each) for each in errors))
    return found


def check(
    lifecycle: Lifecycle, shape: Shape | type | None = None, roles: Iterable[str] | None = None
) -> tuple[str, int]:
    """Return the report of `verify` as text, and the exit code of a command: 0 clean, 1 with findings."""
    found = verify(lifecycle, shape, roles)
    counted = f"{len(lifecycle.states)} states, {len(lifecycle.arrows)} arrows, {len(found)} findings"
    return "\n".join((f"{lifecycle.name}: {counted}", *(f"  {each}" for each in found))) + "\n", int(bool(found))


def _reason(lifecycle: Lifecycle, found: Finding) -> Reason:
    told = f"Story: {found.story}." if found.story else ""
    return Reason.of(
        "definition", where=f"the lifecycle {lifecycle.name!r}, {found.place}", text=found.text, remedy=told,
        finding=found.code,
    )  # fmt: skip


def _reach(lifecycle: Lifecycle, leaving: dict[str, list[tuple[str, str]]], paths: Paths) -> Iterator[Finding]:
    ends = [state.name for state in lifecycle.states if state.final or state.category in ("closed", "cancelled")]
    ends = ends or [state.name for state in lifecycle.states if state.name not in leaving]
    ending = backwards(leaving, ends)
    if not any(name in paths for name in ends):
        story = paths.to(lifecycle.initial[0])
        yield Finding("never_ends", "warning", lifecycle.name, "no state that is an end is ever reached.", story)
        ending = set(paths.order)
    moving = [state.name for state in lifecycle.states if state.category in ("new", "active")]
    returning = backwards(leaving, moving)
    for state in lifecycle.states:
        name = state.name
        if name not in paths:
            yield Finding("unreachable_state", "warning", name, "no sequence of steps leads into it.")
            continue
        if state.final and name in leaving:
            event, target = leaving[name][0]
            story = paths.to(name)
            told = story.then(Move(event, name, target)) if story else None
            text = f"it claims to be final, and {event!r} leads on to {target!r}."
            yield Finding("final_with_exits", "error", name, text, told)
        if name not in ending:
            yield Finding("no_way_to_final", "error", name, "no step leads from it to an end.", paths.to(name))
        if state.category == "waiting" and name not in returning:
            text = "no step leads back from waiting to work."
            yield Finding("waiting_without_return", "warning", name, text, paths.to(name))


def _events(lifecycle: Lifecycle, paths: Paths) -> Iterator[Finding]:
    fired = set(lifecycle.events)
    for event in lifecycle.declared:
        if event not in fired:
            yield Finding("unused_event", "warning", event, "it is declared, and no step has it.")
    if lifecycle.declared:
        known = set(lifecycle.declared)
        for source, each in lifecycle.arrows:
            if each.event not in known:
                known.add(each.event)
                near = nearest(each.event, lifecycle.declared)
                hint = f" Did you mean {near}?" if near else ""
                text = f"its event is not among the declared ones.{hint}"
                yield Finding("undeclared_event", "error", f"{each.event}@{source}", text, paths.to(source))


def _alternatives(lifecycle: Lifecycle, shape: Shape | None, paths: Paths) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[Transition]] = {}
    for source, each in lifecycle.arrows:
        groups.setdefault((source, each.event), []).append(each)
    several = {key: group for key, group in groups.items() if len(group) > 1 and key[0] in paths}
    if not several:
        return
    from itil4.lifecycle.domains import guard_gaps, shadows

    rules = inherited(lifecycle.by_name, lifecycle.name)
    for (source, event), group in several.items():
        place = f"{event}@{source}"
        for number, later in enumerate(group[:_MOST]):
            earlier = next((each for each in group[:number] if shadows(each, later, rules)), None)
            if earlier is not None:
                story = paths.to(source)
                told = story.then(Move(event, source, earlier.targets[0])) if story else None
                text = f"alternative {number + 1}, to {later.targets[0]!r}, is never taken: one before it always is."
                yield Finding("shadowed_alternative", "warning", place, text, told)
        for code, text in guard_gaps(group, shape):
            yield Finding(code, "warning", place, text, paths.to(source))


def _rules(lifecycle: Lifecycle, paths: Paths) -> Iterator[Finding]:
    if not any(state.fields or state.fields_from for state in lifecycle.states) and not any(
        each.fields for each in lifecycle.transitions
    ):
        return
    rules = inherited(lifecycle.by_name, lifecycle.name)
    for state in lifecycle.states:
        for name, sure, perhaps in _summed(rules[state.name]):
            if sure != perhaps and perhaps & HIDDEN and perhaps & MANDATORY:
                text = f"{name!r} may become mandatory and hidden at once, when its conditions hold together."
                yield Finding("field_rule_contradiction", "warning", state.name, text, paths.to(state.name))
    for source, each in lifecycle.arrows:
        place = f"{each.event}@{source}"
        own = {name: sure for name, sure, _ in _summed(each.fields)}
        for name, sure in own.items():
            if sure & LOCKED and (sure & MUST_CHANGE or name in each.requires):
                text = f"the step asks for {name!r} and does not let anybody give it."
                yield Finding("field_rule_contradiction", "error", place, text, paths.to(source))
        for target in each.targets:
            for name, sure, _ in _summed(rules[target]):
                both = sure | own.get(name, 0)
                if name in own and both & HIDDEN and both & MANDATORY:
                    text = f"{name!r} is mandatory and hidden at once: the step says one, {target!r} the other."
                    yield Finding("field_rule_contradiction", "error", place, text, paths.to(source))


def _summed(rules: Rules) -> Iterator[tuple[str, int, int]]:
    """Yield (field, flags that always hold, flags that may hold)."""
    for name, several in rules.items():
        sure = perhaps = 0
        for rule in several:
            perhaps |= rule.flags
            sure |= rule.flags if rule.is_plain else 0
        yield name, sure, perhaps


def _timers(lifecycle: Lifecycle, paths: Paths) -> Iterator[Finding]:
    timed = [state for state in lifecycle.states if state.timers and state.name in paths]
    leading = {(source, each.event) for source, each in lifecycle.arrows} if timed else set()
    for state in timed:
        for timer in state.timers:
            if (state.name, timer.event) not in leading:
                near = nearest(timer.event, [event for source, event in leading if source == state.name])
                hint = f" Did you mean {near}?" if near else ""
                text = f"its timer fires {timer.event!r}, which leads nowhere from here.{hint}"
                yield Finding("timer_never_fires", "error", state.name, text, paths.to(state.name))


def _roles(lifecycle: Lifecycle, roles: Iterable[str] | None, paths: Paths) -> Iterator[Finding]:
    used: dict[str, tuple[int, str, str]] = {}
    for source, each in lifecycle.arrows:
        for role in (*(each.roles or ()), *(each.denied or ())):
            count, event, first = used.get(role, (0, each.event, source))
            used[role] = (count + 1, event, first)
    if not used:
        return
    from itil4.lifecycle.names import mistyped

    known = None if roles is None else frozenset(roles)
    counts = {name: count for name, (count, _, _) in used.items()}
    for role in sorted(used):
        _, event, source = used[role]
        place = f"{event}@{source}"
        if known is not None:
            if role not in known:
                near = nearest(role, known)
                hint = f" Did you mean {near}?" if near else ""
                yield Finding("unknown_role", "error", place, f"there is no role {role!r}.{hint}", paths.to(source))
            continue
        meant = mistyped(role, counts) if len(counts) <= _MOST else None
        if meant is not None:
            text = f"the role {role!r} looks like {meant!r} mistyped."
            yield Finding("near_miss_role", "warning", place, text, paths.to(source))


def _fields(lifecycle: Lifecycle, shape: Shape, paths: Paths) -> Iterator[Finding]:
    known = [*shape.fields, *shape.extra.types]
    for name, place, source in dict.fromkeys(named_fields(lifecycle)):
        if shape.get(name) is None:
            near = nearest(name, known)
            hint = f" Did you mean {near}?" if near else ""
            text = f"{shape.record.__name__} has no field {name!r}.{hint}"
            yield Finding("unknown_field", "error", place, text, paths.to(source))
    if lifecycle.field not in known:
        text = f"{shape.record.__name__} has no field {lifecycle.field!r} that could hold the state."
        yield Finding("unknown_field", "error", lifecycle.initial[0], text, paths.to(lifecycle.initial[0]))
    for state in lifecycle.states:
        for timer in state.timers:
            field = shape.get(timer.at) if timer.at is not None else None
            if field is not None and field.kind not in ("moment", "value"):
                text = f"its timer waits for the moment in {timer.at!r}, which is {field.says}."
                yield Finding("timer_never_fires", "error", state.name, text, paths.to(state.name))
    for each in lifecycle.transitions:
        if not isinstance(each.target, str) and shape.get(each.target.field) is not None:
            source = next(iter(lifecycle.sources_of(each)), lifecycle.initial[0])
            text = f"the target is chosen as {each.target.field!r}, which is a field of {shape.record.__name__} too."
            yield Finding("field_rule_contradiction", "error", f"{each.event}@{source}", text, paths.to(source))
