"""How an approval moves, beside the state of its record: asked for, decided by votes, withdrawn, or expired."""

from collections.abc import Iterable, Mapping
from typing import Any

from itil4.lifecycle import Context, Lifecycle, State, Timer, Transition, guard
from itil4.lifecycle.rules import Effect, Guard
from itil4.practices.approval.authority import ENDS, Hearing
from itil4.practices.approval.counting import Choice, Status
from itil4.practices.approval.rounds import Approvable, Round

REQUESTED, APPROVED, REJECTED = "requested", "approved", "rejected"
WITHDRAWN, EXPIRED, NOT_REQUESTED = "withdrawn", "expired", "not_requested"

VOTES: Mapping[str, Choice] = {"approve": "approve", "reject": "reject", "abstain": "abstain"}
"""The steps that vote, and how."""

FACT = "approval"

ASKERS = frozenset({"requester", "owner", "assignee", "team_member", "system"})
"""Who asks for approval, and withdraws what they asked for, unless the practice says otherwise."""


def _hearing(context: Context) -> Hearing:
    hearing: Hearing = context.facts[FACT]
    return hearing


# asking


@guard(text="nothing says how it is approved.", remedy="Let approval_policy return a policy for it.")
def has_policy(record: Approvable, context: Context) -> bool:
    """Without a policy nothing is approved, and nobody is asked."""
    return _hearing(context).practice.approval_policy(record) is not None


@guard(remedy="Bring it to one of these first.")
def may_be_asked(record: Approvable, context: Context) -> bool | str:
    """Approval is asked for while the record waits for it."""
    practice = _hearing(context).practice
    if practice.may_hear(record):
        return True
    wanted = ", ".join(practice.approval_states) or "an open state"
    return f"approval is asked for in {wanted}, and it is in {record.state}."


def begin_round(record: Approvable, context: Context) -> Mapping[str, Any]:
    """Keep the policy as it is now, and ask those whose turn comes first."""
    hearing = _hearing(context)
    policy = hearing.practice.approval_policy(record)
    assert policy is not None  # the guard has seen it
    begun = Round(
        len(record.approval_rounds) + 1, policy.to_dict(), context.actor.id, context.at,
        tuple(sorted(hearing.practice.initiators(record, hearing.unit))),
    )  # fmt: skip
    rounds = (*record.approval_rounds, begun)
    proposed = hearing.practice.shape.copy(record, {"approval_rounds": rounds, "approval_state": REQUESTED})
    return {
        "approval_rounds": rounds,
        "approval_asked": (*record.approval_asked, *hearing.opening(proposed, context.at)),
        "approval_expires_at": hearing.after(record, context.at, policy, policy.expires_after),
        "approval_remind_at": hearing.after(record, context.at, policy, policy.remind_every),
    }


# voting


@guard(remedy="Ask for approval anew.")
def is_in_time(record: Approvable, context: Context) -> bool | str:
    """What has expired takes no votes, also before anybody has noticed."""
    expires = record.approval_expires_at
    if expires is None or context.now < expires:
        return True
    return f"the time for votes ended at {expires:%Y-%m-%d %H:%M} UTC."


@guard(text="a system decides nothing.", remedy="Let the person vote, and say via which channel they did.")
def is_person(record: Approvable, context: Context) -> bool:
    """People decide; a system that passes on what they said acts as them (`Actor.via`)."""
    return not context.actor.is_system


@guard()
def is_active(record: Approvable, context: Context) -> bool | str:
    """Who does not work here votes on nothing."""
    who = context.actor.id
    return _hearing(context).active(who, context.at, context.now) or f"{who!r} is not active in the directory."


@guard(remedy="Let somebody else decide.")
def is_independent(record: Approvable, context: Context) -> bool | str:
    """Nobody decides on their own request, for themselves or for others, unless the policy says so (INV-060)."""
    if not record.approval_rounds:
        return "no round of votes has begun."
    now = record.approval_rounds[-1]
    if now.rules.initiators != "excluded" or context.actor.id not in now.initiators:
        return True
    return f"it is the request of {context.actor.id!r}, and nobody decides on their own."


@guard()
def is_asked(record: Approvable, context: Context) -> bool | str:
    """Only those vote who are asked now, or their delegates."""
    hearing = _hearing(context)
    if hearing.ballot_papers(record, context.actor, context.roles, context.at):
        return True
    asked = [
        f"{seat.key} ({each.ballot.name})"
        for each in hearing.standings(record, context.at)
        for seat in each.outstanding
    ]
    whom = context.actor.on_behalf_of
    shown = f"{context.actor.id!r} on behalf of {whom!r}" if whom else repr(context.actor.id)
    return f"{shown} is not asked here and now; asked are: {', '.join(asked) or 'nobody'}."


def _voting(choice: Choice) -> Effect:
    def cast(record: Approvable, context: Context) -> Mapping[str, Any]:
        return _hearing(context).cast(record, context.actor, context.roles, choice, context.at, context.reason)

    cast.__name__ = f"vote_{choice}"
    cast.__doc__ = f"Add the vote: {choice}."
    return cast


def _settling(choice: Choice, status: Status) -> Guard:
    """Return the guard of a vote that decides: nothing that is still open could change the result."""

    def settles(record: Approvable, context: Context) -> bool:
        hearing = _hearing(context)
        made = hearing.cast(record, context.actor, context.roles, choice, context.at, context.reason)
        if made["approval_votes"] == record.approval_votes:
            return False
        return hearing.result(hearing.practice.shape.copy(record, made)) == status

    return Guard(f"{choice}_makes_it_{status}", settles, text=f"it is not {status} by that.")


def end_round(record: Approvable, context: Context) -> Mapping[str, Any]:
    """What is decided neither expires nor is anybody reminded of it."""
    return {"approval_expires_at": None, "approval_remind_at": None}


def remind_later(record: Approvable, context: Context) -> Mapping[str, Any]:
    """The next reminder is the first one that still lies ahead."""
    if not record.approval_rounds:
        return {"approval_remind_at": None}
    hearing, rules = _hearing(context), record.approval_rounds[-1].rules
    following = record.approval_remind_at
    while following is not None and following <= context.now:
        following = hearing.after(record, following, rules, rules.remind_every)
    return {"approval_remind_at": following}


# delegating


@guard(remedy="Use the verb delegate.")
def is_own_delegation(record: Approvable, context: Context) -> bool | str:
    """Everybody delegates their own vote, one at a time, to somebody who works here."""
    hearing = _hearing(context)
    held = context.facts["before"].approval_delegations
    made = record.approval_delegations[len(held) :]
    if record.approval_delegations[: len(held)] != held or len(made) != 1:
        return "exactly one delegation is added."
    (given,) = made
    if given.person != context.actor.id:
        return f"it is the vote of {given.person!r}, not of {context.actor.id!r}."
    if not hearing.offices(context.actor, context.roles, context.at).issuperset(given.offices):
        return f"{given.person!r} does not hold {', '.join(given.offices)}."
    if given.to is not None and not hearing.active(given.to, context.at, context.now):
        return f"{given.to!r} is not active in the directory."
    if given.to is not None and not _is_free(record, given.to):
        return f"it is the request of {given.to!r}, and nobody decides on their own."
    if given.until is not None and given.until <= max(given.since, context.at):
        return "it ends before it begins."
    return True


def _is_free(record: Approvable, who: str) -> bool:
    barred = (now.initiators for now in record.approval_rounds[-1:] if now.rules.initiators == "excluded")
    return who not in next(barred, ())


@guard(text="what was approved stands: the record is still where the approval holds.", remedy="Send the record back.")
def holds_no_longer(record: Approvable, context: Context) -> bool:
    """An approval that was given ends only where the record was sent back, and not behind its back."""
    return _hearing(context).practice.is_void_in(record.state)


# all of it


def approval_lifecycle(roles: Iterable[str] = ASKERS) -> Lifecycle:
    """Return how an approval moves, an aspect of the record that is approved.

    Args:
        roles: who asks for approval, and withdraws what was asked.
    """
    may_ask = frozenset(roles)
    anew = [NOT_REQUESTED, REJECTED, WITHDRAWN, EXPIRED]
    asking: dict[str, Any] = {"guards": [has_policy, may_be_asked], "effects": [begin_round], "facts": FACT}
    voting: list[Transition] = []
    for event, choice in VOTES.items():
        entitled = [is_in_time, is_person, is_active, is_independent, is_asked]
        voting += [
            Transition(
                event, REQUESTED, status, guards=[*entitled, _settling(choice, status)],
                effects=[_voting(choice), end_round], facts=FACT,
            )
            for status in ENDS[choice]
        ]  # fmt: skip
        voting.append(Transition(event, REQUESTED, REQUESTED, guards=entitled, effects=[_voting(choice)], facts=FACT))
    return Lifecycle(
        "approval",
        NOT_REQUESTED,
        field="approval_state",
        states=[
            State(NOT_REQUESTED, "new"),
            State(
                REQUESTED, "active",
                timers=[
                    Timer("expire_approval", at="approval_expires_at"),
                    Timer("remind_approval", at="approval_remind_at"),
                ],
            ),
            State(APPROVED, "resolved"),
            State(REJECTED, "cancelled"),
            State(WITHDRAWN, "cancelled"),
            State(EXPIRED, "cancelled"),
        ],
        transitions=[
            Transition("request_approval", anew, REQUESTED, roles=may_ask, **asking),
            Transition("request_approval", anew, REQUESTED, internal=True, **asking),
            *voting,
            Transition(
                "delegate", REQUESTED, REQUESTED, requires="approval_delegations",
                guards=[is_person, is_active, is_independent, is_own_delegation], facts=[FACT, "before"],
            ),
            Transition("remind_approval", REQUESTED, REQUESTED, internal=True, effects=[remind_later], facts=FACT),
            Transition("withdraw_approval", REQUESTED, WITHDRAWN, roles=may_ask, effects=[end_round]),
            Transition("void_approval", REQUESTED, WITHDRAWN, internal=True, effects=[end_round]),
            Transition(
                "void_approval", APPROVED, WITHDRAWN, internal=True, guards=[holds_no_longer], effects=[end_round],
                facts=FACT,
            ),
            Transition("expire_approval", REQUESTED, EXPIRED, internal=True, effects=[end_round]),
        ],
    )  # fmt: skip


APPROVAL = approval_lifecycle()
"""How an approval moves, unless a practice has one of its own."""
