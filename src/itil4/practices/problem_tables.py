"""The tables of the reference of problem management, made from the lifecycles themselves."""

from collections.abc import Iterator

from itil4.lifecycle import Lifecycle
from itil4.practices.error_control import ROLES
from itil4.practices.known_errors import LIFECYCLE as KNOWN_ERROR
from itil4.practices.problem_figures import figure_table
from itil4.practices.problem_management import LIFECYCLE, STAGES


def stage_table() -> Iterator[str]:
    """Return the eight stages with their phases, states and verbs, as lines of Markdown."""
    yield "| stage | phase | states | verbs |"
    yield "|---|---|---|---|"
    for stage in STAGES:
        states, verbs = (", ".join(f"`{name}`" for name in names) or "-" for names in (stage.states, stage.verbs))
        yield f"| {stage.name} | {stage.phase} | {states} | {verbs} |"


def role_table(lifecycle: Lifecycle) -> Iterator[str]:
    """Return who may take which step from which states, as lines of Markdown."""
    yield f"| step | from | to | {' | '.join(role.replace('_', ' ') for role in ROLES)} |"
    yield "|---|---|---|" + "---|" * len(ROLES)
    rows: dict[tuple[str, frozenset[str] | None], tuple[dict[str, None], dict[str, None]]] = {}
    for source, each in lifecycle.arrows:
        roles = frozenset() if each.internal else each.roles  # time takes an internal step, nobody else
        sources, targets = rows.setdefault((each.event, roles), ({}, {}))
        sources[source] = None
        targets.update(dict.fromkeys("(stays)" if target == source else target for target in each.targets))
    for (event, roles), (sources, targets) in rows.items():
        may = ("yes" if roles is None or role in roles else "" for role in ROLES)
        yield f"| `{event}` | {', '.join(sources)} | {', '.join(targets)} | {' | '.join(may)} |"


def page() -> str:
    """Return the reference page."""
    parts = [
        _HEAD,
        "## Stages and phases\n\nThe eight stages of the notes, each in its phase (INV-049).",
        "\n".join(stage_table()),
        "## Who may do what to a problem\n\nWho owns a problem is its problem owner; who has it in hand is its "
        "technical analyst.\nOther roles take none of these steps. `remind` is taken by time alone.",
        "\n".join(role_table(LIFECYCLE)),
        "## Who may do what to a known error that is a record of its own",
        "\n".join(role_table(KNOWN_ERROR)),
        "## Pictures\n\n```mermaid\n" + LIFECYCLE.mermaid().strip() + "\n```",
        "## Figures\n\n`itsm.problems.figures(since=..., until=..., window=...)`; durations are calendar time.",
        "\n".join(figure_table()),
    ]
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Problem management

Made from the lifecycles in `itil4.practices`; a test compares this page with them. How to work with it is in
[from recurring incidents to a closed problem](../how-to/recurring-incidents.md), and why it is so in
[effect and cause](../explanation/effect-and-cause.md)."""
