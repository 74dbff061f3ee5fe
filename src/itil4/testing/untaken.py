"""What a walk says of what nobody could do: no record, no step, one arrow, or a beginning."""

from typing import Any

from itil4.testing.arrow_keys import ArrowKey
from itil4.testing.checking import Finding
from itil4.testing.rules_watched import Watch, rules_in_words
from itil4.testing.searching import Explorer
from itil4.testing.story import Act, Story
from itil4.testing.subject import BIRTH, Subject


class Untaken:
    """The part of a walk that tells it; `found` has what is told."""

    subject: Subject
    explorer: Explorer
    found: list[Finding]
    watch: Watch

    def _nothing(self) -> None:
        here = [key for key in self.explorer.keys if (key.lifecycle, key.source) in self.explorer.states]
        if here and all(map(self._is_told, here)):
            return
        why = "; ".join(f"{key}: {reason}" for key, reason in list(self.explorer.lost.items())[:5])
        text = f"no step can be taken by anybody. Held back: {why or 'no step leads on from where records are born'}."
        remedy = "Give domains={...} with values that the guards accept, or widen the roles."
        first = next(iter(here), None)
        story = None if first is None else (*self.explorer.states[first.lifecycle, first.source], Act(first.event))
        self._none(f"{text} {remedy}", None if story is None else Story(story))

    def _none(self, text: str, story: Story | None) -> None:
        self.found.append(
            Finding("nothing_fireable", text, story=story, practice=self.subject.name, given=self.subject.given)
        )

    def _unreached(self, key: ArrowKey) -> None:
        held = self.explorer.lost.get(key, "nothing that the kit could name").rstrip(".")
        text = (
            f"the kit found no way to take {key}. Held back by: {held}. Give values with domains={{...}}, or "
            f"accept=[{key.place_in_words!r}] if it is meant so."
        )
        story = Story((*self.explorer.states[key.lifecycle, key.source], Act(key.event)))
        self._not_taken(text, key.event, lifecycle=key.lifecycle, state=key.source, story=story)

    def _unborn(self, lifecycle: str, state: str) -> None:
        text = (
            f"records may begin in {state!r}, and the kit found no way to one. Name the verb that makes them in births "
            f"of the practice, or accept=[{f'{BIRTH}@{state}'!r}] if only an import does."
        )
        self._not_taken(text, BIRTH, lifecycle=lifecycle, state=state)

    def _not_taken(self, text: str, event: str, **where: Any) -> None:
        self.found.append(
            Finding("never_taken", text, severity="warning", event=event, practice=self.subject.name,
                    given=self.subject.given, **where)
        )  # fmt: skip

    def _is_told(self, key: ArrowKey) -> bool:
        """Whether what holds an arrow back is a rule that is named for what it does."""
        return not {rule for rule, _ in self.watch.found}.isdisjoint(rules_in_words(self.explorer.steps[key]))
