"""Guards, follow-ups and other parts of a transition that say when it may happen and what it brings."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from itil4.errors import BrokenRule, DefinitionError, Reason

if TYPE_CHECKING:
    from itil4.lifecycle.context import Context

Check: TypeAlias = Callable[[Any, "Context"], bool | str]
"""`check(proposed, context)`: True lets the step pass; False or a sentence holds it back."""

Effect: TypeAlias = Callable[[Any, "Context"], Mapping[str, Any]]
"""`effect(proposed, context)`: pure; returns the fields that the step changes besides its payload."""


Reads: TypeAlias = str | Iterable[str] | Mapping[str, Iterable[Any]]
"""Names of fields, or each with the values that it can have, over which `verify` compares alternatives."""


def _names(value: str | Iterable[str]) -> tuple[str, ...]:
    try:
        return (value,) if isinstance(value, str) else tuple(value)
    except TypeError:
        raise DefinitionError.of("ill_typed", field="a definition", expected="one or several", value=value) from None


@attrs.frozen
class Guard:
    """A named condition of a step, judged on the proposed record: payload applied, old state.

    The fields that it `reads` are required by the step: while one is missing the guard is not
    called, and the step is refused with what is missing. `domains` says which values a field that it
    reads can have, where these are few, so that `verify` can compare alternatives.

    >>> Guard("two_words", lambda ticket, ctx: " " in ticket.resolution or "say a little more.", reads=("resolution",))
    Guard(name='two_words', reads=('resolution',))
    """

    name: str
    check: Check = attrs.field(repr=False)
    reads: tuple[str, ...] = attrs.field(default=(), converter=_names)
    text: str = attrs.field(default="", repr=False)
    remedy: str = attrs.field(default="", repr=False)
    domains: Mapping[str, tuple[Any, ...]] = attrs.field(factory=dict, repr=False, hash=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not callable(self.check):
            raise DefinitionError.of("ill_typed", field="a guard", expected="a name and a function", value=self.check)

    def __call__(self, proposed: Any, context: "Context") -> bool | str:
        """Return what the check answers, as it answers it."""
        return self.check(proposed, context)

    def judge(self, proposed: Any, context: "Context", event: str) -> Reason | None:
        """Return the reason that holds `event` back, or None.

        Raises:
            BrokenRule: the guard raised, or answered neither a truth nor a sentence.
        """
        try:
            verdict = self.check(proposed, context)
        except Exception as error:
            raise broken(f"the guard {self.name!r}", proposed, error) from error
        if verdict is True:
            return None
        if verdict is not False and not isinstance(verdict, str):
            raise broken(
                f"the guard {self.name!r}", proposed, f"it answered {verdict!r}, not True, False or a sentence"
            )
        text = verdict or self.text or "its condition does not hold."
        return Reason.of("guard", event=event, guard=self.name, text=text, remedy=self.remedy)


def guard(*, reads: Reads = (), text: str = "", remedy: str = "") -> Callable[[Check], Guard]:
    """Make a guard of a function, under the function's name.

    >>> @guard(reads="port", text="the vessel is not in port.")
    ... def in_port(incident, ctx):
    ...     return incident.port is not None
    >>> in_port.name
    'in_port'

    Fields whose values are few let `verify` compare alternatives: `reads={"risk": ["high", "low"]}`.
    """

    def make(check: Check) -> Guard:
        domains = {name: tuple(values) for name, values in reads.items()} if isinstance(reads, Mapping) else {}
        named = getattr(check, "__name__", "guard")
        return Guard(named, check, reads=reads, text=text, remedy=remedy, domains=domains)

    return make


def as_guard(value: Guard | Check) -> Guard:
    """Return a guard; a plain function becomes one under its own name."""
    if isinstance(value, Guard):
        return value
    if not callable(value):
        raise DefinitionError.of("ill_typed", field="guards", expected="a Guard or a function", value=value)
    return Guard(getattr(value, "__name__", type(value).__name__), value)


@attrs.frozen
class FollowUp:
    """A step that this one brings with it on other records: one row of a cascade table.

    Args:
        event: the step of each of those records.
        over: the fact that lists them, such as `links.parent_of`.
        on_refusal: `skip` reports a record that refuses and goes on; `refuse` undoes everything.
        payload: values handed on: their field -> the field of this record.
        states: only those of the records that are in one of these states; empty: all.
    """

    event: str
    over: str
    on_refusal: Literal["skip", "refuse"] = "skip"
    payload: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    states: tuple[str, ...] = attrs.field(default=(), converter=_names)


@attrs.frozen
class Chosen:
    """A target that the actor names in the payload: `Chosen("to", among=["assess", "cancelled"])`."""

    field: str
    among: tuple[str, ...] = attrs.field(converter=_names)


@attrs.frozen
class In:
    """All states of a category, as a source: `In("waiting")`; `In("open")` is new, active and waiting."""

    category: str


def broken(rule: str, record: Any, error: object) -> BrokenRule:
    """Return the error that names a rule of the host which failed, and the record, which is untouched."""
    shown = getattr(record, "reference", None) or getattr(record, "id", None) or type(record).__name__
    said = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else str(error)
    ended = said if said.endswith((".", "!", "?")) else f"{said}."
    return BrokenRule.of("broken_rule", rule=rule, record=str(shown), error=ended)
