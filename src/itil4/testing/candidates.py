"""Stories that would break a policy, if nothing held them back."""

from collections.abc import Iterable, Iterator

import attrs

from itil4.testing.checking import on_all
from itil4.testing.policies import Policy
from itil4.testing.showing import people
from itil4.testing.story import Story
from itil4.testing.subject import Subject


def candidates(policies: Iterable[Policy], subject: Subject) -> Iterator[Story]:
    """Yield stories that would break a policy: as whoever may, and as one person who may everything."""
    for policy in policies:
        for _, verdict in on_all(policy, subject.lifecycles):
            if not verdict.holds and verdict.story is not None:
                story: Story = verdict.story
                yield story
                for person in people(subject):
                    yield Story(attrs.evolve(act, who=person if act.who is None else act.who) for act in story)
