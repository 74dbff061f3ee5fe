"""Laws of calendars and clocks, on random hours, zones and histories."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agreement import OFFICE, check, form
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from itil4.service_level import Mark, NeverOpen, ServiceCalendar, Target, clock
from itil4.service_level.figure import availability, compliance, mtbf, mtbsi, mtrs, percentile
from itil4.testing.calendar_strategies import eve
from itil4.testing.strategies import calendars

# without shrinking: each step through the oracle takes a tenth of a second, and a failure names its calendar anyway
MODERATE = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@MODERATE
@given(calendars())
def test_random_calendars_agree_with_the_oracle(calendar: ServiceCalendar) -> None:
    """Any hours, in any zone, around its clock changes: open or not, elapsed, due, late_from and before."""
    definition = calendar.to_dict()
    assume(any(definition["weekly"].values()))
    check(definition, eve(calendar), step=241)


@given(calendars(), st.lists(st.integers(0, 9 * 86_400), min_size=3, max_size=3), st.integers(0, 400_000))
@settings(max_examples=100, deadline=None)
def test_elapsed_and_due_are_each_others_inverse(calendar: ServiceCalendar, offsets: list[int], seconds: int) -> None:
    """`elapsed(s, due(s, d)) == d`; elapsed is additive and monotone; before mirrors due; forms are read back."""
    origin = eve(calendar)
    a, b, c = (origin + timedelta(seconds=n) for n in sorted(offsets))
    assert calendar.elapsed(a, c) == calendar.elapsed(a, b) + calendar.elapsed(b, c)
    assert timedelta(0) <= calendar.elapsed(a, b) <= calendar.elapsed(a, c) <= c - a
    assert calendar.elapsed(a, c) == sum((y - x for x, y in calendar.windows(a, c)), timedelta())
    for again in (ServiceCalendar.from_toml(calendar.to_toml()), ServiceCalendar.from_json(calendar.to_json())):
        assert again == calendar and again.revision == calendar.revision and hash(again) == hash(calendar)
    duration = timedelta(seconds=seconds)
    try:
        due, late = calendar.due(a, duration), calendar.late_from(a, duration)
    except NeverOpen:
        return
    assert calendar.elapsed(a, due) == calendar.elapsed(a, late) == duration
    assert a <= due <= late
    assert due == late or (not calendar.is_open(due) and calendar.is_open(late))
    if duration:
        assert calendar.elapsed(a, due - timedelta(microseconds=1)) < duration
        start = calendar.before(due, duration)
        assert start >= a and calendar.elapsed(start, due) == duration
    assert calendar.elapsed(a, late + timedelta(microseconds=1)) > duration


EVENTS = st.sampled_from(["start", "pause", "resume", "stop", "reopen", "reset", "cancel", "retarget"])
OFFICE_FORM = form("Europe/Paris", OFFICE, ("2024-04-01",))
ORIGIN = datetime(2024, 3, 28, 6, tzinfo=UTC)


@st.composite
def histories(draw: st.DrawFn, events: st.SearchStrategy[str] = EVENTS) -> list[tuple[datetime, Any]]:
    made = draw(st.lists(st.tuples(st.integers(0, 200), events, st.integers(0, 2000)), max_size=9))
    return [
        (
            ORIGIN + timedelta(hours=hour),
            ("retarget", timedelta(minutes=minutes)) if event == "retarget" else event,
        )
        for hour, event, minutes in made
    ]


TARGETS = st.builds(
    Target,
    duration=st.integers(0, 3000).map(lambda n: timedelta(minutes=n)),
    reopen=st.sampled_from(["resume", "continue", "restart"]),
    retarget=st.sampled_from(["restate", "from_change"]),
    warnings=st.sampled_from([(), (0.5, 0.75), (0.9, 1.5)]),
)
ASOF = st.integers(0, 260).map(lambda n: ORIGIN + timedelta(hours=n))
OFFICE_CALENDAR = ServiceCalendar.from_dict(OFFICE_FORM)


@settings(max_examples=200, deadline=None)
@given(TARGETS, histories(), ASOF, st.randoms())
def test_a_reading_depends_on_history_alone(target: Target, history: list[Any], asof: datetime, source: Any) -> None:
    """Asking again, empty entries, later entries and lists or generators change nothing; the explanation adds up."""
    reading = clock(target, OFFICE_CALENDAR, history, asof)
    padded = [*history, (asof, None), (ORIGIN, ""), (asof + timedelta(seconds=1), "cancel")]
    assert clock(target, OFFICE_CALENDAR, iter(padded), asof) == reading
    assert clock(target, ServiceCalendar.from_dict(OFFICE_FORM), history, asof) == reading
    assert reading.explain().consumed == reading.consumed
    assert reading.remaining == (reading.promised or timedelta()) - reading.consumed
    assert reading.breached == (reading.consumed > (reading.promised or timedelta()))
    assert [item.at for item in reading.warnings] == sorted(item.at for item in reading.warnings)
    assert all(item.at <= asof for item in reading.warnings)
    assert (reading.due_at is not None) == (reading.state == "running" and not reading.breached)


@settings(max_examples=100, deadline=None)
@given(histories(), histories(), ASOF, st.randoms(use_true_random=False))
def test_the_order_of_equal_times_from_different_sources_does_not_matter(
    first: list[Any], second: list[Any], asof: datetime, source: Any
) -> None:
    """However two histories are interleaved, each keeping its own order, the reading is the same."""

    def signed(history: list[Any], name: str) -> list[Any]:
        history = sorted(history, key=lambda item: item[0])
        return [
            (at, Mark(event=m, source=name) if isinstance(m, str) else Mark(event=m[0], to=m[1], source=name))
            for at, m in history
        ]

    one, other = signed(first, "desk"), signed(second, "monitor")
    target = Target(duration=timedelta(hours=8))
    expected = clock(target, OFFICE_CALENDAR, [*one, *other], asof)
    mixed: list[Any] = []
    a, b = list(one), list(other)
    while a or b:
        mixed.append((a if a and (not b or source.random() < 0.5) else b).pop(0))
    assert clock(target, OFFICE_CALENDAR, mixed, asof) == expected


@settings(max_examples=150, deadline=None)
@given(
    TARGETS,
    histories(st.sampled_from(["start", "pause", "resume", "stop", "reopen", "cancel"])),
    st.tuples(ASOF, ASOF),
)
def test_consumption_never_decreases_and_a_breach_stays(
    target: Target, history: list[Any], instants: tuple[datetime, datetime]
) -> None:
    """INV-098 and INV-099, for a fixed target and history without a restart."""
    assume(target.reopen != "restart")
    early, late = (clock(target, OFFICE_CALENDAR, history, at) for at in sorted(instants))
    assert timedelta(0) <= early.consumed <= late.consumed <= max(instants) - ORIGIN
    assert late.breached or not early.breached
    running = sum((item.length for item in late.explain().intervals if item.counted), timedelta())
    assert late.consumed == running


@settings(max_examples=150, deadline=None)
@given(TARGETS, histories(st.sampled_from(["pause", "resume"])), st.integers(0, 200), st.integers(0, 500))
def test_a_paused_clock_never_breaches(target: Target, history: list[Any], hour: int, longer: int) -> None:
    """However long a pause lasts, the verdict is the one that it began with."""
    at = ORIGIN + timedelta(hours=hour)
    marks = [(ORIGIN, "start"), *history, (at, "pause")]
    marks = [mark for mark in marks if mark[0] <= at]
    before, after = (clock(target, OFFICE_CALENDAR, marks, asof) for asof in (at, at + timedelta(hours=longer)))
    assert before.state == after.state == "paused"
    assert (before.breached, before.consumed, before.warnings) == (after.breached, after.consumed, after.warnings)
    assert after.due_at is None and (after.if_resumed_at is not None) != after.breached


OUTAGES = st.lists(
    st.tuples(st.integers(-50, 300), st.one_of(st.none(), st.integers(0, 100))).map(
        lambda pair: (
            ORIGIN + timedelta(hours=pair[0]),
            None if pair[1] is None else ORIGIN + timedelta(hours=pair[0] + pair[1]),
        )
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(OUTAGES, st.integers(0, 250), st.randoms(use_true_random=False))
def test_ratios_stay_between_0_and_1_and_overlaps_are_merged(outages: list[Any], hours: int, source: Any) -> None:
    """INV-102 and INV-103: no division by zero, and neither order, overlap nor repetition changes availability."""
    end = ORIGIN + timedelta(hours=hours)
    figure = availability(outages, ORIGIN, end, OFFICE_CALENDAR)
    assert figure.value is None or 0 <= figure.value <= 1
    assert (figure.value is None) == (OFFICE_CALENDAR.elapsed(ORIGIN, end) == timedelta(0))
    shuffled = source.sample(outages * 2, len(outages) * 2)
    assert availability(shuffled, ORIGIN, end, OFFICE_CALENDAR).value == figure.value
    if figure.value is not None:
        minutes = int((end - ORIGIN) / timedelta(minutes=60))
        agreed = lost = 0
        for hour in range(minutes):
            at = ORIGIN + timedelta(hours=hour)
            if OFFICE_CALENDAR.is_open(at):
                agreed += 1
                lost += any(down <= at and (up is None or at < up) for down, up in outages)
        assert abs(figure.value - (agreed - lost) / agreed) < 1e-9
    for fold in (mtrs, mtbf, mtbsi):
        mean = fold(outages, ORIGIN, end, OFFICE_CALENDAR)
        assert mean.n >= 0 and mean.censored >= 0
        assert (mean.value is None) == (mean.n == 0)
        assert mean.value is None or mean.value >= timedelta(0)


@given(st.lists(st.one_of(st.none(), st.integers(0, 50))), st.integers(1, 1000).map(lambda n: n / 10))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(values: list[int | None], percent: float) -> None:
    """Nearest rank, by its definition; censored values are counted and left out."""
    figure = percentile(values, percent)
    known = [value for value in values if value is not None]
    assert (figure.n, figure.censored) == (len(known), len(values) - len(known))
    enough = [v for v in known if sum(w <= v for w in known) * 1000 >= round(percent * 10) * len(known)]
    assert figure.value == (min(enough) if known else None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TARGETS, histories()), max_size=5), st.sampled_from(["due", "stopped"]))
def test_compliance_is_a_ratio_or_nothing(clocks: list[Any], by: Any) -> None:
    """INV-102 for clocks in any state."""
    end = ORIGIN + timedelta(days=9)
    readings = [clock(target, OFFICE_CALENDAR, history, end) for target, history in clocks]
    figure = compliance(readings, ORIGIN, end, by=by)
    assert figure.n + figure.censored <= len(readings)
    assert (figure.value is None) if figure.n == 0 else 0 <= figure.value <= 1
