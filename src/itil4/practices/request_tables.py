"""The reference of service request management, made from the lifecycle and the figures themselves."""

from itil4.practices.change_tables import step_table
from itil4.practices.request_figures import figure_table
from itil4.practices.request_lifecycle import LIFECYCLE


def page() -> str:
    """Return the reference page."""
    parts = [
        _HEAD,
        "## Who may do what to a service request",
        "\n".join(step_table(LIFECYCLE)),
        "The steps of the [approval](approvals.md) come besides; what it decides takes `admit` or `refuse`.",
        "## Picture\n\n```mermaid\n" + LIFECYCLE.mermaid().strip() + "\n```",
        "## Figures\n\n`itsm.service_requests.figures(since=..., until=..., split=...)`; durations are calendar "
        "time, and each figure names its records.",
        "\n".join(figure_table()),
    ]
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Service request management

Made from the lifecycle in `itil4.practices`; a test compares this page with it. How to work with it is in
[service requests](../how-to/service-requests.md)."""
