"""Cells of the tables that this library writes as CSV, safe to open in a spreadsheet."""

import re
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With these a spreadsheet may take a text for a formula, its wide forms and signs that it drops before it included."""

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def cell(value: Any) -> Any:
    """Return a value as it stands in a table: a text that begins like a formula has an apostrophe before it.

    Numbers stay as they are, also those that are written as a text. A table is for people and their
    spreadsheets; what is to be read by a program has a JSON form that says everything as it is.

    >>> cell('=HYPERLINK("http://example.org")'), cell("@SUM(A1)"), cell("mail-team")
    ('\\'=HYPERLINK("http://example.org")', "'@SUM(A1)", 'mail-team')
    >>> cell(-3), cell("-3.5"), cell(None)
    (-3, '-3.5', None)
    """
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
