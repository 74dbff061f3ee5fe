"""Stories go on from where another one has led, and nothing tells the difference."""

from typing import Any, ClassVar

import kit_workflows as kit
import pytest
from sample_workflows_of_faults import CLEAN

from itil4 import Actor, IncidentManagement, SqliteStore, connect
from itil4.storage.codec import RecordCodec
from itil4.storage.memory import MemoryStore
from itil4.testing import Found, Story, Subject, walk
from itil4.testing.playing import Player
from itil4.testing.promises import Promises
from itil4.testing.walking import Walk
from itil4.testing.worlds import Worlds

BEGUN = Story.parse("log -> approve(plan='Helmets on') after 1h")
REST = Story.parse("open as worker -> b: log -> pause after 2h -> open as chief -> close")


def played(player: Player, story: Story) -> Player:
    for act in story:
        assert not player.play(act).findings
    return player


def told(player: Player) -> Any:
    """Return all that a story has led to: the rows of the store, the time, and what comes next."""
    store: Any = player.model.itsm.house.store
    (data,) = store._tenants.values()
    rows = (data.records, data.histories, data.links, data.numbers, data.series, data.once)
    return rows, player.model.now(), player.model.ids(), player.acts, {k: v.record for k, v in player.held.items()}


def test_a_copy_of_a_player_goes_on_as_the_player_would() -> None:
    """Ids, numbers, times and rows are those of a story that was played from its birth."""
    subject = Subject(kit.Permits)
    whole = played(played(Player(subject), BEGUN), REST)
    parted = played(Player(subject), BEGUN)
    copy = parted.copy()
    assert copy is not None
    assert told(played(copy, REST)) == told(whole)
    assert told(parted) == told(played(Player(subject), BEGUN)), "what the copy did is not seen by the first"


@pytest.mark.parametrize("practice", [kit.Permits, IncidentManagement])
def test_a_walk_that_goes_on_from_copies_exercises_what_one_does_that_begins_at_births(
    practice: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrows, guards and refusals are the same; only steps are saved."""
    quick = walk(practice)
    monkeypatch.setattr(Player, "copy", lambda self: None)
    slow = walk(practice)
    assert {key for key in quick.arrows if quick.arrows[key]} == {key for key in slow.arrows if slow.arrows[key]}
    assert set(quick.refusals) == set(slow.refusals)
    assert (set(quick.passed), set(quick.held)) == (set(slow.passed), set(slow.held))
    assert quick.steps < slow.steps


class Counting(kit.Permits):  # type: ignore[misc, valid-type]  # the class is made at run time
    """A practice that keeps something in itself."""

    slot: ClassVar[str] = "permits"

    def log(self, **values: Any) -> Any:
        self.counted = vars(self).get("counted", 0) + 1
        return super().log(**values)


def listening(itsm: Any) -> None:
    itsm.subscribe(lambda entry: None)


def test_what_a_story_may_have_changed_elsewhere_is_never_copied(tmp_path: Any) -> None:
    """A store, a preparation or a practice of the host, and whoever listens: then each story begins at its birth."""
    assert played(Player(Subject(kit.Permits)), BEGUN).copy() is not None
    shared = Subject(kit.Permits, store=MemoryStore())
    for subject in (
        shared,
        Subject(kit.Permits, store=SqliteStore(tmp_path / "desk.db")),
        Subject(kit.Permits, settings={"prepare": listening}),
        Subject(kit.Permits, settings={"prepare": lambda itsm: None}),
        Subject(Counting),
    ):
        player = played(Player(subject), BEGUN)
        assert player.copy() is None
        worlds = Worlds()
        worlds.keep(BEGUN.acts, player)
        assert worlds.at(BEGUN.acts) is None
    heard = played(Player(Subject(kit.Permits)), BEGUN)
    heard.model.itsm.subscribe(lambda entry: None)
    assert heard.copy() is None


def test_of_many_worlds_the_one_that_nobody_asked_for_the_longest_goes_first() -> None:
    """So that memory has a bound; the longest known beginning of a story is what it goes on from."""
    player, worlds = Player(Subject(kit.Permits)), Worlds(2)
    stories = []
    for act in (*BEGUN, REST.acts[0]):
        played(player, Story((act,)))
        stories.append(tuple(player.acts))
        worlds.keep(stories[-1], player)
    first, second, third = stories
    assert worlds.at(first) is None
    for asked, length in ((third, 3), (second, 2), ((*third, *REST.acts[1:]), 3), ((*second, REST.acts[2]), 2)):
        found = worlds.at(asked)
        assert found is not None
        assert (found[1], len(found[0].acts)) == (length, length)


def test_whoever_listens_to_a_story_hears_of_it() -> None:
    """A preparation that subscribes is told of the entries of its own story."""
    heard: list[str] = []
    subject = Subject(kit.Permits, settings={"prepare": lambda itsm: itsm.subscribe(lambda e: heard.append(e.event))})
    played(Player(subject), BEGUN)
    assert heard == ["log", "approve"]


def test_a_finding_is_shown_by_a_story_from_the_birth_of_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only shows in a copy would say so in its text."""
    looked = Promises.after_step

    def strict(self: Promises, was: Any, expected: Any, answer: Any, after: Any) -> Any:
        yield from looked(self, was, expected, answer, after)
        if answer.done and after.state == "open" and after.version > 4:
            yield self.told("version", "too many.", was.act, was.held)

    monkeypatch.setattr(Promises, "after_step", strict)
    with pytest.raises(Found) as caught:
        walk(kit.Permits)
    (finding, *_) = caught.value.findings
    assert finding.story is not None
    assert finding.story.events[0] == "log"
    assert "did not show again" not in finding.text


def test_a_row_is_decoded_once_in_a_world_and_its_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in memory never change; what is written is encoded each time, and read at least once."""
    read: list[Any] = []
    decode = RecordCodec.read

    def counted(self: Any, row: Any) -> Any:
        read.append(row)
        return decode(self, row)

    monkeypatch.setattr(RecordCodec, "read", counted)
    player = played(Player(Subject(kit.Permits)), BEGUN)
    copy = player.copy()
    assert copy is not None
    read.clear()
    one, other = player.model.record(player.held[""].reference), copy.model.record(copy.held[""].reference)
    assert one is other
    assert not read
    plain = connect(practices=[kit.Permits])
    plain.permits.log(summary="Weld", requester="ana", by=Actor("mia", {"chief"}))
    assert type(plain.house.kinds["permit"].codec) is RecordCodec, "the host's own is as ever"


def test_what_a_host_decides_by_other_records_is_asked_anew_when_they_have_changed() -> None:
    """The same question about the same record may have another answer after a write elsewhere."""

    class Permits(kit.Permits):  # type: ignore[misc, valid-type]  # the class is made at run time
        """Workers may do nothing while there is more than one permit."""

        def roles_of(self, actor: Any, record: Any, at: Any) -> frozenset[str]:
            roles: frozenset[str] = super().roles_of(actor, record, at)
            return roles - {"worker"} if self.count() > 1 else roles

    player = played(Player(Subject(Permits)), BEGUN)
    for text in ("open as worker", "pause as worker", "b: log", "open as worker refused for role", "open as chief"):
        played(player, Story.parse(text))
    walk(Permits, accept=["pause@open", "close@open"])


def test_nothing_is_found_in_sound_workflows_by_a_walk() -> None:
    """Worlds make no false alarms."""
    for practice, options in CLEAN[:2]:
        walked = Walk(Subject(practice, options.get("domains"), options.get("settings")))
        walked.run()
        assert walked.found == []
