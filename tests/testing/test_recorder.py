"""The recorder hears what was committed, in order, and nothing else."""

import pytest

import itil4
from itil4 import Actor
from itil4.testing import Recorder

SAM = Actor("sam", roles={"service_desk"})


def test_it_hears_entries_after_the_commit_in_their_order() -> None:
    """What a unit of work collects is heard when the unit ends, and not before."""
    itsm = itil4.connect()
    heard = Recorder(itsm)
    with itsm.unit(by=SAM) as desk:
        first = desk.incidents.log(summary="Mail is down")
        second = desk.incidents.log(summary="Calendar is down")
        desk.link(second, "child_of", first)
        assert len(heard) == 0
    assert heard.events == ("log", "log", "link")
    assert [entry.event for entry in heard.of(first)] == ["log"]
    assert heard.of(second.id) == (heard.entries[1], *(each for each in heard.of(second) if each.op == "link"))
    assert list(heard) == heard.entries


def test_it_hears_nothing_of_what_was_given_up_or_refused() -> None:
    """A refusal and a unit that ends in an error leave no entry to hear."""
    itsm = itil4.connect()
    incident = itsm.incidents.log(summary="Mail is down", by=SAM)
    heard = Recorder(itsm)
    with pytest.raises(itil4.Refused):
        itsm.incidents.close(incident, by=SAM)
    with itsm.unit(by=SAM) as desk:
        desk.incidents.start(incident)
        with pytest.raises(itil4.Refused):
            desk.incidents.close(incident.id)
        assert heard.events == ()
    assert heard.events == ("start",)
    heard.clear()

    def given_up() -> None:
        with itsm.unit(by=SAM) as desk:
            desk.incidents.hold(incident.id, kind="user")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        given_up()
    assert heard.events == ()


def test_it_can_listen_to_one_practice_and_stops_when_told() -> None:
    """Entries of other practices pass by; after `stop`, and after the block, it hears nothing more."""
    itsm = itil4.connect()
    manager = Actor("mo", roles={"problem_manager", "service_desk"})
    with Recorder(itsm, "problem_management") as heard:
        itsm.incidents.log(summary="Mail is down", by=SAM)
        itsm.problems.log(summary="It leaks", by=manager)
        assert [entry.kind for entry in heard] == ["problem"]
        heard.clear()
        assert heard.events == ()
    itsm.problems.log(summary="It leaks again", by=manager)
    heard.stop()
    assert heard.events == ()
