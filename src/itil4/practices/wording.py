"""The words by which incidents are told apart: those that say something, without those of every sentence."""

from collections.abc import Iterable

from itil4.storage.text_search import words_of

_WRITTEN = """
a about after again all also am an and any are as at be because been before but by can cannot could did do
does doing don during each error for from get gets had has have having he help her here him his how i if in
into is issue it its just ll me more my no not of off on once only or our out over please problem s same she
should since so some such t than thank thanks that the their them then there these they this those through
to too under until up user ve very was we were what when where which while who why will with would you your
"""

ORDINARY = frozenset(_WRITTEN.split())
"""English words that stand in every report and so tell nothing; also `error`, `issue`, `problem` and `user`."""


def telling(*texts: str | None) -> tuple[str, ...]:
    """Return the words of texts that tell something, each once, in order: no ordinary ones, no single letters.

    >>> telling("The mail is not working", "since 12 March")
    ('mail', 'working', '12', 'march')
    """
    found = words_of(" ".join(each for each in texts if each))
    return tuple(each for each in found if each not in ORDINARY and len(each) > 1)


def lasting(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words without those that are only digits, which name one event and no kind of event."""
    return tuple(each for each in words if not each.isdecimal())
