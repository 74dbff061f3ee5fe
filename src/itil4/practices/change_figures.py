"""The figures of change enablement: how changes went, how long they took, what they broke, and what is still owed.

Folded from the histories of changes, and of the incidents that are linked to them as `caused_by`; durations
are calendar time. A change is completed when it closes; how it went is its last close code, which a review
after closure may correct.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from itil4.errors import InvalidInput, ITIL4Error, nearest
from itil4.practices.change_values import SUCCEEDED
from itil4.practices.figures import Figure, Figures, Period
from itil4.practices.measuring import Definition, Tally, averaged, counted, measure, shared
from itil4.practices.stories import Move, Story
from itil4.record import Actor

if TYPE_CHECKING:
    from itil4.practices.change_enablement import ChangeEnablement


def completion(story: Story) -> Move | None:
    """Return where a change closed; None while it has not, or when it was cancelled."""
    return story.last("closed")


def _completed(story: Story, period: Period) -> bool:
    done = completion(story)
    return done is not None and period.holds(done.at) and story.value("close_code") is not None


def _success(story: Story, period: Period, tally: Tally) -> None:
    if _completed(story, period):
        code = story.value("close_code")
        tally.add(story, code in SUCCEEDED, str(code).replace("_", " "))
    elif story.is_open or story.category == "resolved":
        tally.wait(story)


def _rolled_back(story: Story, period: Period, tally: Tally) -> None:
    if _completed(story, period):
        tally.add(story, story.value("close_code") == "rolled_back")


def _realization(story: Story, period: Period, tally: Tally) -> None:
    if _completed(story, period):
        done = completion(story)
        tally.add(story, (done.at if done else period.end) - story.born.at)
    elif story.is_open or story.category == "resolved":
        tally.wait(story)


def _authorization(story: Story, period: Period, tally: Tally) -> None:
    asked: datetime | None = None
    for move in story.moves:
        if move.entry.event == "submit":
            asked = move.at
        elif move.entry.event in ("authorize", "refuse") and asked is not None:
            if period.holds(move.at):
                tally.add(story, move.at - asked)
            asked = None
    if asked is not None and story.moves[-1].category == "waiting":
        tally.wait(story)


def _refused(story: Story, period: Period, tally: Tally) -> None:
    for move in story.moves:
        if move.entry.event in ("authorize", "refuse") and period.holds(move.at):
            tally.add(story, move.entry.event == "refuse")


def _emergency(story: Story, period: Period, tally: Tally) -> None:
    if _completed(story, period):
        tally.add(story, story.value("type") == "emergency")


def _late(story: Story, period: Period, tally: Tally) -> None:
    ended, planned = story.value("actual_end"), story.value("planned_end")
    if ended is not None and planned is not None and period.holds(ended):
        tally.add(story, ended > planned)


def _owed(story: Story, period: Period, tally: Tally) -> None:
    if story.value("review_pending") and story.value("actual_end") is not None:
        tally.add(story, 1)


@attrs.frozen
class _Caused:
    """Which incidents the changes caused, by the ids of the changes."""

    incidents: Mapping[str, int]

    def count(self, story: Story, period: Period, tally: Tally) -> None:
        """Count those of a change whose work was done in the period."""
        done = story.value("actual_end")
        number = self.incidents.get(story.born.record_id, 0)
        if number and done is not None and period.holds(done):
            tally.add(story, number)

    def share(self, story: Story, period: Period, tally: Tally) -> None:
        """Say whether a completed change caused any."""
        if _completed(story, period):
            tally.add(story, bool(self.incidents.get(story.born.record_id)))


SUCCESS = Definition(
    name="success_rate", word="effective", title="Change success rate", unit="share",
    definition="Of the changes that closed in the period, the share that was successful, with issues or without.",
    reads="the last close code of closed changes", measure=_success, fold=shared,
)  # fmt: skip
"""Successful by completed; None where none is completed (INV-070)."""


def definitions(caused: _Caused) -> tuple[Definition, ...]:
    """Return the table of the figures."""
    codes, moves = "the last close code of closed changes", "births and steps of changes"
    return (
        SUCCESS,
        Definition(
            name="rolled_back", title="Changes rolled back", unit="share",
            definition="Of the changes that closed in the period, the share that was rolled back.",
            reads=codes, measure=_rolled_back, fold=shared,
        ),
        Definition(
            name="realization_time", word="timely", title="Realization time", unit="seconds",
            definition="Mean time from the record of a change to its closure, of those that closed in the period.",
            reads=moves, measure=_realization, fold=averaged,
        ),
        Definition(
            name="authorization_time", title="Time to authorization", unit="seconds",
            definition="Mean time from submitting a change to what the authority decided, of decisions in the period.",
            reads=moves, measure=_authorization, fold=averaged,
        ),
        Definition(
            name="refused", title="Authorizations refused", unit="share",
            definition="Of the decisions of authorities in the period, the share that was a refusal.",
            reads=moves, measure=_refused, fold=shared,
        ),
        Definition(
            name="late", title="Changes later than planned", unit="share",
            definition="Of the changes whose work ended in the period and had a plan, the share that ended after it.",
            reads="planned_end and actual_end", measure=_late, fold=shared, steps=False,
        ),
        Definition(
            name="emergency_share", title="Emergency changes", unit="share",
            definition="Of the changes that closed in the period, the share of emergency changes.",
            reads=codes, measure=_emergency, fold=shared,
        ),
        Definition(
            name="caused_incidents", word="harm kept small", title="Incidents caused by changes", unit="count",
            definition="Incidents linked as caused_by to changes whose work ended in the period.",
            reads="links of incidents", measure=caused.count, fold=counted, steps=False,
        ),
        Definition(
            name="change_failure_rate", title="Changes that caused incidents", unit="share",
            definition="Of the changes that closed in the period, the share that caused an incident.",
            reads="links of incidents", measure=caused.share, fold=shared,
        ),
        Definition(
            name="reviews_owed", word="governance", title="Reviews owed", unit="count",
            definition="Changes whose work was over at the end of the period, and whose review is not written yet.",
            reads="review_pending", measure=_owed, fold=counted, steps=False,
        ),
    )  # fmt: skip


def change_figures(
    practice: "ChangeEnablement[Any]", *, since: datetime | None = None, until: datetime | None = None,
    split: str | Iterable[str] = (), by: Actor | None = None, excluding: Iterable[str] = (),
) -> Figures:  # fmt: skip
    """Return the figures of change enablement; the arguments are those of `itil4.practices.measuring.measure`."""
    caused: dict[str, int] = defaultdict(int)
    for entries in practice.desk.in_slot("incidents").histories(by=by):
        standing = set()
        for entry in entries:
            if until is not None and entry.at >= until:
                break
            if entry.op == "link":
                standing.add(entry.link)
            elif entry.op == "unlink":
                standing.discard(entry.link)
        for each in standing:
            if each is not None and each[0] == "caused_by":
                caused[each[1]] += 1
    table = definitions(_Caused(dict(caused)))
    return measure(practice, table, since=since, until=until, split=split, by=by, excluding=excluding)


def success_rate(
    practice: "ChangeEnablement[Any]", *, since: datetime | None, until: datetime | None, by: Actor | None,
    only: Mapping[str, Any],
) -> Figure:  # fmt: skip
    """Return the success rate of the changes that have certain values; `item` asks for changes of an item.

    Raises:
        InvalidInput: changes have no such field.
    """
    wanted = {name: value for name, value in only.items() if name != "item"}
    for name in wanted:
        if practice.shape.get(name) is None:
            known = sorted({*practice.shape.fields, "item"})
            raise InvalidInput.of("bad_split", record=practice.kind, field=name, nearest=nearest(name, known))
    items = _names_of(practice, only["item"], by) if "item" in only else None

    def chosen(story: Story) -> bool:
        if items is not None:
            touched = {*(story.value("items") or ()), *(end for name, end in story.links if name == "affects")}
            if items.isdisjoint(touched):
                return False
        return all(story.value(name) == value for name, value in wanted.items())

    def take(story: Story, period: Period, tally: Tally) -> None:
        if chosen(story):
            _success(story, period, tally)

    table = (attrs.evolve(SUCCESS, measure=take),)
    return measure(practice, table, since=since, until=until, by=by)["success_rate"]


def _names_of(practice: "ChangeEnablement[Any]", item: Any, by: Actor | None) -> frozenset[str]:
    """Return everything that an item is called by: what was given, and its number and id where it is a record."""
    if isinstance(item, str):
        try:
            item = practice.desk.in_slot("configuration_items").get(item, by=by)
        except ITIL4Error:  # the name of an item that has no record here
            return frozenset((item,))
    return frozenset(filter(None, (item.id, item.number, item.reference)))


def figure_table() -> Iterator[str]:
    """Return the table of the figures as lines of Markdown."""
    yield "| word | figure | unit | definition |"
    yield "|---|---|---|---|"
    for each in definitions(_Caused({})):
        unit = {"seconds": "calendar time"}.get(each.unit, each.unit)
        yield f"| {each.word or ''} | `{each.name}`: {each.title} | {unit} | {each.definition} |"


__all__ = ["SUCCESS", "change_figures", "completion", "figure_table", "success_rate"]
