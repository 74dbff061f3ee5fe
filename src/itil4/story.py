"""The story that `python -m itil4` tells: mail goes down, and comes back."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import itil4
from itil4.clock import FrozenClock, TimeOrderedIds
from itil4.errors import Refused, StoreError

_MORNING = datetime(2026, 3, 2, 8, 55, tzinfo=UTC)
_WIDTH = 80
_FIGURES = ("efficiency", "quality", "downtime", "time_to_acknowledge", "time_to_restore", "first_contact_share")


def tell(folder: Path) -> Iterator[str]:
    """Run the story on a new SQLite file in `folder`, and yield what happens, line by line.

    A file of an earlier run is replaced; the same story gives the same lines.

    Raises:
        StoreError: the folder cannot be written.
    """
    store = folder / "desk.db"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("desk.db*"):
            left.unlink()
    except OSError as error:
        raise StoreError.of(
            "store_failed", action=f"write to {folder}", error=str(error), remedy="Give another folder with --into."
        ) from error
    clock = FrozenClock(_MORNING)
    with itil4.connect(
        f"sqlite:///{store}",
        clock=clock,
        ids=TimeOrderedIds(clock, random.Random(4)),
        directory=itil4.People(
            {"sam": ("mail team",), "ida": ("service desk",), "mia": ("problems",), "cat": ("changes",)}
        ),
    ) as itsm:
        yield f"A service desk opens on {store}."
        yield from _outage(itsm, clock)
        yield from _problem(itsm, clock)
        yield from _told(itsm)
        picture = folder / "incident.mmd"
        picture.write_text(itsm.incidents.lifecycle.mermaid(), encoding="utf-8")
        yield ""
        yield f"Its lifecycle, as a Mermaid picture: {picture}"


def _outage(itsm: itil4.ServiceManagement, clock: FrozenClock) -> Iterator[str]:
    ana = itil4.Actor("ana", roles={"user"}, via="phone")
    ida = itil4.Actor("ida", roles={"service_desk"})
    sam = itil4.Actor("sam", roles={"technical_specialist"})

    def later(minutes: int) -> str:
        return f"{clock.tick(timedelta(minutes=minutes)):%H:%M}"

    incidents: Any = itsm.incidents
    when = later(5)
    mail = incidents.log(
        summary="Mail is down", impact="high", urgency="high", service="mail",
        occurred_at=_MORNING - timedelta(minutes=10), by=ana,
    )  # fmt: skip
    yield f"{when}  Ana calls: mail is down since 08:45. It is {mail.number}, priority {mail.priority}."
    when = later(2)
    mail = incidents.assign(mail, to="sam", group="mail team", by=ida)
    yield f"{when}  Ida assigns it to Sam of the mail team; it is {mail.state} now."
    when = later(1)
    try:
        incidents.close(mail, by=sam)
    except Refused as refusal:
        yield f"{when}  Sam tries to close it. Refused:"
        yield from _wrapped(str(refusal), "       ")
    steps = [step.event for step in incidents.available(mail, by=ana)]
    yield f"       Ana's buttons: {', '.join(steps)}."
    when = later(3)
    mail = incidents.start(mail, by=sam)
    mail = incidents.comment(mail, "The relay drops connections; looking.", audience="user", by=sam)
    yield f"{when}  Sam starts, and tells Ana that the relay drops connections."
    when = later(10)
    mail = incidents.hold(mail, kind="vendor", reason="Asked the relay's maker for a patch.", by=sam)
    yield f"{when}  It waits for the vendor: {mail.state}, {mail.hold_kind}."
    when = later(35)
    mail = incidents.resume(mail, by=sam)
    mail = incidents.restore(mail, by=sam)
    yield f"{when}  The patch is in and service is back, but the work is not done yet."
    when = later(20)
    decision = incidents.explain(mail, "resolve", by=sam)
    yield f"{when}  May Sam resolve it? Not yet: {decision.reasons[0].message}"
    mail = incidents.resolve(mail, resolution="Patched and restarted the relay.", code="fix", by=sam)
    yield f"       With a resolution he can: {mail.state}, code {mail.resolution_code}."
    when = later(60)
    mail = incidents.close(mail, reason="Mail works again.", by=ana)
    yield f"{when}  Ana confirms and closes it: {mail.state}, {mail.close_reason}."


def _problem(itsm: itil4.ServiceManagement, clock: FrozenClock) -> Iterator[str]:
    ben = itil4.Actor("ben", roles={"user"})
    ida = itil4.Actor("ida", roles={"service_desk"})
    tom = itil4.Actor("tom", roles={"technical_analyst"})
    mia = itil4.Actor("mia", roles={"problem_manager"})
    problems: Any = itsm.problems
    yield ""
    clock.tick(timedelta(hours=1))
    leak = problems.log(summary="The relay drops connections", service="mail", incidents=["INC0000001"], by=ida)
    leak = problems.categorize(leak, category="software", impact="high", urgency="medium", by=ida)
    leak = problems.investigate(leak, by=tom)
    leak = problems.add_cause(
        leak, "leak", "Each connection leaks memory.", technique="5 whys", confidence="confirmed",
        evidence=["heap.prof"], by=tom,
    )  # fmt: skip
    yield f"But why did it fail? {leak.number}: {leak.causes[0].text}"
    leak = problems.conclude(leak, by=mia)
    leak = problems.add_workaround(leak, "restart", "Restart the relay.", effect="service restored", by=tom)
    leak = problems.publish_workaround(leak, "restart", by=mia)
    yield f"It is a {leak.state.replace('_', ' ')} now. Until it is fixed: {leak.workaround}"
    clock.tick(timedelta(days=1))
    again = itsm.incidents.log(summary="The relay drops connections again", service="mail", by=ben)
    (match,) = itsm.known_errors.match(again, by=ida)
    itsm.known_errors.accept(match, by=ida)
    again = problems.use_workaround(leak.id, again.number, by=ida)
    yield f"Ben calls next day: {again.number} matches it ({match.reasons[0]})."
    yield f"The workaround helps him at once: {again.state} by {again.resolution_code}."
    leak = problems.develop(leak.id, by=tom)
    yield from _change(itsm, clock, leak)
    leak = problems.resolve(leak.id, resolution="Relay 2.4 is in.", by=tom)
    leak = problems.confirm(leak, by=ida)
    clock.tick(timedelta(days=30))
    leak = problems.close(leak, by=mia)
    leak = problems.review(leak, review="Watch memory from the start.", by=mia)
    yield f"A month after the fix {leak.number} is closed ({leak.close_reason}) and {leak.state}."


def _change(itsm: itil4.ServiceManagement, clock: FrozenClock, leak: itil4.Problem) -> Iterator[str]:
    mia = itil4.Actor("mia", roles={"problem_manager", "change_coordinator"})
    cat = itil4.Actor("cat", roles={"change_authority"})
    changes: Any = itsm.changes
    night = clock.now() + timedelta(hours=12)
    relay = changes.log(
        summary="Put in relay 2.4", type="normal", resolves=[leak.id], planned_start=night,
        planned_end=night + timedelta(hours=1), implementation_plan="Install relay 2.4.",
        backout_plan="Start relay 2.3 again.", test_plan="Send a thousand mails.", by=mia,
    )  # fmt: skip
    relay = changes.assess(relay, by=mia)
    relay = changes.assess_risk(relay, {"reach": "one service", "experience": "once", "undo": "at once"}, by=mia)
    relay = changes.submit(relay, by=mia)
    yield f"The fix is a change: {relay.number}, risk {relay.risk}. It waits for its authority:"
    yield from _wrapped(changes.explain(relay, "implement", by=mia).reasons[0].message, "       ")
    relay = changes.approve(relay, reason="Go.", by=cat)
    yield f"Cat of the change authority approves it: {relay.state}."
    clock.tick(timedelta(hours=12))
    relay = changes.implement(relay, by=mia)
    clock.tick(timedelta(minutes=40))
    relay = changes.review(relay, close_code="successful", by=mia)
    decision = itsm.problems.explain(leak.id, "resolve", resolution="Relay 2.4 is in.", by=mia)
    yield f"It is done, and the problem waits: {decision.reasons[0].detail['text']}"
    relay = changes.close(relay, by=mia)
    relay = changes.record_review(relay, "No leak in ten minutes.", by=mia)
    yield f"{relay.number} is {relay.state}, {relay.close_code}, and reviewed."


def _told(itsm: itil4.ServiceManagement) -> Iterator[str]:
    incidents = itsm.incidents
    mail = incidents.get("INC0000001")
    yield ""
    yield f"The history of {mail.reference}:"
    for entry in incidents.history(mail):
        move = f"{entry.from_state or '-'} -> {entry.to_state}" if entry.to_state else entry.op
        note = entry.reason or (entry.comment.text if entry.comment else "")
        yield f"  {entry.seq:>2}  {entry.at:%H:%M}  {entry.by:<4} {entry.event or '':<8} {move:<25} {note}"[
            :_WIDTH
        ].rstrip()
    same = incidents.replayed(mail) == mail
    yield f"Replaying it gives the stored record: {'yes' if same else 'no'}."
    yield ""
    yield "What the history tells:"
    figures = incidents.figures()
    for name in _FIGURES:
        yield f"  {figures[name].title:<26} {figures[name].shown:>10}   of {figures[name].n}"


def _wrapped(text: str, indent: str) -> Iterator[str]:
    line = indent
    for word in text.split():
        if len(line) + len(word) + 1 > _WIDTH:
            yield line.rstrip()
            line = indent
        line += word + " "
    yield line.rstrip()
