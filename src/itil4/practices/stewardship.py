"""What is done with everything that is stored: shown as it was, verified, freed of a person; and run from a loop."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Self, TypeVar

from itil4.practices.desk import Desk
from itil4.record import Actor

if TYPE_CHECKING:
    from itil4.practices.redacting import Redaction
    from itil4.practices.verifying import Difference
    from itil4.storage.past import View

T = TypeVar("T")


class Stewardship(Desk):
    """The verbs of a service management that are about no single practice."""

    async def run(
        self, function: "Callable[[Self], T]", *, by: Actor | None = None, correlation: str | None = None
    ) -> T:
        """Run `function(desk)` as one unit of work in a worker thread, and return what it returns.

        For hosts with an event loop, which a database would hold up. `desk` is that of `unit`; a record that
        was born in it is returned with its number. Subscribers run in the thread as well.

        Cancelled before the commit, nothing is written and CancelledError goes on. Cancelled after
        that, everything is, and the error is a `CancelledAfterCommit`, a CancelledError with the result. Either
        comes when the thread has ended: a function that is running is not interrupted.

        Args:
            function: what to do, a plain function of a desk.
            by: the default actor of the unit.
            correlation: a key that its entries share.

        Raises:
            InvalidInput: the function is a coroutine function or returns an awaitable, which would do its work
                outside the unit; or this desk is in a unit already.
        """
        from itil4.practices.running import run

        return await run(self, function, by, correlation)

    def redact_person(
        self, identity: str, *, reason: str, by: Actor | None = None, pseudonym: str | None = None
    ) -> "Redaction":
        """Call a person by a pseudonym wherever this tenant's records, links and history say who.

        That is as who acted or for whom, as requester, owner, assignee and in every other field of people
        (`Practice.people`), and at the ends of links. What people wrote about them in texts is
        found by no id: `redact` takes that out, record by record. Each record is a unit of its own.

        Args:
            identity: the id of the person, as in `Actor`.
            reason: why; it is kept.
            by: who does it; every practice whose records name the person asks for one of its `redactors`
                roles, and `visible` does not limit what they reach.
            pseudonym: what to write instead, the same as before to go on after a crash; by default a new one.

        Raises:
            Refused: the role is missing, before anything is written.
        """
        from itil4.practices.redacting import redact_person

        return redact_person(self, identity, reason=reason, by=by, pseudonym=pseudonym)

    def as_of(self, moment: datetime, *, view: "View" = "known") -> Self:
        """Return a desk that shows how everything stood at a moment: records, links, lists, counts and history.

        It is for reading only, and its clock stands at that moment. The rule of `visible` is that of today, judged on
        records as they stood: who could see a record then sees what it was then, also when it has been
        withdrawn from them since. One record
        costs its own history. The first list or count of a kind costs the history of that kind, once for each
        desk; the first way back along links passes over all of it, and rebuilds the records that have links.

        Args:
            moment: not in the future.
            view: `known` is what had been written down by then. `happened` is what had happened by then
                as it is known today, back-dated entries and corrections in their places.

        Raises:
            InvalidInput: the moment lies ahead or has no zone, or there is no such view.
        """
        from itil4.practices.as_of import past_of

        return type(self)(past_of(self.house, moment, view), self.actor)

    def verify(self, *, kind: str | None = None) -> "Iterator[Difference]":
        """Yield every difference between what is stored and what history rebuilds, a record at a time.

        None means that rows, histories and links agree. Records that change meanwhile are looked at again.

        Args:
            kind: look at the records of one kind; by default at all.
        """
        from itil4.practices.verifying import differences

        return differences(self, kind)
