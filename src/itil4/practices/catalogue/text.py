"""The catalogue as plain text, for a terminal of 80 columns."""

import textwrap
from collections.abc import Iterable

from itil4.practices.catalogue.collection import PracticeCatalogue, catalogue
from itil4.practices.catalogue.profile import EDITORIAL, PracticeProfile
from itil4.value.chain import ACTIVITIES
from itil4.vocabulary import PracticeGroup

WIDTH = 80
_GROUPS: dict[PracticeGroup, str] = {
    "general": "General management",
    "service": "Service management",
    "technical": "Technical management",
}
_EDITION_5 = {"general": "general", "product_and_service": "product and service", "disputed": "group disputed"}
_BARS = {"none": "...", "low": "#..", "medium": "##.", "high": "###"}


def show_practices(name: str | None = None, among: PracticeCatalogue | None = None, width: int = WIDTH) -> str:
    """Return the list of practices, or one practice by id or name, as text of at most `width` columns.

    Args:
        name: id or name of one practice; without it, all are listed.
        among: the practices to show; without it, the 34.
        width: columns, at least 40.

    Raises:
        NotFound: there is no practice of that name; the message offers the nearest.

    >>> print(show_practices("service desk").splitlines()[0])
    Service desk (service_desk)
    """
    known, width = among if among is not None else catalogue(), max(40, width)
    return list_practices(known, width) if name is None else describe_practice(known[name], width)


def describe_practice(practice: PracticeProfile, width: int = WIDTH) -> str:
    """Return everything that the catalogue says about one practice."""
    title = f"{practice.name} ({practice.id})"
    lines = [*textwrap.wrap(title, width), "=" * min(len(title), width)]
    lines += textwrap.wrap(f"{_GROUPS[practice.category]} practice. {practice.purpose}", width)
    lines += ["", f"Contribution to the value chain ({EDITORIAL if practice.edition_5 else 'as you declared it'})"]
    for activity in ACTIVITIES:
        level = practice.contribution[activity.id]
        lines.append(f"  {activity.name:<22}{_BARS[level]}  {level}")
    sure = practice.success_factors_confidence
    for heading, items in (
        ("Key terms", practice.key_terms),
        ("Roles", practice.roles),
        ("Inputs", practice.inputs),
        ("Outputs", practice.outputs),
        (f"Success factors ({sure})" if sure else "Success factors", practice.success_factors),
        ("Metrics", practice.metrics),
        ("Record types", practice.record_types),
        ("Model types", practice.model_types),
        ("Works with", practice.related),
    ):
        lines += _section(heading, items, width)
    if practice.edition_5:
        fifth = practice.edition_5
        lines += ["", *textwrap.wrap(f"ITIL (Version 5): {fifth.name}, {_EDITION_5[fifth.group]}", width)]
    if practice.module:
        lines += ["", *textwrap.wrap(f"Module: {practice.module}", width, break_long_words=False)]
    return "\n".join(lines)


def list_practices(known: PracticeCatalogue, width: int = WIDTH) -> str:
    """Return all practices by group, each with its id and its purpose."""
    lines: list[str] = []
    for group, title in _GROUPS.items():
        found = known.of(group)
        heading = f"{title} practices ({len(found)})"
        lines += [heading, "-" * len(heading)]
        for practice in found:
            mark = " *" if practice in known.own else ""
            lines += textwrap.wrap(f"{practice.name}{mark}", width, initial_indent="  ", subsequent_indent="    ")
            lines += textwrap.wrap(practice.purpose, width, initial_indent="      ", subsequent_indent="      ")
        lines.append("")
    if known.own:
        lines.append("* a practice of your own")
    return "\n".join(lines).rstrip()


def _section(heading: str, items: Iterable[str], width: int) -> list[str]:
    lines = [
        line for item in items for line in textwrap.wrap(item, width, initial_indent="  - ", subsequent_indent="    ")
    ]
    return ["", heading, *lines] if lines else []
