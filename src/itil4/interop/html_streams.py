"""The part of the report on value streams: the map, its figures, flow over time, and what to improve first."""

from collections.abc import Collection, Iterable
from datetime import datetime

from itil4.clock import Calendar
from itil4.errors import InvalidInput
from itil4.interop.html_page import Page, Told
from itil4.itsm import ServiceManagement
from itil4.practices.streams import observations
from itil4.record import Actor
from itil4.value import (
    Distribution,
    Observation,
    StreamMap,
    ValueStream,
    ageing,
    cumulative_flow,
    observe,
)
from itil4.value.drawing import short

_WAYS = 10


def add_streams(
    page: Page,
    itsm: ServiceManagement,
    streams: Iterable[ValueStream],
    window: tuple[datetime, datetime] | None,
    calendar: Calendar | None,
    excluding: Collection[str],
    by: Actor | None,
) -> None:
    """Add a section for each stream of which something is recorded."""
    for stream in streams:
        try:
            told = list(observations(itsm, stream, excluding=excluding, by=by))
        except InvalidInput as error:
            if error.code != "no_states":
                raise
            continue
        if told:
            _add_stream(page, stream, told, window, calendar)


def _add_stream(
    page: Page,
    stream: ValueStream,
    told: list[Observation],
    window: tuple[datetime, datetime] | None,
    calendar: Calendar | None,
) -> None:
    seen = observe(stream, told, calendar=calendar, window=window)
    time = "service time" if calendar is not None else "calendar time"
    page.section(
        f"Value stream: {stream.name}",
        f"From {stream.trigger} to {stream.outcome}, as it was between {seen.start:%Y-%m-%d} and {seen.end:%Y-%m-%d}, "
        f"in {time}.",
    )
    page.drawing(seen.svg(columns=4), seen.svg(columns=1))
    if seen.bottleneck is not None:
        page.text(f"Where to improve first: {seen.bottleneck.reason}")
    for problem in seen.problems:
        page.text(str(problem))
    old = ageing(stream, told, calendar=calendar, window=window)
    open_ones = [each.case for each in old.open]
    for figure in _figures(seen, open_ones):
        page.figure(figure)
    if seen.steps:
        page.heading("Steps")
        page.table(
            ["Step", "Visits", "Rework", "Work per case", "Wait per case", "Complete and accurate"],
            [
                (each.step, f"{each.visits:,}", f"{each.rework:,}", short(each.work / seen.finished),
                 short(each.wait / seen.finished),
                 "-" if each.complete_and_accurate is None else f"{each.complete_and_accurate:.1%}")
                for each in seen.steps
            ],
        )  # fmt: skip
    if seen.variants:
        page.heading("Ways through")
        more = len(seen.variants) - _WAYS
        if more > 0:
            page.text(f"The {_WAYS} most frequent; {more:,} more were taken.")
        page.table(
            ["Way", "Cases", "Share"],
            [(" → ".join(each.path), f"{each.cases:,}", f"{each.share:.1%}") for each in seen.variants[:_WAYS]],
        )
    page.heading("Over time")
    flow = cumulative_flow(stream, told, window=window)
    page.drawing(flow.svg(), flow.svg(width=340))
    if old.open:
        page.drawing(old.svg(), old.svg(width=340))


def _figures(seen: StreamMap, open_ones: list[str]) -> list[Told]:
    behind = [("Cases", seen.finished_cases)]

    def why(figure: str) -> list[str]:
        return [str(seen.unknown[figure])] if figure in seen.unknown else []

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    found = [
        Told(title="Lead time", value=short(seen.lead.mean if seen.lead else None), n=f"n {seen.finished:,}",
             definition="Mean time from the first observation of a case to the moment after which it is never open "
             "again, over the cases that finished.", notes=_spread(seen.lead), records=behind),
        Told(title="Flow efficiency", value=share(seen.flow_efficiency), notes=why("flow_efficiency"),
             definition="Time in states in which somebody works, by lead time.", records=behind),
        Told(title="Value-added ratio", value=share(seen.value_added_ratio), notes=why("value_added_ratio"),
             definition="Time at work in the steps that the consumer would miss, by lead time.", records=behind),
        Told(title="Activity ratio", value=share(seen.activity_ratio), notes=why("activity_ratio"),
             definition="Hands-on time that was recorded, by lead time.", records=behind),
        Told(title="Rolled complete and accurate", value=share(seen.rolled_complete_and_accurate),
             notes=why("rolled_complete_and_accurate"),
             definition="Share of cases that pass every step without being sent back: the product over the steps that "
             "were judged.", records=behind),
        Told(title="Hand-offs", value=f"{seen.handoffs:,}",
             definition="How often a finished case went from one group, or else one person, to another.",
             records=behind),
        Told(title="Takt", value=short(seen.takt), n=f"n {seen.arrived:,}",
             definition="The period by the number of cases that arrived in it: the pace that demand asks for."),
        Told(title="Load", value=f"{seen.little.load:,.1f} cases",
             definition="Mean number of cases in the stream at once.",
             notes=[f"By Little's law {seen.little.load - seen.little.gap:,.1f} of them are accounted for by the cases "
                    "that finished; a large gap says that the period is not typical."]),
        Told(title="Open at the end", value=f"{seen.open:,}", notes=_spread(seen.ages),
             definition="Cases that are open at the end; they have an age and no lead time yet.",
             records=[("Cases, oldest first", open_ones)]),
    ]  # fmt: skip
    for (category, kind), wait in sorted(seen.waits.items(), key=lambda item: -item[1]):
        what = category if kind == "unspecified" else f"{category}: {kind}"
        part = wait / seen.wait if seen.wait else 0.0
        told = Told(
            title=f"Wait, {what}",
            value=short(wait / seen.finished),
            n=f"{part:.1%} of all waiting",
            definition="Mean time per finished case in states of this category, for this reason.",
            records=behind,
        )
        found.append(told)
    return found


def _spread(spread: Distribution | None) -> list[str]:
    if spread is None:
        return []
    named = ("shortest", "median", "p85", "p95", "longest")
    return ["; ".join(f"{name} {short(getattr(spread, name))}" for name in named)]
