"""Stories for tests: one that was written down, or all that a practice has, ready for `pytest.mark.parametrize`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from itil4.errors import InvalidInput, nearest
from itil4.practices.base import Practice
from itil4.storage.protocols import Store
from itil4.testing.checking import Finding, Found
from itil4.testing.driver import Driver
from itil4.testing.playing import Played, Player
from itil4.testing.policies import Policy, as_policies
from itil4.testing.searching import Explorer
from itil4.testing.shrinking import is_refusal, lacking_codes
from itil4.testing.story import Act, Story
from itil4.testing.subject import Subject
from itil4.testing.walking import Walk

Cover = Literal["states", "transitions", "transition-pairs"]
_COVERS = ("states", "transitions", "transition-pairs")


def check_story(
    practice: type[Practice[Any]],
    story: Story | str,
    *,
    store: Store | str | None = None,
    policies: Sequence[Policy] | Policy = (),
    domains: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    driver: Callable[[], Driver] | None = None,
) -> Any:
    """Play a story and return the record as it is in the end.

    Steps without a mark must be done, steps marked `refused for ...` must be refused for that; where a step
    is marked `if possible`, the story may end before it. What a step leaves open, who takes it and with
    which values, is found.

    Args:
        practice: the class.
        story: it, or its text; see `Story`.
        store, policies, domains, settings, driver: as for `walk`.

    Raises:
        Found: a step did not end as it must, or a promise was broken.
        InvalidInput: the text cannot be read, or names what is not there.

    >>> from itil4 import IncidentManagement
    >>> check_story(IncidentManagement, "log -> assign(to='sam') -> resolve as service_desk -> close").state
    'closed'
    >>> check_story(IncidentManagement, "log -> close refused for wrong_state").state
    'new'
    """
    told = Story.parse(story)
    subject = Subject(practice, domains, settings, store)
    player = Player(subject, driver() if driver else None, as_policies(policies), thorough=True)
    sure_from = max((place for place, act in enumerate(told, 1) if act.if_possible), default=0)
    for place, act in enumerate(told):
        is_sure = place >= sure_from or act.refused is not None
        if not is_sure and not player.knows(act.event):
            break
        played = player.play(act)
        if not is_sure and is_refusal(played) and not played.findings:
            break
        found = played.findings or tuple(_unlike(player, act.refused, played)) or tuple(_improper(player, played.act))
        if found:
            raise Found(found, practice.__name__)
    held = player.held.get("")
    return None if held is None else held.record


def _improper(player: Player, act: Act) -> Iterator[Finding]:
    """Yield what is wrong with the rules that a step asked: they wait, look at a clock, or change what they see."""
    for each in player.oracle.watch.found.values():
        yield player.promises.told(each.code, f"{each.rule}: {each.text}", act, player.held.get(act.on))


def _unlike(player: Player, refused: tuple[str, ...] | None, played: Played) -> list[Finding]:
    """Return what is wrong when a step did not end as the story says."""
    act, answer = played.act, played.answer
    held = player.held.get(act.on)
    if refused is None and not answer.done:
        text = f"{act.event!r} was refused: {answer.error or answer.text}"
        return [player.promises.told("wrongly_refused", text, act, held)]
    if refused is not None and answer.done:
        why = ", ".join(refused) or "whatever reason"
        return [
            player.promises.told("not_refused", f"{act.event!r} was done, and must be refused for {why}.", act, held)
        ]
    lacking = lacking_codes(refused or (), answer)
    if lacking:
        text = f"{act.event!r} was refused for {', '.join(answer.codes)}, and must be for {', '.join(lacking)} too."
        return [player.promises.told("wrong_reason", text, act, held)]
    return []


def stories(
    practice: type[Practice[Any]],
    cover: Cover = "transitions",
    *,
    domains: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Story, ...]:
    """Return the shortest stories that cover a practice, in the order of its definition.

    Use them as parameters of a test: `@pytest.mark.parametrize("story", stories(Incidents), ids=story_id)`.

    Args:
        practice: the class.
        cover: `states`, `transitions`, or `transition-pairs` (two transitions one right after the other).
        domains, settings: as for `walk`.

    Raises:
        InvalidInput: `cover` is something else.
    """
    if cover not in _COVERS:
        raise InvalidInput.of(
            "not_a_choice", field="cover", value=cover, choices=_COVERS, nearest=nearest(cover, _COVERS)
        )
    walked = Walk(Subject(practice, domains, settings))
    explorer = walked.explorer
    explorer.explore()
    if cover == "states":
        return tuple(dict.fromkeys(Story(acts) for acts in explorer.states.values()))
    ordered = [explorer.arrows[key] for key in explorer.keys if key in explorer.arrows]
    if cover == "transitions":
        return tuple(dict.fromkeys(Story(acts) for acts in ordered))
    return tuple(dict.fromkeys(_pairs(walked, explorer)))


def _pairs(walked: Walk, explorer: Explorer) -> list[Story]:
    found = []
    for first, then in walked.coverage.possible_pairs():
        if first in explorer.arrows and then in explorer.arrows:
            acts = explorer.arrows[first]
            player = explorer.player(acts)
            for act in explorer.acts_for(player, then, player.held[""].record):
                found.append(Story((*acts, act)))
                break
    return found


def story_id(story: Story) -> str:
    """Return the id of a parametrized test: the events of a story, and what it is refused for.

    >>> story_id(Story.parse("log -> close refused for role"))
    'log-close-refused-role'
    """
    return story.id
