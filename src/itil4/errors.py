"""Every error of the library, and the plain values that explain one.

::

    ITIL4Error
    ├── Refused                    a step, update or link that the rules do not allow; carries a Decision
    ├── StaleRecord                somebody else changed the record first; read it again
    ├── NotFound (LookupError)     no such record, or none that this actor may see
    ├── InvalidInput (ValueError)  a value of the wrong type, form or name
    │   └── DefinitionError        a lifecycle, practice, field set or policy that cannot work
    ├── BrokenRule (RuntimeError)  a guard, effect or derive of the host raised
    └── StoreError                 the store failed; nothing was written
        ├── SchemaTooNew           the data was written by a later version
        └── MissingExtra (ImportError)   an optional package is not installed

Each carries `reasons`, prints as "what and why. What now.", turns into plain data with
`to_dict()`, and survives pickling and copying:

>>> error = NotFound.of("not_found", record="incident", value="INC0000042", actor="ana")
>>> print(error)
There is no incident 'INC0000042' that ana may see. Check the number or id.
>>> error.code, error.detail["value"]
('not_found', 'INC0000042')
"""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import attrs

from itil4.messages import ENGLISH, Catalogue, render

_PLAIN = (str, int, float, bool, datetime, date, timedelta, Decimal, type(None))
_LONGEST = 120
_MOST_ITEMS, _DEEPEST = 50, 4


@attrs.frozen
class Reason:
    """Why something was refused: a code to compare, values to show, a sentence and a remedy to read.

    >>> Reason.of("blank", field="summary").message
    'summary is required and may not be empty.'
    """

    code: str
    message: str
    remedy: str = ""
    detail: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    @classmethod
    def of(cls, code: str, **detail: Any) -> Self:
        """Build the reason of `code` with its values, worded by the English catalogue."""
        values = {name: value if _is_short(value) else _plain(value) for name, value in detail.items()}
        return cls(code, *render(code, values), values)

    def worded(self, catalogue: Catalogue = ENGLISH) -> str:
        """Return sentence and remedy in the words of `catalogue`, on one line."""
        return " ".join(part for part in render(self.code, self.detail, catalogue) if part)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "detail": {name: _jsonable(value) for name, value in self.detail.items()},
        }

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


@attrs.frozen
class Decision:
    """The answer to "may I?": allowed, or every reason why not, in a fixed order.

    `roles` are those of the actor that the step used; `lifecycle` is the one that decided.
    A decision is true when the step is allowed.
    """

    allowed: bool
    event: str
    reasons: tuple[Reason, ...] = ()
    target: str | None = None
    lifecycle: str | None = None
    roles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the reasons, in their order."""
        return tuple(reason.code for reason in self.reasons)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes."""
        return {
            "allowed": self.allowed,
            "event": self.event,
            "target": self.target,
            "lifecycle": self.lifecycle,
            "reasons": [reason.to_dict() for reason in self.reasons],
        }


class ITIL4Error(Exception):
    """The top of the tree: catch it to catch everything the library raises on purpose."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(*reasons)
        self.reasons = reasons

    @classmethod
    def of(cls, code: str, **detail: Any) -> Self:
        """Build the error with one reason of the catalogue."""
        return cls(Reason.of(code, **detail))

    @property
    def code(self) -> str:
        """The code of the first reason."""
        return self.reasons[0].code if self.reasons else ""

    @property
    def detail(self) -> Mapping[str, Any]:
        """The values of the first reason."""
        return self.reasons[0].detail if self.reasons else {}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that any JSON encoder takes: the error's name and its reasons."""
        return {"error": type(self).__name__, "reasons": [reason.to_dict() for reason in self.reasons]}

    def __str__(self) -> str:
        return "\n".join(str(reason) for reason in self.reasons)


class Refused(ITIL4Error):
    """A step, update or link that the rules do not allow. Nothing was changed."""

    @property
    def decision(self) -> Decision:
        """The refusal as a value, as `explain` returns it."""
        event, lifecycle = self.detail.get("event"), self.detail.get("lifecycle")
        return Decision(False, event=event or "", reasons=self.reasons, lifecycle=lifecycle)


class StaleRecord(ITIL4Error):
    """Somebody else changed the record, or one that a fact was read from, first. Nothing was written.

    `detail` has `expected` and `found` versions, `changed_by` and `changed` (what they did last).
    """


class NotFound(ITIL4Error, LookupError):
    """There is no such record, or none that this actor may see: the two cannot be told apart."""


class InvalidInput(ITIL4Error, ValueError):
    """A value of the wrong type, form or name. `detail` names field, value and remedy."""


class DefinitionError(InvalidInput):
    """A lifecycle, practice, field set or policy that cannot work as it is written."""


class BrokenRule(ITIL4Error, RuntimeError):
    """A guard, an effect or a derive rule of the host raised; the record is untouched."""


class StoreError(ITIL4Error):
    """The store failed; nothing was written."""


class SchemaTooNew(StoreError):
    """The data was written by a later version of the library or of the record type."""


class MissingExtra(StoreError, ImportError):
    """An optional package is not installed; the message has the pip command."""


def nearest(name: object, among: Iterable[str]) -> str | None:
    """Return the known name that is closest to `name`, quoted, or None when none is close.

    >>> nearest("resolv", ["resolve", "close"])
    "'resolve'"
    """
    known = [each for each in among if each != name]
    if not isinstance(name, str) or len(name) > _LONGEST or len(known) > 2_000:
        return None
    import difflib  # late: only a refusal needs it

    close = difflib.get_close_matches(name, known, n=1) or [
        item for item in known if item.casefold() == name.casefold()
    ]
    return repr(close[0]) if close else None


def _is_short(value: Any) -> bool:
    """Whether it is a text that is shown as it is, which most values of reasons are."""
    return type(value) is str and len(value) <= _LONGEST and value.isprintable()


def _plain(value: Any, depth: int = 0) -> Any:
    """Keep what pickles and prints well; show anything else by a short repr."""
    if type(value) is str:
        shown = value if value.isprintable() else value.encode("utf-8", "backslashreplace").decode()
        return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
    if type(value) is int and value.bit_length() > _LONGEST:
        return f"a whole number of {value.bit_length()} bits"
    if (type(value) is float and not math.isfinite(value)) or (type(value) is Decimal and not value.is_finite()):
        return repr(value)  # neither equal to itself nor JSON
    if type(value) in _PLAIN:
        return value
    if depth < _DEEPEST and isinstance(value, (set, frozenset)):
        return tuple(sorted(str(_plain(item, depth + 1)) for item in value))
    if depth < _DEEPEST and isinstance(value, (tuple, list)):
        return tuple([item if _is_short(item) else _plain(item, depth + 1) for item in value[:_MOST_ITEMS]])
    try:
        shown = repr(value)
    except Exception as error:  # a host's own repr may fail, and a message must not
        shown = f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _jsonable(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
