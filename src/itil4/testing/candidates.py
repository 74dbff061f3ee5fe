"""Stories that would break a policy, if nothing held them back."""

from collections.abc import Iterable, Iterator

from itil4.testing.checking import on_all
from itil4.testing.policies import Policy
from itil4.testing.showing import forms
from itil4.testing.story import Story
from itil4.testing.subject import Subject


def candidates(policies: Iterable[Policy], subject: Subject) -> Iterator[Story]:
    """Yield stories that would break a policy, in every form in which they may be possible."""
    for policy in policies:
        for _, verdict in on_all(policy, subject.lifecycles):
            if not verdict.holds and verdict.story is not None:
                yield from forms(policy, verdict.story, subject)
