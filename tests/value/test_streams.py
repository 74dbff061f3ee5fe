"""Value streams: what one needs, and what is found wrong with one."""

import copy
import pickle
import subprocess
import sys
from datetime import timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itil4 import value
from itil4.errors import InvalidInput
from itil4.practices.catalogue import PracticeProfile, catalogue
from itil4.value import BUILT_IN_STREAMS, ITIL_5, RESTORE_LIVE_SERVICE, Step, ValueStream

times = st.timedeltas(timedelta(0), timedelta(days=30))
CALL = Step(name="Take the call", activity="engage", practices=["service_desk"])
SAIL = ValueStream(id="berth", name="Berth", trigger="a vessel calls", outcome="it lies safely", steps=[CALL])


@pytest.mark.parametrize(
    "lacking",
    [{"trigger": ""}, {"outcome": " "}, {"steps": []}, {"kind": "wish"}, {"steps": [CALL, CALL]}, {"steps": "x"}],
)
def test_inv_012_a_stream_has_a_trigger_a_step_and_an_outcome(lacking):
    """INV-012: a demand or an opportunity sets it off, it has at least one step, and it ends in a named outcome."""
    with pytest.raises(InvalidInput):
        attrs.evolve(SAIL, **lacking)
    assert SAIL.kind == "demand" and SAIL.outcome


def test_inv_013_each_step_names_one_activity_and_known_practices():
    """INV-013: the activity is of the stream's edition, and there is at least one practice, which is known."""
    wrong = attrs.evolve(SAIL, steps=[attrs.evolve(CALL, activity="engaged", practices=["servise_desk"])])
    assert [(reason.code, reason.detail["what"]) for reason in wrong.validate()] == [
        ("unknown_name", "activity"),
        ("unknown_name", "practice"),
    ]
    assert "Did you mean 'service_desk'?" in str(wrong.validate()[1])
    with pytest.raises(InvalidInput) as caught:
        wrong.check()
    assert len(caught.value.reasons) == 2
    with pytest.raises(InvalidInput):
        attrs.evolve(CALL, practices=[])
    assert attrs.evolve(SAIL, scheme=ITIL_5).validate()[0].detail["name"] == "engage"
    deliver = attrs.evolve(CALL, activity="deliver")
    assert attrs.evolve(SAIL, scheme=ITIL_5, steps=[deliver]).check().validate() == ()


@given(st.permutations(RESTORE_LIVE_SERVICE.steps), st.integers(1, 7))
def test_inv_014_activities_repeat_and_come_in_any_order(steps, count):
    """INV-014: no order is checked; any shuffle and any part of a sound stream is sound."""
    assert attrs.evolve(RESTORE_LIVE_SERVICE, steps=steps[:count]).validate() == ()


@given(st.lists(st.tuples(times, times), min_size=1, max_size=6))
def test_inv_015_lead_time_is_the_sum_of_work_and_wait(durations):
    """INV-015: lead time = work + wait >= work; no time is negative."""
    steps = [attrs.evolve(CALL, name=str(n), work=work, wait=wait) for n, (work, wait) in enumerate(durations)]
    stream = attrs.evolve(SAIL, steps=steps)
    assert stream.lead_time == sum((work + wait for work, wait in durations), timedelta(0)) >= stream.work_time
    assert stream.flow_efficiency is None if not stream.lead_time else 0 <= stream.flow_efficiency <= 1
    assert attrs.evolve(SAIL, steps=[*steps, CALL]).lead_time is None
    with pytest.raises(InvalidInput):
        attrs.evolve(CALL, work=timedelta(seconds=-1))


def test_inv_017_every_step_can_emit_an_improvement():
    """INV-017: improving has no fixed place; an opportunity may be seen in any step of any stream."""
    for stream in BUILT_IN_STREAMS:
        for step in stream.steps:
            found = stream.improvement(step.name, "People ask for the number twice.")
            assert (found.stream, found.step) == (stream.id, step.name)
    with pytest.raises(InvalidInput, match="Did you mean"):
        SAIL.improvement("Take the cal", "It rings too long.")


def test_inv_018_a_practice_that_a_stream_uses_is_missed():
    """INV-018: taking a practice away is refused when a stream is given, and reported by the stream otherwise."""
    fleet = PracticeProfile(id="fleet_management", name="Fleet management", category="technical", purpose="Sail.")
    ours = catalogue().extended(fleet)
    stream = attrs.evolve(SAIL, steps=[attrs.evolve(CALL, practices=["fleet_management"])])
    assert stream.validate(ours.ids) == () and stream.validate()[0].detail["name"] == "fleet_management"
    with pytest.raises(InvalidInput, match="the stream berth") as caught:
        ours.without("fleet_management", streams=[stream])
    assert caught.value.code == "practice_in_use"
    assert stream.validate(ours.without("fleet_management").ids)[0].code == "unknown_name"


def test_one_state_lies_in_one_step():
    """A state of a practice that two steps claim is found, with both."""
    first = attrs.evolve(CALL, states={"incident_management": ["new"]})
    second = attrs.evolve(first, name="Look again", practices=["incident_management"])
    (reason,) = attrs.evolve(SAIL, steps=[first, second]).validate()
    assert reason.code == "two_steps" and (reason.detail["first"], reason.detail["second"]) == (first.name, second.name)


@pytest.mark.parametrize(
    "wrong",
    [{"capacity": 0}, {"capacity": -1}, {"capacity": 1.5}, {"work": 5}, {"states": ["new"]}, {"states": {"a": [1]}},
     {"adds_value": 1}, {"name": None}],
)  # fmt: skip
def test_a_step_refuses_wrong_values(wrong):
    """Capacity is a whole number of one or more, times are timedeltas, states belong to practices."""
    with pytest.raises(InvalidInput):
        attrs.evolve(CALL, **wrong)


def test_the_built_in_streams_are_sound_and_plain_values():
    """Three streams to start from: known practices, known activities, each with an outcome."""
    assert [stream.id for stream in BUILT_IN_STREAMS] == [
        "restore_live_service", "develop_new_service", "fulfil_service_request",
    ]  # fmt: skip
    for stream in BUILT_IN_STREAMS:
        assert stream.validate(catalogue().ids) == () and len(stream.steps) >= 5
        assert pickle.loads(pickle.dumps(stream)) == copy.deepcopy(stream) == stream and hash(stream)


def test_the_known_practices_are_those_of_the_catalogue():
    """The value room cannot see the catalogue; its list of ids is kept equal here."""
    assert catalogue().ids == value.PRACTICE_IDS


def test_the_door_opens_every_name_and_no_other():
    """The public surface is a sorted, tested list."""
    assert value.__all__ == sorted(value.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    for name in value.__all__:
        assert getattr(value, name) is not None and name in dir(value)
    with pytest.raises(AttributeError):
        _ = value.nothing


def test_importing_loads_nothing_before_it_is_used():
    """Importing the door loads no room behind it, and importing the catalogue reads no practice."""
    code = (
        "import sys, itil4.value, itil4.practices.catalogue as c\n"
        "print([m for m in sys.modules if m.startswith('itil4.value.simul') or m.endswith('catalogue.service')])\n"
        "c.catalogue(); itil4.value.simulate\n"
        "print('transitions' in sys.modules, 'cattrs' in sys.modules, 'itil4.value.simulating' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[:2] == ["[]", "False False True"]


def test_a_built_in_stream_can_watch_a_practice_that_a_host_brings():
    """Naming the states of its records makes a new stream; unknown steps and a state in two steps are refused."""
    told, own = value.FULFIL_SERVICE_REQUEST, "service_request_management"
    fulfil = attrs.evolve(told, steps=tuple(attrs.evolve(step, states={}) for step in told.steps))
    assert fulfil.watched == ()
    take, carry = fulfil.steps[0].name, fulfil.steps[3].name
    watching = fulfil.watching(own, {take: ["new"], carry: ["at_work"]})
    assert watching.watched == (own,) and fulfil.watched == ()
    again = watching.watching(own, {carry: ["under_way"]}).watching("change_enablement", {carry: ["implement"]})
    assert again[take].states == ()
    assert again[carry].states == ((own, ("under_way",)), ("change_enablement", ("implement",)))
    with pytest.raises(InvalidInput, match="Did you mean 'Carry out fulfilment'"):
        fulfil.watching(own, {"Carry out": ["new"]})
    with pytest.raises(InvalidInput, match="lies in two steps"):
        fulfil.watching(own, {take: ["new"], carry: ["new"]})
    with pytest.raises(InvalidInput, match="states"):
        fulfil.watching(own, {take: "new"})


def test_the_built_in_streams_name_each_open_state_and_closed_of_the_practice_that_they_begin_with():
    """Otherwise observing the records of this library would find places that lie in no step."""
    from itil4.practices.change_enablement import ChangeEnablement
    from itil4.practices.incident_management import IncidentManagement
    from itil4.practices.service_request_management import ServiceRequestManagement

    practices = (IncidentManagement, ChangeEnablement, ServiceRequestManagement)
    lives = {practice.name: practice.lifecycle for practice in practices}
    for stream in BUILT_IN_STREAMS:
        named = {(practice, state) for step in stream.steps for practice, states in step.states for state in states}
        for practice in stream.watched:
            assert {state for of, state in named if of == practice} <= {state.name for state in lives[practice].states}
        for practice in stream.watched[:1]:
            wanted = {state.name for state in lives[practice].states if state.category != "cancelled"}
            assert {state for of, state in named if of == practice} == wanted
