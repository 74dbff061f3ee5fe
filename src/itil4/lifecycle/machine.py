"""The one door to `transitions`: a lifecycle as a machine that other tools know."""

from typing import Any

from itil4.lifecycle.definition import Lifecycle


def machine_of(lifecycle: Lifecycle) -> Any:
    """Return a `transitions.Machine` with the states and arrows of `lifecycle` and no model.

    It is built on demand and shared by nobody: hosts use it to plug in what that library offers,
    and the tests use it as the reference that the compiled engine must equal.
    """
    from transitions import Machine

    arrows = [
        {"trigger": each.event, "source": source, "dest": target}
        for source, each in lifecycle.arrows
        for target in each.targets
    ]
    return Machine(
        model=None,
        states=[state.name for state in lifecycle.states],
        transitions=arrows,
        initial=lifecycle.initial[0],
        auto_transitions=False,
        send_event=True,
    )
