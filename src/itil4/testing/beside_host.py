"""What a host does beside the library is compared with that, step by step."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from itil4.record import Actor
from itil4.testing.checking import Finding
from itil4.testing.driver import Answer, Seen
from itil4.testing.judging import Judging
from itil4.testing.local import seen
from itil4.testing.story import Act
from itil4.testing.values import written

if TYPE_CHECKING:
    from itil4.testing.playing import Held


class BesideHost(Judging):
    """Looks at what the host of a player does, where it has one, and tells what is wrong."""

    def hosted_birth(self, act: Act, held: "Held") -> Iterator[Finding]:
        """A host records what the library records."""
        host, player = self.player.host, self.player
        if host is None:
            return
        answer = host.open(player.given(act.payload), player.actor(act.who, None))
        if answer.seen is None:
            text = answer.error or answer.text or listed(frozenset(answer.codes))
            code = "crash" if answer.error else "wrongly_refused"
            yield self.told(code, f"the host does not record it: {text}", act, held)
            return
        held.hosted, held.hosted_version = answer.seen.reference, answer.seen.version
        yield from self._same(act, held, answer.seen, seen(held.record))

    def hosted_step(
        self, act: Act, held: "Held", payload: Mapping[str, Any], actor: Actor, answer: Answer, after: Any
    ) -> Iterator[Finding]:  # fmt: skip
        """A host takes and refuses what the library takes and refuses, and has the same record afterwards."""
        host = self.player.host
        if host is None or held.hosted is None:
            return
        if act.late or (act.stale and held.hosted_older is None):
            held.drifted = True
            return  # no driver can play it
        expected = held.hosted_older if act.stale else None
        theirs = host.fire(held.hosted, act.event, payload, actor, expected)
        if theirs.error:
            yield self.told("crash", f"the host failed: {theirs.error}", act, held)
            return
        if theirs.done and not answer.done:
            code = "lost_update" if act.stale else "not_refused"
            text = f"the host took {act.event!r}, which must be refused for {listed(frozenset(answer.codes))}."
            yield self.told(code, text, act, held)
            return
        if answer.done and not theirs.done:
            text = f"the host refused {act.event!r}: {theirs.text or listed(frozenset(theirs.codes))}"
            yield self.told("wrongly_refused", text, act, held)
            return
        told = theirs.codes and not act.stale  # of several reasons a host may look at another one first
        if not theirs.done and told and frozenset(theirs.codes) != frozenset(answer.codes):
            text = f"the host refused for {listed(frozenset(theirs.codes))}, not {listed(frozenset(answer.codes))}."
            yield self.told("wrong_reason", text, act, held)
        now = host.get(held.hosted)
        if now.version != held.hosted_version:
            held.hosted_older, held.hosted_version = held.hosted_version, now.version
        yield from self._same(act, held, now, seen(after))

    def _same(self, act: Act, held: "Held", theirs: Seen, ours: Seen) -> Iterator[Finding]:
        if theirs.state != ours.state:
            text = f"the host's record is {theirs.state!r} and must be {ours.state!r}."
            yield self.told("wrong_target", text, act, held)
            return
        if theirs.version is not None and not held.drifted and theirs.version != ours.version:
            text = f"the host's record has version {theirs.version} and must have {ours.version}."
            yield self.told("version", text, act, held)
        differing = tuple(
            f"{name}: must be {written(ours.values.get(name))}, is {written(value)}"
            for name, value in theirs.values.items()
            if name in ours.values and value != ours.values[name]
        )
        if differing:
            yield self.told("wrong_change", "the host's record is another one.", act, held, differing)


def listed(codes: frozenset[str]) -> str:
    """Return codes in words."""
    return ", ".join(sorted(codes)) or "no reason"
