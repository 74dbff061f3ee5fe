"""History as it is now known to have happened: in the order of time, with what corrections said later."""

from collections.abc import Sequence

import attrs

from itil4.record.history import Details, Entry


def as_happened(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the entries of a record, as they were written, in the order in which things happened.

    A correction may say that something was so from an earlier moment on. What was written before it
    and happened after that moment then counts no more, as far as the correction speaks of it: the
    state, and the fields that it names. Everything else keeps its place in time. `seq` counts the
    new order; where it differs, `details` tell the place at which an entry was written as `written`.

    Clocks, timers and figures read histories this way; without back-dated corrections it changes nothing.

    >>> as_happened(())
    ()
    """
    found = tuple(entries)
    if not any(each.op == "correction" for each in found):
        return found
    place = 1
    while place < len(found):
        if found[place].op == "correction" and found[place].at < found[place - 1].at:
            found = _settled(found, place)
        place += 1
    return tuple(
        entry if entry.seq == seq else attrs.evolve(entry, seq=seq, details=_with(entry, written=entry.seq))
        for seq, entry in enumerate(found, 1)
    )


def _settled(entries: tuple[Entry, ...], place: int) -> tuple[Entry, ...]:
    """Return the entries with the correction at a place where it belongs in time, and what it overrules taken out."""
    told = entries[place]
    first = next(number for number, each in enumerate(entries) if each.at > told.at)
    later = (_overruled(each, told) for each in entries[first:place])
    return (*entries[:first], told, *later, *entries[place + 1 :])


def _overruled(entry: Entry, told: Entry) -> Entry:
    kept = {name: change for name, change in entry.changes.items() if name not in told.changes}
    moves = told.to_state is not None and entry.to_state is not None and entry.lifecycle == told.lifecycle
    if not moves and len(kept) == len(entry.changes):
        return entry
    details = _with(entry, changes=kept)
    if not moves:
        return attrs.evolve(entry, details=details)
    return attrs.evolve(entry, details=details, lifecycle=None, event=None, from_state=None, to_state=None)


def _with(entry: Entry, **values: object) -> Details:
    return Details({**entry.details.data, **values})
