"""Transitions compiled: what a step from one state needs, in the form in which it is judged."""

from typing import Any

from itil4.errors import Decision
from itil4.lifecycle.context import Step
from itil4.lifecycle.definition import Lifecycle, Transition
from itil4.lifecycle.fields import Plan, Rules, inherited
from itil4.lifecycle.rules import Chosen
from itil4.record import Change


class Arrow:
    """One transition, ready to be judged.

    `sees` says whether anything looks at the proposed record, so that it need not be made otherwise;
    `plans` are the field rules per target. `used`, `decided` and `step` keep answers that do not
    depend on the record. `settled` are the decisions of an arrow that looks at nothing but the
    actor's roles: who passed once passes always, as long as no payload is given.
    """

    __slots__ = (
        "asked", "chosen", "decided", "denied", "effects", "event", "guards", "internal", "plan", "plans", "requires",
        "roles", "sees", "settled", "settles", "simple", "step", "target", "transition", "used",
    )  # fmt: skip

    def __init__(self, transition: Transition, rules: dict[str, Rules]) -> None:
        reads = [field for rule in transition.guards for field in rule.reads]
        self.transition = transition
        self.event = transition.event
        self.chosen = transition.target if isinstance(transition.target, Chosen) else None
        self.target = None if isinstance(transition.target, Chosen) else transition.target
        self.roles = transition.roles
        self.denied = transition.denied
        self.internal = transition.internal
        self.requires = tuple(dict.fromkeys((*transition.requires, *reads)))
        self.asked = frozenset(transition.requires)
        self.guards = transition.guards
        self.effects = transition.effects
        self.plans = {}
        for target in transition.targets:
            plan = Plan(transition.fields, rules[target])
            if plan:
                self.plans[target] = plan
        self.plan = self.plans.get(self.target) if self.target is not None else None
        self.sees = bool(self.guards or self.effects) or any(plan.conditional for plan in self.plans.values())
        self.simple = not (self.chosen or self.requires or self.guards or self.plans)
        self.used: dict[Any, tuple[str, ...]] = {}
        self.decided: dict[Any, Decision] = {}
        self.settles = self.simple and not self.internal and not self.effects
        self.settled: dict[Any, Decision] = self.decided if self.settles else {}
        self.step: Step | None = None

    def plan_for(self, target: str | None) -> Plan | None:
        """Return the field rules of the step into `target`, or None where there are none."""
        return self.plan if self.chosen is None else self.plans.get(target or "")

    def used_roles(self, roles: frozenset[str]) -> tuple[str, ...]:
        """Return the roles among `roles` that let the actor take the step."""
        if self.roles is None:
            return ()
        used = self.used.get(roles)
        if used is None:
            used = tuple(sorted(self.roles & roles))
            if len(self.used) < 256:  # hosts with a role per record would fill it without end
                self.used[roles] = used
        return used

    def allowed(self, target: str | None, roles: frozenset[str], lifecycle: str) -> Decision:
        """Return the decision that the step may be taken."""
        made = self.decided.get(roles)
        if made is None or made.target != target:
            made = Decision(True, self.event, (), target, lifecycle, self.used_roles(roles))
            if len(self.decided) < 256:
                self.decided[roles] = made
        return made


class Table:
    """Every arrow of a lifecycle, by state and event, in time linear in the definition.

    `between` is the first event between two states, `moves` the change of state between them, made
    once for all entries.
    """

    __slots__ = ("between", "by_state", "moves", "rules")

    def __init__(self, lifecycle: Lifecycle) -> None:
        rules = dict(inherited(lifecycle.by_name, f"the lifecycle {lifecycle.name!r}"))
        gathered: dict[str, dict[str, list[Arrow]]] = {state.name: {} for state in lifecycle.states}
        self.between: dict[tuple[str, str], str] = {}
        self.moves: dict[str | None, dict[str | None, Change]] = {state: {} for state in gathered}
        for transition in lifecycle.transitions:
            arrow = Arrow(transition, rules)
            for source in lifecycle.sources_of(transition):
                gathered[source].setdefault(arrow.event, []).append(arrow)
                for target in transition.targets:
                    self.between.setdefault((source, target), arrow.event)
                    self.moves[source].setdefault(target, Change(source, target))
        self.by_state = {
            state: {event: tuple(arrows) for event, arrows in events.items()} for state, events in gathered.items()
        }
        self.rules = {state: plan for state, own in rules.items() if (plan := Plan(own))}
