"""The one catalogue of what the library says to people: code -> sentence and remedy.

Code compares codes, never sentences. A host in another language renders the same reason
through its own catalogue:

>>> from itil4.errors import Reason
>>> reason = Reason.of("missing", event="resolve", fields=("resolution",))
>>> render(reason.code, reason.detail, {"missing": ("Es fehlt: {fields}.", "")})
('Es fehlt: resolution.', '')
"""

from collections.abc import Mapping
from functools import cache
from string import Formatter
from typing import Any, TypeAlias

from itil4.messages.practices import PRACTICES
from itil4.messages.records import RECORDS
from itil4.messages.stores import STORES
from itil4.messages.tools import TOOLS

Catalogue: TypeAlias = Mapping[str, tuple[str, str]]
"""Message code -> (what happened and why, what to do now), both with named values."""

ENGLISH: Catalogue = {**RECORDS, **STORES, **PRACTICES, **TOOLS}


def render(code: str, detail: Mapping[str, Any], catalogue: Catalogue = ENGLISH) -> tuple[str, str]:
    """Return the sentence and the remedy of `code`, with its values filled in.

    A remedy that names a value which is not there (no near miss, say) loses that sentence and keeps
    the rest. A code that the catalogue lacks falls back on English, and then on the code itself.
    """
    text, remedy = catalogue.get(code) or ENGLISH.get(code) or (code, "")
    values = _Lenient((name, value if type(value) is str else _listed(value)) for name, value in detail.items())
    if not remedy:
        return text.format_map(values), ""
    kept = [part.format_map(values) for part, names in _sentences(remedy) if _complete(names, values)]
    said = text.format_map(values)
    if catalogue is ENGLISH and text.endswith("}") and said[-1] not in ".?!…":
        said += "."  # it ends with what somebody else said
    return said, " ".join(filter(None, kept))


class _Lenient(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return f"<{name}>"


@cache
def _sentences(remedy: str) -> list[tuple[str, list[str]]]:
    """Return the sentences of a remedy, each with the values that it names."""
    parts = remedy.replace("? ", "?\n").replace(". ", ".\n").split("\n")
    return [(each, [name for _, name, _, _ in Formatter().parse(each) if name]) for each in parts if each]


def _complete(names: list[str], values: Mapping[str, Any]) -> bool:
    return all(values.get(name) not in (None, "") for name in names)


def _listed(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "none"
    return value
