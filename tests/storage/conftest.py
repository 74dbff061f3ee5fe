"""Rows to write, as the shipped contract has them."""

from types import SimpleNamespace

import pytest

from itil4.testing import store_rows


@pytest.fixture(scope="session")
def rows() -> SimpleNamespace:
    """The builders: record, entry, link, births, update, once, and the kind TICKET."""
    names = ("TICKET", "record", "entry", "link", "births", "update", "once")
    return SimpleNamespace(**{name: getattr(store_rows, name) for name in names})
