"""How a record can come to be: by whom, and with which values."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import attrs

from itil4.errors import ITIL4Error
from itil4.testing.story import Act, Who
from itil4.testing.subject import BIRTH, Subject
from itil4.testing.values import Plain

if TYPE_CHECKING:
    from itil4.testing.playing import Player


def births(player: "Player", act: Act) -> Iterator[Act]:
    """Yield ways in which a record can be born, the plainest first."""
    subject = player.subject
    for payload in subject.payloads.get(act.event, subject.payloads.get(BIRTH, ())):
        for who in people(subject, act.who, ("user",)):
            yield attrs.evolve(act, payload={**payload, **act.payload}, who=who)
    if act.event != BIRTH and act.event in subject.payloads:
        return  # a verb with words of its own, which were told: fields alone are no way to call it
    for who in people(subject, act.who, ("user",)):
        given = _needed_at_birth(player, who)
        yield attrs.evolve(act, payload={**given, **act.payload}, who=who)


def people(subject: Subject, who: Who, first: Iterable[str] = ()) -> Iterable[Who]:
    """Return who may be meant: the one who is named, or everybody."""
    if who is not None:
        return (who,)
    return dict.fromkeys((*first, *subject.roles, "nobody", "system"))


def _needed_at_birth(player: "Player", who: Who) -> dict[str, Plain]:
    subject, desk = player.subject, player.model.desk
    if subject.birth is not None:
        return {}
    try:
        filled = desk.at_birth({}, player.actor(who, None), player.model.now())
    except ITIL4Error:
        filled = {}
    return {name: subject.needed(name) for name in subject.shape.missing({}) if name not in filled}
