"""The reference of relationship management, made from the lifecycles, the figures and the default policy themselves."""

from collections.abc import Iterator

from itil4.practices.change_tables import step_table
from itil4.practices.relationship import (
    accounts,
    complaints,
    contacts,
    interactions,
    leads,
    opportunities,
    stakeholders,
    surveys,
)
from itil4.practices.relationship.figures import figure_table
from itil4.practices.relationship.policy import DEFAULT

_KINDS = (
    (accounts.Accounts, "Accounts"),
    (contacts.Contacts, "Contacts"),
    (interactions.Interactions, "Interactions"),
    (stakeholders.Stakeholders, "Stakeholders"),
    (leads.Leads, "Leads"),
    (opportunities.Opportunities, "Opportunities"),
    (complaints.Complaints, "Complaints"),
    (surveys.SatisfactionSurveys, "Satisfaction surveys"),
)


def scale_table() -> Iterator[str]:
    """Return the scales of the default policy, as lines of Markdown."""
    yield "| scale | from | to | speaks for us | speaks against us | adds to |"
    yield "|---|---|---|---|---|---|"
    for each in DEFAULT.scales:
        bad = "-" if each.bad_to is None else f"up to {each.bad_to}"
        yield f"| `{each.name}` | {each.lowest} | {each.highest} | from {each.good_from} | {bad} | `{each.measure}` |"


def grid_table() -> Iterator[str]:
    """Return the default stakeholder grid, as lines of Markdown."""
    levels = DEFAULT.grid.levels
    yield f"| influence \\ interest | {' | '.join(levels)} |"
    yield "|---|" + "---|" * len(levels)
    for influence in levels:
        yield f"| {influence} | {' | '.join(DEFAULT.grid(influence, interest) for interest in levels)} |"


def page() -> str:
    """Return the reference page."""
    parts = [_HEAD]
    for practice, title in _KINDS:
        parts += [f"## {title}\n\n`itsm.{practice.slot}`", "\n".join(step_table(practice.lifecycle))]
        parts += ["\n".join(figure_table(practice.measured))]
    parts += [
        "## Default policy\n\n`connect(policies={\"account\": RelationshipPolicy(...)})` replaces it.",
        f"Channels: {', '.join(DEFAULT.channels)}.",
        "\n".join(scale_table()),
        "\n".join(grid_table()),
        "Probabilities of the stages, in percent: "
        + ", ".join(f"{stage} {percent}" for stage, percent in DEFAULT.probabilities.items()) + ".",
        "## Pictures",
        *(f"```mermaid\n{practice.lifecycle.mermaid().strip()}\n```" for practice, _ in _KINDS),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Relationship management

Made from the lifecycles and figures in `itil4.practices.relationship`; a test compares this page with them. How to work
with it is in [relationships](../how-to/relationships.md). Every practice answers with `figures(since=..., until=...,
split=...)`; durations are calendar time, money is exact and never added up across currencies."""
