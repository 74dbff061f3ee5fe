"""Small workflows of a host: sound ones, and ones with one fault each that a host could make."""

import random
import time
from datetime import datetime
from typing import Any

import attrs

from itil4 import Lifecycle, Line, Practice, Record, State, Transition, guard
from itil4.lifecycle import Context
from itil4.record import Note


@attrs.frozen(kw_only=True)
class Permit(Record):
    """Somebody asks to do something dangerous."""

    summary: Line
    requester: Line
    plan: Note | None = None
    approved_by: Line | None = None
    note: Note | None = None


@guard(reads="approved_by", text="nobody approves their own permit.", remedy="Ask somebody else.")
def is_not_own(permit: Permit, context: Context) -> bool:
    """Duties are separate."""
    return permit.approved_by != permit.requester


def lifecycle(*guards: Any, **changes: Any) -> Lifecycle:
    """Return the lifecycle of permits; `guards` are those of the step that opens one."""
    made = Lifecycle(
        "permit",
        "asked",
        states=[
            State("asked", "new"),
            State("approved", "active", fields={"plan": "mandatory|read_only"}),
            State("open", "active", fields={"plan": "read_only"}),
            State("closed", "closed", final=True, fields={"*": "read_only"}),
            State("denied", "cancelled", final=True),
        ],
        transitions=[
            Transition(
                "approve", "asked", "approved", roles="chief", requires=["plan", "approved_by"], guards=is_not_own
            ),
            Transition("deny", "asked", "denied", roles="chief", fields={"note": "must_change"}),
            Transition("open", "approved", "open", roles=["worker", "chief"], denied="visitor", guards=guards),
            Transition("pause", "open", "approved", roles="worker"),
            Transition("expire", ["approved", "open"], "closed", internal=True),
            Transition("close", "open", "closed", roles=["worker"]),
        ],
    )  # fmt: skip
    return attrs.evolve(made, **changes)


def permits(flow: Lifecycle | None = None, **more: Any) -> type[Practice[Permit]]:
    """Return a practice of permits with a lifecycle."""
    body = {
        "__module__": __name__, "__doc__": "The practice of permits.", "name": "permits", "slot": "permits",
        "kind": "permit", "prefix": "PER", "record": Permit, "lifecycle": flow or lifecycle(), **more,
    }  # fmt: skip
    return type("Permits", (Practice,), body)


Permits = permits()


@guard()
def raises(permit: Permit, context: Context) -> bool:
    raise KeyError("weather")


@guard()
def sleeps(permit: Permit, context: Context) -> bool:
    time.sleep(60)
    return True


@guard()
def looks_at_the_clock(permit: Permit, context: Context) -> bool:
    return datetime.now().year > 2000


@guard()
def throws_dice(permit: Permit, context: Context) -> bool:
    return random.random() < 2


_asked: list[int] = []


@guard()
def remembers(permit: Permit, context: Context) -> bool:
    _asked.append(1)
    return len(_asked) % 2 == 0


@guard()
def writes(permit: Permit, context: Context) -> bool:
    object.__setattr__(permit, "note", f"{permit.note or ''}seen ")
    return True


@guard(text="never.")
def refuses(permit: Permit, context: Context) -> bool:
    return False
