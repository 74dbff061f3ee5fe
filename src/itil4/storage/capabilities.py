"""What a store can do beyond the nine methods, said in one way: its `capabilities`, a set of words.

A word that names further methods has a protocol that lists them and a function that asks for the word and
gives type checkers the protocol. Whoever uses an ability asks for the word, never for a method.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

Capability: TypeAlias = Literal["gapless_numbers", "due_times", "text_search", "outbox"]

CAPABILITIES: Mapping[Capability, str] = {
    "gapless_numbers": "committed numbers of a series have no gaps",
    "due_times": "due times stand beside the rows: itil4.storage.projections.KeepsDueTimes",
    "text_search": "records are found by words without reading all: itil4.storage.text_search.FindsWords",
    "outbox": "entries are handed to relays: itil4.storage.outbox.KeepsOutbox",
}
"""Each capability, with what it promises."""


def capabilities_of(store: object) -> frozenset[str]:
    """Return what a store says that it can do; a store that says nothing keeps the nine methods and no more.

    >>> from itil4.storage import MemoryStore
    >>> sorted(capabilities_of(MemoryStore()))
    ['due_times', 'gapless_numbers', 'outbox']
    """
    return frozenset(getattr(store, "capabilities", ()))
