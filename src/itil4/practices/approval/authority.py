"""Who may vote: an authority turned into people, at a moment, by what the host's directory knows.

Whoever is not active is not asked and cannot vote. Where the directory does not list who has a role or
belongs to a group, the role or group is an office, filled by whoever holds it when they vote.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from itil4.errors import InvalidInput, Reason, nearest
from itil4.practices.approval.counting import Choice, Status
from itil4.practices.approval.policy import ApprovalPolicy, Authority, Ballot
from itil4.practices.approval.rounds import (
    Approvable,
    Asked,
    BallotStanding,
    Decided,
    Round,
    Seat,
    Vote,
    at_turn,
    chain,
    count,
    decided,
    delegation_at,
    opened,
    outcome,
    votes_of,
)
from itil4.practices.directory import KnowsDelegates, KnowsGroups, KnowsMembers, KnowsRoles
from itil4.record import Actor
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.approval.approving import Approving

ENDS: Mapping[Choice, tuple[Status, ...]] = {
    "approve": ("approved",), "reject": ("rejected",), "abstain": ("approved", "rejected"),
}  # fmt: skip
"""What a vote may decide: nothing is approved by a refusal, whoever has left meanwhile, nor refused by an approval."""


class Hearing:
    """What the approval of a record is judged by: its practice, the directory, and what a unit has read."""

    def __init__(self, practice: "Approving[Any]", unit: Unit) -> None:
        self.practice = practice
        self.unit = unit
        self.directory = practice.desk.house.directory

    # people

    def active(self, person: str, *moments: datetime) -> bool:
        """Say whether a person exists and works here at every one of the moments."""
        return all(self.directory.active(person, at) for at in moments)

    def _listed(self, source: str, name: str, at: datetime) -> tuple[str, ...] | None:
        """Return who has a role or belongs to a group, each once; None where the directory does not list them."""
        directory, found = self.directory, None
        if source == "role" and isinstance(directory, KnowsRoles):
            found = directory.holders(name, at)
        elif source == "group" and isinstance(directory, KnowsMembers):
            found = directory.members(name, at)
        if found is not None:
            return tuple(dict.fromkeys(found))
        is_none = source == "group" and isinstance(directory, KnowsGroups) and not directory.is_group(name, at)
        return () if is_none else None

    def _is_group(self, name: str, at: datetime) -> bool:
        return isinstance(self.directory, KnowsGroups) and self.directory.is_group(name, at)

    def _seats(self, authority: Authority, record: Approvable, at: datetime) -> Iterator[Seat]:
        source, name = authority.source, authority.name
        if source in ("role", "group"):
            yield from self._of_several(source, name, authority, at)
            return
        for found in self._names(authority, record, at):
            if source in ("field", "rule", "owners_of") and self._is_group(found, at):
                yield from self._of_several("group", found, authority, at)
            elif self.active(found, at):
                yield Seat(found, authority.weight, "person" if source == "person" else authority.label, found)

    def _of_several(self, source: str, name: str, authority: Authority, at: datetime) -> Iterator[Seat]:
        listed = self._listed(source, name, at)
        if listed is None:
            for number in range(1, authority.seats + 1):
                yield Seat(f"{source} {name} #{number}", authority.weight, f"{source} {name}")
        else:
            for each in listed:
                if self.active(each, at):
                    yield Seat(each, authority.weight, authority.label, each)

    def _names(self, authority: Authority, record: Approvable, at: datetime) -> Iterable[str]:
        source, name = authority.source, authority.name
        if source == "person":
            return (name,)
        if source == "rule":
            found = self.practice.approvers(name, record, self.unit, at)
            return (found,) if isinstance(found, str) else tuple(dict.fromkeys(found))
        if source == "owners_of":
            linked = self.practice.fact(f"links.{name}", record, self.unit)
            owners = tuple(getattr(each, "owner", None) for each in linked)
            return () if None in owners else tuple(dict.fromkeys(filter(None, owners)))
        shape = self.practice.shape
        if shape.get(name) is None:
            known = [*shape.fields, *shape.extra]
            raise InvalidInput.of(
                "unknown_field", record=shape.record.__name__, field=name, nearest=nearest(name, known)
            )
        value = shape.read(record, name)
        if source == "manager_of" and value is not None:
            value = self.directory.manager(value, at)
        return () if value is None else (str(value),)

    # ballots

    def seats(
        self, ballot: Ballot, record: Approvable, at: datetime, rules: ApprovalPolicy, initiators: Iterable[str]
    ) -> tuple[Seat, ...]:
        """Return the seats of a ballot at a moment: each person once, with the greatest weight that they have."""
        barred = frozenset(initiators) if rules.initiators == "excluded" else frozenset()
        found: dict[str, Seat] = {}
        for authority in ballot.authority:
            for seat in self._seats(authority, record, at):
                held = found.get(seat.key)
                if seat.person not in barred and (held is None or held.weight < seat.weight):
                    found[seat.key] = seat
        return tuple(found.values())

    def faults(self, record: Approvable, at: datetime) -> Iterator[Reason]:
        """Yield why the round that has just begun could never carry: an authority that finds nobody (INV-059), ..."""
        now = record.approval_rounds[-1]
        rules = now.rules
        for ballot in rules.ballots:
            before = list(self.nobody(ballot, record, at))
            for label in before:
                yield Reason.of("empty_authority", ballot=ballot.name, authority=label)
            seats = self.seats(ballot, record, at, rules, now.initiators)
            if before:
                continue
            if not seats:
                yield Reason.of("own_authority", ballot=ballot.name, people=now.initiators)
            elif count(ballot, dict.fromkeys(seats), self.dependent(now)).short:
                yield Reason.of(
                    "authority_too_small", ballot=ballot.name, needs=str(ballot.needs), quorum=ballot.quorum,
                    asked=[each.key for each in seats],
                )  # fmt: skip

    def nobody(self, ballot: Ballot, record: Approvable, at: datetime) -> Iterator[str]:
        """Yield the authorities of a ballot that lead to nobody."""
        for authority in ballot.authority:
            if next(self._seats(authority, record, at), None) is None:
                yield authority.label

    @staticmethod
    def dependent(now: Round) -> tuple[str, ...]:
        """Return those whose consent is not enough alone."""
        return now.initiators if now.rules.initiators == "not_alone" else ()

    def standings(self, record: Approvable, at: datetime) -> tuple[BallotStanding, ...]:
        """Return how each ballot of the current round stands, by those who are asked and still may vote."""
        if not record.approval_rounds:
            return ()
        now = record.approval_rounds[-1]
        rules = now.rules
        asked, statuses = opened(record, now.number), decided(record, now.number)
        turn = {each.name for each in at_turn(rules.step, statuses)} if record.approval_state == "requested" else set()
        found: list[BallotStanding] = []
        for ballot in rules.ballots:
            held = asked.get(ballot.name)
            if held is None:
                found.append(BallotStanding(ballot, "later"))
                continue
            votes = votes_of(record, now.number, ballot.name)
            still = {each.key for each in self.seats(ballot, record, at, rules, now.initiators)}
            counted = [seat for seat in held.seats if seat.key in votes or seat.person is None or seat.key in still]
            seats = {seat: votes.get(seat.key) for seat in counted}
            found.append(
                BallotStanding(
                    ballot, "now" if ballot.name in turn else "over", statuses.get(ballot.name, "open"),
                    count(ballot, seats, self.dependent(now)), seats,
                    tuple(seat for seat in held.seats if seat not in seats),
                )
            )  # fmt: skip
        return tuple(found)

    @staticmethod
    def result(record: Approvable) -> Status:
        """Return how the current round stands as a whole."""
        now = record.approval_rounds[-1]
        return outcome(now.rules.step, decided(record, now.number))

    def opening(self, record: Approvable, at: datetime) -> tuple[Asked, ...]:
        """Return the ballots whose turn has come and that nobody was asked yet."""
        now = record.approval_rounds[-1]
        asked = opened(record, now.number)
        return tuple(
            Asked(now.number, each.name, self.seats(each, record, at, now.rules, now.initiators), at)
            for each in at_turn(now.rules.step, decided(record, now.number))
            if each.name not in asked
        )

    # votes

    def delegates(self, record: Approvable, person: str, at: datetime) -> tuple[tuple[str, ...], bool]:
        """Return who may vote for a person, beginning with themselves; and whether that goes in a circle."""
        standing = self.directory if isinstance(self.directory, KnowsDelegates) else None

        def following(who: str) -> str | None:
            held = delegation_at(record.approval_delegations, who, at)
            if held is not None:
                return held.to
            return standing.delegate(who, at) if standing is not None else None

        return chain(person, following)

    def offices(self, actor: Actor, roles: Iterable[str], at: datetime) -> frozenset[str]:
        """Return the offices that an actor holds."""
        groups = self.directory.groups(actor.id, at)
        return frozenset((*(f"role {name}" for name in roles), *(f"group {name}" for name in groups)))

    def ballot_papers(
        self, record: Approvable, actor: Actor, roles: Iterable[str], at: datetime
    ) -> tuple[tuple[str, Seat, str | None], ...]:
        """Return what an actor may vote on now: ballot, seat, and on whose behalf.

        Their own seats, or where they have none, the seats of those whose delegate they are; an actor who
        says on whose behalf they act votes for that person only.
        """
        standings = [each for each in self.standings(record, at) if each.turn == "now"]
        whom = actor.on_behalf_of if actor.on_behalf_of != actor.id else None
        if whom is None:
            held = self.offices(actor, roles, at)
            own = [(each.ballot.name, seat, None) for each in standings if (seat := _seat_of(each, actor.id, held))]
            if own:
                return tuple(own)
        givers = self._givers(record, standings, actor, at) if whom is None else [whom]
        return tuple(paper for giver in givers for paper in self._papers_for(record, standings, giver, actor, at))

    def _givers(
        self, record: Approvable, standings: Iterable[BallotStanding], actor: Actor, at: datetime
    ) -> tuple[str, ...]:
        seated = (seat.person for each in standings for seat in each.seats)
        people = dict.fromkeys((*filter(None, seated), *(each.person for each in record.approval_delegations)))
        return tuple(each for each in people if each != actor.id)

    def _papers_for(
        self, record: Approvable, standings: Iterable[BallotStanding], giver: str, actor: Actor, at: datetime
    ) -> Iterator[tuple[str, Seat, str | None]]:
        if not record.approval_rounds:
            return
        trail, circular = self.delegates(record, giver, at)
        now = record.approval_rounds[-1]
        barred = now.initiators if now.rules.initiators == "excluded" else ()
        if circular or actor.id not in trail[1:] or giver in barred or not self.active(giver, at):
            return
        held = delegation_at(record.approval_delegations, giver, at)
        offices = frozenset(held.offices) if held is not None else frozenset[str]()
        for each in standings:
            seat = _seat_of(each, giver, offices)
            if seat is None:
                continue
            vote = each.seats[seat]
            if vote is None or vote.on_behalf_of is not None:  # what they said themselves stands
                yield each.ballot.name, seat, giver

    def cast(
        self, record: Approvable, actor: Actor, roles: Iterable[str], choice: Choice, at: datetime, reason: str | None
    ) -> Mapping[str, Any]:
        """Return the fields that a vote changes: the vote, for every paper, and whom it is asked next."""
        if not record.approval_rounds:
            return {"approval_votes": record.approval_votes}
        number = record.approval_rounds[-1].number
        votes = tuple(
            Vote(number, ballot, seat.key, choice, actor.id, at, whom, reason)
            for ballot, seat, whom in self.ballot_papers(record, actor, roles, at)
        )
        made: dict[str, Any] = {"approval_votes": (*record.approval_votes, *votes)}
        voted = self.practice.shape.copy(record, made)
        ballots = {each.ballot for each in votes}
        ended = tuple(
            Decided(number, each.ballot.name, each.tally.status, at)
            for each in self.standings(voted, at)
            if each.ballot.name in ballots and each.tally is not None
            and each.tally.status != each.status and each.tally.status in ("open", *ENDS[choice])
        )  # fmt: skip
        made["approval_decided"] = (*record.approval_decided, *ended)
        voted = self.practice.shape.copy(record, made)
        return {**made, "approval_asked": (*record.approval_asked, *self.opening(voted, at))}

    # times

    def after(self, record: Approvable, start: datetime, rules: ApprovalPolicy, span: Any) -> datetime | None:
        """Return the moment that lies `span` after `start`, in the time that the policy counts."""
        if span is None:
            return None
        if rules.time == "calendar":
            return start + span  # type: ignore[no-any-return]  # a timedelta
        from itil4.practices.due_times import clockwork_of  # read when service time is first counted
        from itil4.practices.service_clocks import scope_values

        practice, policy = self.practice, clockwork_of(self.practice.desk.house).policy()
        names = {*policy.fields, policy.customer_field}
        fields = {name: practice.shape.read(record, name) for name in names if practice.shape.get(name) is not None}
        return policy.calendar_of(scope_values(policy, practice.kind, fields)).due(start, span)


def _seat_of(standing: BallotStanding, person: str, offices: frozenset[str]) -> Seat | None:
    """Return the seat of a person in a ballot: their own, the office that they filled, or the first free one.

    In a ballot that is decided votes are changed, and none are added.
    """
    free = None
    for seat, vote in standing.seats.items():
        if vote is None and standing.status != "open":
            continue
        if seat.person == person or (seat.person is None and vote is not None and vote.person == person):
            return seat
        if free is None and seat.person is None and vote is None and seat.via in offices:
            free = seat
    return free
