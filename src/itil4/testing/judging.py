"""Whoever looks at the steps of a player and tells what is wrong there."""

from typing import TYPE_CHECKING

from itil4.record import Actor
from itil4.testing.checking import Finding
from itil4.testing.story import Act

if TYPE_CHECKING:
    from itil4.testing.playing import Held, Player


class Judging:
    """Tells findings at the step of the story that its player is playing."""

    player: "Player"

    def told(
        self, code: str, text: str, act: Act, held: "Held | None" = None, diff: tuple[str, ...] = ()
    ) -> Finding:  # fmt: skip
        """Return a finding at a step of the story that is being played."""
        player = self.player
        named = player.subject.of_event.get(act.event)
        lifecycle = named or player.subject.lifecycles[0]
        record = held.record if held is not None else None
        who = act.who.id if isinstance(act.who, Actor) else act.who
        return Finding(
            code, text, lifecycle=named.name if named else None, event=act.event,
            state=getattr(record, lifecycle.field) if record is not None else None, role=who,
            record=record.reference if record is not None else None, story=player.story, diff=diff,
            practice=player.subject.name, given=player.given_besides,
        )  # fmt: skip
