"""Names that look like another one mistyped."""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from functools import lru_cache

RELATIVE_ROLES = ("requester", "owner", "assignee", "team_member")
"""The roles relative to a record that every practice adds."""

_CLOSE = 0.85
_SHORT = 4


def mistyped(role: str, used: Mapping[str, int]) -> str | None:
    """Return the role that `role` was probably meant to be, or None.

    Candidates are the relative roles and those that are used more often than `role` itself.

    >>> mistyped("asignee", {"asignee": 1}), mistyped("level_2", {"level_1": 3, "level_2": 1})
    ('assignee', None)
    """
    if role in RELATIVE_ROLES:
        return None
    count = used.get(role, 0)
    often = [name for name, times in used.items() if name != role and (times, name) > (count, role)]
    return next((name for name in (*RELATIVE_ROLES, *sorted(often)) if looks_like(role, name)), None)


@lru_cache(maxsize=4096)
def looks_like(name: str, other: str) -> bool:
    """Whether two names differ in one word, by a slip of the finger, or only in how words are joined."""
    words, others = (re.findall(r"[^\W_]+", each.casefold()) for each in (name, other))
    if "".join(words) == "".join(others):
        return name != other
    if len(words) != len(others):
        return False
    unlike = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
    if len(unlike) != 1 or min(map(len, unlike[0])) < _SHORT:
        return False
    a, b = unlike[0]
    if re.sub(r"\d", "", a) == re.sub(r"\d", "", b):
        return False
    return sorted(a) == sorted(b) or SequenceMatcher(None, a, b).ratio() >= _CLOSE
