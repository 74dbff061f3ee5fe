"""The figures of ten thousand real incidents equal those that were computed from the rows."""

from real_history import bring_in, facts

import itil4
from itil4.practices.incident_figures import log_facts

_LABELS = {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low"}


def test_figures_of_the_real_log_equal_its_facts_exactly() -> None:
    """Over the cases without a problem: births, ends, steps, returns, waits, groups, priorities and hours."""
    known = facts()
    itsm = itil4.connect()
    bad = bring_in(itsm)
    assert bad == {*known["cases_with_unknown_state"], *known["cases_out_of_time_order"]}
    figures = itsm.incidents.figures(excluding=bad, split="priority")
    told = log_facts(figures)
    told["final_priority"] = {_LABELS[name]: count for name, count in told["final_priority"].items()}
    assert set(told) <= set(known)
    for name, value in told.items():
        assert value == known[name], name
    assert figures.excluded == len(bad)
    assert all(0 <= each.value <= 1 for each in figures.values() if each.unit == "share")
