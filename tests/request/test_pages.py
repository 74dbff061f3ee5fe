"""The pages of service request management say what the code does."""

from pathlib import Path

from itil4.practices.request_tables import page
from itil4.practices.service_request_management import LIFECYCLE, STAFF, WORKERS, ServiceRequestManagement
from itil4.testing import check_lifecycle

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "service-requests.md"


def test_the_reference_is_made_from_the_lifecycle() -> None:
    """Steps, roles and figures: the page is what the code says today."""
    assert REFERENCE.read_text(encoding="utf-8") == page(), "write it with request_tables.page()"


def test_the_lifecycle_has_no_hole_and_no_step_is_open_to_anybody() -> None:
    """Every state is reached and left, and every step is for somebody."""
    check_lifecycle(ServiceRequestManagement)
    for each in LIFECYCLE.transitions:
        assert (each.roles is None) == each.internal, each.event
        assert set(each.roles or ()) <= STAFF | WORKERS | {"requester", "system"}, each.event
