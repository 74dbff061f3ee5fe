"""What is left of a value when personal data is taken out of it."""

from typing import Any, Final

from itil4.record.base import Frozen
from itil4.record.door import FieldType

REDACTED: Final = "[redacted]"
"""The text that stands where a text stood: it was given, so that nothing counts as missing, and says nothing.

Searches for words do not find it. Everything else becomes nothing, or an empty collection.
"""

_EMPTY: tuple[Any, ...] = (None, (), frozenset(), Frozen())


def emptied(field: FieldType, value: Any) -> Any:
    """Return what a field holds instead of `value` once that is redacted.

    What says nothing about anybody stays: nothing, and the field's default.

    Raises:
        ValueError: the field has to hold something, and is no text.
    """
    if value is None or (field.default is not None and value == field.default):
        return value
    wanted = (REDACTED, *_EMPTY) if isinstance(value, str) else (*_EMPTY, REDACTED)
    for each in wanted:
        if field.check(field.name, each) is None:
            return each
    raise ValueError(field.name)
