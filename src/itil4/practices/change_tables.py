"""The tables of the reference of change enablement, made from the lifecycles and models themselves."""

from collections.abc import Iterator

from itil4.lifecycle import Lifecycle
from itil4.practices.change_figures import figure_table
from itil4.practices.change_lifecycle import LIFECYCLE
from itil4.practices.change_models import BUILT_IN, RISK, ChangeModel
from itil4.practices.change_register import LIFECYCLE as REGISTER


def step_table(lifecycle: Lifecycle) -> Iterator[str]:
    """Return who may take which step from which states, as lines of Markdown."""
    yield "| step | from | to | who |"
    yield "|---|---|---|---|"
    rows: dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for source, each in lifecycle.arrows:
        who = "the library alone" if each.internal else ", ".join(sorted(each.roles or ())).replace("_", " ")
        sources, targets = rows.setdefault((each.event, who), ({}, {}))
        sources[source] = None
        targets.update(dict.fromkeys("(stays)" if target == source else target for target in each.targets))
    for (event, who), (sources, targets) in rows.items():
        yield f"| `{event}` | {', '.join(sources)} | {', '.join(targets)} | {who} |"


def model_table() -> Iterator[str]:
    """Return what the built-in models and a standard one say, as lines of Markdown."""
    yield "| model | ways | authority | requires | review |"
    yield "|---|---|---|---|---|"
    standard = ChangeModel(name="each of the register", type="standard", preauthorized=True, review="on_failure")
    for model in (*BUILT_IN, standard):
        ways = {target: None for into in model.lifecycle.values() for targets in into.values() for target in targets}
        states = ", ".join(["new", *(state for state in LIFECYCLE.by_name if state in ways and state != "new")])
        authority = ", ".join(each.authority for each in model.authorities) or "that of the model, once"
        requires = ", ".join(f"`{name}`" for name in model.requires)
        yield f"| {model.name} ({model.type}) | {states} | {authority} | {requires} | {model.review} |"


def risk_table() -> Iterator[str]:
    """Return the cases of the built-in risk rule, as lines of Markdown."""
    yield "| answers | risk |"
    yield "|---|---|"
    for case in RISK.cases:
        yield f"| {case.told} | {case.risk} |"
    yield f"| anything else | {RISK.otherwise} |"


def page() -> str:
    """Return the reference page."""
    questions = [f"- `{each.name}`: {each.text} ({', '.join(each.choices)})" for each in RISK.questions]
    parts = [
        _HEAD,
        "## Models",
        "\n".join(model_table()),
        "## Who may do what to a change\n\nA model says which of these steps its changes have; others are refused and "
        "are no buttons.",
        "\n".join(step_table(LIFECYCLE)),
        "## The register of change models",
        "\n".join(step_table(REGISTER)),
        "## Risk\n\nThe questionnaire to start from; the first case that holds decides.",
        "\n".join(questions),
        "\n".join(risk_table()),
        "## Picture\n\n```mermaid\n" + LIFECYCLE.mermaid().strip() + "\n```",
        "## Figures\n\n`itsm.changes.figures(since=..., until=..., split=...)` and "
        "`itsm.changes.success_rate(model=..., group=..., item=...)`; durations are calendar time.",
        "\n".join(figure_table()),
    ]
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Change enablement

Made from the lifecycles and models in `itil4.practices`; a test compares this page with them. How to work with it is
in [change models](../how-to/change-models.md)."""
