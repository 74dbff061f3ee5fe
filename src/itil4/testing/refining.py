"""Whether a host that knows only one workflow can follow another: refinement, with the story that it cannot follow."""

from itil4.errors import InvalidInput
from itil4.lifecycle.difference import departure
from itil4.testing.checking import Tested, from_path, parts_of
from itil4.testing.story import Story


def refines(mine: Tested, base: Tested) -> Story | None:
    """Return None when a host that knows only `base` can follow every step, or the shortest story that it cannot.

    Practices are compared lifecycle by lifecycle, aspects by their fields; a lifecycle over a field
    that the base does not have is nothing that its host sees.

    Raises:
        InvalidInput: one of them is neither a practice class nor a lifecycle.

    >>> from itil4 import IncidentManagement, Transition
    >>> mine = IncidentManagement.lifecycle.extend(add=[Transition("park", "new", "on_hold")])
    >>> print(refines(mine, IncidentManagement.lifecycle))
    log -> park
    """
    (own, _), (theirs, _) = parts_of(mine), parts_of(base)
    known = {each.field: each for each in theirs}
    found = [
        from_path(path)
        for each in own
        if each.field in known and (path := departure(each, known[each.field])) is not None
    ]
    if not any(each.field in known for each in own):
        raise InvalidInput.of(
            "ill_typed", field="base", expected=f"a lifecycle over the field {own[0].field!r}", value=theirs[0].name
        )
    return min(found, key=len, default=None)
