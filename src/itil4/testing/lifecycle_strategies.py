"""Random lifecycles: sound ones, on which `verify` finds nothing, and broken ones, each with what is wrong with it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import attrs
from hypothesis import strategies as st

from itil4.lifecycle import In, Lifecycle, State, Timer, Transition

ROLES = ("agent", "lead", "user")

_DONE = "done"


@attrs.frozen
class Broken:
    """A lifecycle with one thing wrong: the code of the finding, and the place that it names."""

    lifecycle: Lifecycle
    code: str
    place: str


def lifecycles(*, fields: Iterable[str] = (), roles: Iterable[str] = ROLES) -> st.SearchStrategy[Lifecycle]:
    """Return sound lifecycles: every state is reached and leads to an end, and who waits can go on.

    Args:
        fields: names of fields that steps may require.
        roles: those that steps may be for.
    """
    return _lifecycles(tuple(fields), tuple(roles))


@st.composite
def _lifecycles(draw: st.DrawFn, fields: tuple[str, ...], roles: tuple[str, ...]) -> Lifecycle:
    count = draw(st.integers(1, 6))
    names = [f"s{place}" for place in range(count)]
    who = st.none() | st.sets(st.sampled_from(roles), min_size=1) if roles else st.none()
    needs = st.lists(st.sampled_from(fields), max_size=2, unique=True) if fields else st.just([])

    def step(event: str, sources: object, target: str) -> Transition:
        return Transition(event, sources, target, roles=draw(who), requires=draw(needs))

    states, steps = [State(names[0], "new")], []
    for place, name in enumerate(names[1:], 1):
        came = names[draw(st.integers(0, place - 1))]
        waits = draw(st.booleans())
        steps.append(step(f"reach_{name}", came, name))
        if waits:
            steps.append(step(f"leave_{name}", name, came))
            expire = Timer(f"leave_{name}", after=timedelta(hours=draw(st.integers(1, 100))))
            states.append(State(name, "waiting", kind="user", timers=[expire] if draw(st.booleans()) else []))
        else:
            states.append(State(name, "active"))
    for number in range(draw(st.integers(0, 4))):
        source, target = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        steps.append(step(f"more_{number}", source, target))
    states.append(State(_DONE, "closed", final=True))
    steps.append(step("finish", draw(st.sampled_from(("*", In("open"), tuple(names)))), _DONE))
    if draw(st.booleans()):
        states.append(State("cancelled", "cancelled", final=True))
        steps.append(step("cancel", names[0], "cancelled"))
    return Lifecycle("random", names[0], states, draw(st.permutations(steps)))


def broken_lifecycles() -> st.SearchStrategy[Broken]:
    """Return lifecycles that can be made and cannot work, each with the code and place of what `verify` finds."""
    return st.builds(lambda lifecycle, spoil: spoil(lifecycle), lifecycles(), st.sampled_from(list(SPOILED.values())))


def _more(lifecycle: Lifecycle, states: Iterable[State] = (), steps: Iterable[Transition] = ()) -> Lifecycle:
    return attrs.evolve(
        lifecycle, states=(*lifecycle.states, *states), transitions=(*lifecycle.transitions, *steps)
    )  # fmt: skip


def _unreachable(lifecycle: Lifecycle) -> Broken:
    lost = _more(lifecycle, [State("lost", "active")], [Transition("find", "lost", _DONE)])
    return Broken(lost, "unreachable_state", "lost")


def _final_with_exits(lifecycle: Lifecycle) -> Broken:
    start = lifecycle.initial[0]
    return Broken(_more(lifecycle, (), [Transition("reopen", _DONE, start)]), "final_with_exits", _DONE)


def _dead_end(lifecycle: Lifecycle) -> Broken:
    way = [Transition("get_stuck", lifecycle.initial[0], "stuck")]
    named = attrs.evolve(lifecycle, transitions=_without_stars(lifecycle))
    return Broken(_more(named, [State("stuck", "active")], way), "no_way_to_final", "stuck")


def _no_return(lifecycle: Lifecycle) -> Broken:
    way = [Transition("put_off", lifecycle.initial[0], "put_off"), Transition("give_up", "put_off", _DONE)]
    named = attrs.evolve(lifecycle, transitions=_without_stars(lifecycle))
    return Broken(_more(named, [State("put_off", "waiting")], way), "waiting_without_return", "put_off")


def _timer(lifecycle: Lifecycle) -> Broken:
    first = lifecycle.initial[0]
    states = [
        attrs.evolve(each, timers=[Timer("explode", after=timedelta(hours=1))]) if each.name == first else each
        for each in lifecycle.states
    ]
    return Broken(attrs.evolve(lifecycle, states=states), "timer_never_fires", first)


def _unused(lifecycle: Lifecycle) -> Broken:
    return Broken(attrs.evolve(lifecycle, events=(*lifecycle.events, "fly")), "unused_event", "fly")


def _undeclared(lifecycle: Lifecycle) -> Broken:
    first = lifecycle.initial[0]
    more = _more(lifecycle, (), [Transition("slip", first, first)])
    return Broken(attrs.evolve(more, events=lifecycle.events), "undeclared_event", f"slip@{first}")


def _shadowed(lifecycle: Lifecycle) -> Broken:
    first = lifecycle.initial[0]
    twice = [Transition("choose", first, first), Transition("choose", first, _DONE)]
    return Broken(_more(lifecycle, (), twice), "shadowed_alternative", f"choose@{first}")


def _mistyped(lifecycle: Lifecycle) -> Broken:
    first = lifecycle.initial[0]
    said = [Transition(f"say_{number}", first, first, roles={"service_desk"}) for number in range(3)]
    wrong = Transition("say_it", first, first, roles={"service_dsek"})
    return Broken(_more(lifecycle, (), [*said, wrong]), "near_miss_role", f"say_it@{first}")


def _contradiction(lifecycle: Lifecycle) -> Broken:
    first = lifecycle.initial[0]
    step = Transition("ask", first, first, requires="answer", fields={"answer": "read_only"})
    return Broken(_more(lifecycle, (), [step]), "field_rule_contradiction", f"ask@{first}")


def _endless(lifecycle: Lifecycle) -> Broken:
    first = lifecycle.initial[0]
    states = [State(first, "new"), State("round", "active"), State(_DONE, "closed", final=True)]
    steps = [Transition("go", first, "round"), Transition("back", "round", first)]
    return Broken(Lifecycle(lifecycle.name, first, states, steps), "never_ends", lifecycle.name)


def _without_stars(lifecycle: Lifecycle) -> tuple[Transition, ...]:
    """Return the transitions with their sources written out, so that they do not hold for a state that is added."""
    return tuple(attrs.evolve(each, sources=lifecycle.sources_of(each)) for each in lifecycle.transitions)


SPOILED: Mapping[str, Callable[[Lifecycle], Broken]] = {
    "unreachable_state": _unreachable,
    "final_with_exits": _final_with_exits,
    "no_way_to_final": _dead_end,
    "waiting_without_return": _no_return,
    "timer_never_fires": _timer,
    "unused_event": _unused,
    "undeclared_event": _undeclared,
    "shadowed_alternative": _shadowed,
    "near_miss_role": _mistyped,
    "field_rule_contradiction": _contradiction,
    "never_ends": _endless,
}
"""The code of a finding -> what makes it of a sound lifecycle."""
