"""Stories that would break a policy, if nothing held them back."""

from collections.abc import Iterable, Iterator

import attrs

from itil4.record import Actor
from itil4.testing.checking import on_all
from itil4.testing.policies import Policy
from itil4.testing.story import Story
from itil4.testing.subject import Subject


def candidates(policies: Iterable[Policy], subject: Subject) -> Iterator[Story]:
    """Yield stories that would break a policy: as whoever may, and as one person who may everything."""
    one = one_person(subject)
    relative = subject.practice.relative_roles
    named = [attrs.evolve(one, id=role) for role in subject.roles if role in relative and subject.shape.get(role)]
    for policy in policies:
        for _, verdict in on_all(policy, subject.lifecycles):
            if not verdict.holds and verdict.story is not None:
                story: Story = verdict.story
                yield story
                for person in (one, *named):
                    yield Story(attrs.evolve(act, who=person if act.who is None else act.who) for act in story)


def one_person(subject: Subject) -> Actor:
    """Return somebody who has every role that does not depend on the record."""
    return Actor("one", {role for role in subject.roles if role not in subject.practice.relative_roles})
