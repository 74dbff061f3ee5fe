"""Guards and effects under observation: they must answer alike twice, change nothing, and ask nobody what time it is.

A rule that reads the wall clock, draws random numbers, sleeps, or reads a file or a socket makes a
workflow that no test can trust. While a rule runs for the first times, every call that it makes into
such a function is seen, and stopped before it happens.
"""

import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from types import FrameType
from typing import Any

import attrs

from itil4.errors import BrokenRule, ITIL4Error
from itil4.lifecycle.context import Context
from itil4.lifecycle.definition import Transition, name_of
from itil4.lifecycle.rules import Guard, broken
from itil4.record import Shape

_FORBIDDEN: Mapping[str, tuple[str, str]] = {
    "now": ("reads the wall clock", "Use context.at."),
    "utcnow": ("reads the wall clock", "Use context.at."),
    "today": ("reads the wall clock", "Use context.at."),
    "time": ("reads the wall clock", "Use context.at."),
    "time_ns": ("reads the wall clock", "Use context.at."),
    "monotonic": ("reads the wall clock", "Use context.at."),
    "gmtime": ("reads the wall clock", "Use context.at."),
    "localtime": ("reads the wall clock", "Use context.at."),
    "sleep": ("sleeps", "Let the host wait, not the rule."),
    "random": ("draws random numbers", "Decide by the record and the context."),
    "getrandbits": ("draws random numbers", "Decide by the record and the context."),
    "urandom": ("draws random numbers", "Decide by the record and the context."),
    "open": ("opens a file", "Declare what it needs as a fact."),
    "connect": ("opens a connection", "Declare what it needs as a fact."),
}
_OF = frozenset(("time", "datetime", "_random", "posix", "nt", "io", "_io", "_socket", "random", "builtins", "sqlite3"))
_WATCHED = 6
"""So often a rule is looked over closely; afterwards it runs as it is."""
_SLOW = 0.125
"""Seconds after which a rule counts as one that waits for something."""
_PATIENT = 4
"""So often a slow rule is asked before it is called slow."""


@attrs.frozen
class Improper:
    """What is wrong with a rule: its name, what it does that it must not, and what to do instead."""

    rule: str
    code: str
    text: str


class _Stopped(BaseException):
    """Ends a rule before it does what it must not; no `except Exception` of the rule sees it."""


class Watch:
    """Looks over the rules of one practice; what it finds is in `found`, each thing once."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Improper] = {}
        self.asked: set[Any] = set()
        """What was asked already in this walk, so that it need not be asked after every step."""
        self.error = ""
        """Why a step could not even be judged, the last time that this happened."""
        self._runs: dict[Any, int] = {}
        self._stopped: dict[Any, str] = {}

    def guard(self, rule: Guard, proposed: Any, context: Context) -> Any:
        """Return what a guard answers.

        Raises:
            BrokenRule: it raised, or answered neither a truth nor a sentence.
        """
        what = _guard_in_words(rule)
        verdict = self._run(rule, rule.check, what, proposed, context)
        if not isinstance(verdict, (bool, str)):
            raise self.broke(what, proposed, f"it answered {verdict!r}, not True, False or a sentence")
        return verdict

    def effect(
        self, rule: Callable[..., Any], proposed: Any, context: Context, shape: Shape | None = None
    ) -> Mapping[str, Any]:  # fmt: skip
        """Return the changes of an effect.

        Raises:
            BrokenRule: it raised, or answered no mapping of fields that an effect may set.
        """
        what = _effect_in_words(rule)
        made = self._run(rule, rule, what, proposed, context)
        if not isinstance(made, Mapping):
            raise self.broke(what, proposed, f"it answered {made!r}, not a mapping of fields")
        wrong = None if shape is None else shape.problems(made)
        if wrong:
            raise self.broke(what, proposed, str(wrong[0]))
        return made

    def broke(self, what: str, proposed: Any, text: str) -> BrokenRule:
        """Remember that a rule answered what it must not, and return the error that says so."""
        self.note(what, "crash", text)
        return broken(what, proposed, text)

    def note(self, what: str, code: str, text: str) -> None:
        """Remember what is wrong with a rule."""
        self.found.setdefault((what, code), Improper(what, code, text))

    def _run(self, rule: Any, call: Callable[..., Any], what: str, proposed: Any, context: Context) -> Any:
        runs = self._runs[call] = self._runs.get(call, 0) + 1
        if call in self._stopped:
            raise broken(what, proposed, self._stopped[call])
        try:
            if runs > _WATCHED or sys.getprofile() is not None:  # a profiler that is at work is left alone
                return call(proposed, context)
            return self._closely(call, what, proposed, context)
        except ITIL4Error:
            raise
        except Exception as error:
            self.note(what, "crash", f"it raised {type(error).__name__}: {error}")
            raise broken(what, proposed, error) from error

    def _closely(self, call: Callable[..., Any], what: str, proposed: Any, context: Context) -> Any:
        seen: list[str] = []

        def look(frame: FrameType, happening: str, called: Any) -> None:
            if happening != "c_call":
                return
            said = _FORBIDDEN.get(getattr(called, "__name__", ""))
            if said is not None and _home(called) in _OF:
                seen[:] = [f"it {said[0]}. {said[1]}"]
                raise _Stopped

        before = _shown(proposed, context)
        answers: list[Any] = []
        took: list[float] = []
        sys.setprofile(look)
        try:
            while len(answers) < 2 or (min(took) > _SLOW and len(answers) < _PATIENT):
                started = perf_counter()
                answers.append(call(proposed, context))
                took.append(perf_counter() - started)
        except _Stopped:
            sys.setprofile(None)
            self.note(what, "unsteady", seen[0])
            self._stopped[call] = seen[0]
            raise broken(what, proposed, seen[0]) from None
        finally:
            sys.setprofile(None)
        first, second = answers[:2]
        if min(took) > _SLOW:  # each time: a machine that is busy elsewhere is slow once or twice
            self.note(what, "unsteady", f"it took longer than {_SLOW} s. A rule decides by what it is given at once.")
        if _shown(proposed, context) != before:
            self.note(what, "unsteady", "it changes the record or what surrounds the step. Return the changes instead.")
        if not _same(first, second):
            self.note(what, "unsteady", f"the same question had two answers: {first!r}, then {second!r}.")
        return second


def rules_in_words(step: Transition) -> set[str]:
    """Return the guards and effects of a step, as `Improper` names them."""
    return {*map(_guard_in_words, step.guards), *map(_effect_in_words, step.effects)}


def _guard_in_words(rule: Guard) -> str:
    return f"the guard {rule.name!r}"


def _effect_in_words(rule: Callable[..., Any]) -> str:
    return f"the effect {name_of(rule)!r}"


def _home(called: Any) -> str:
    owner = getattr(called, "__self__", None)
    module = getattr(called, "__module__", None) or getattr(owner, "__module__", None)
    if isinstance(owner, type):
        module = owner.__module__
    elif module is None and owner is not None:
        module = getattr(owner, "__name__", None) or type(owner).__module__
    return str(module)


def _shown(proposed: Any, context: Context) -> str:
    return repr((proposed, dict(context.payload), dict(context.facts), sorted(context.roles)))


def _same(first: Any, second: Any) -> bool:
    try:
        return bool(first == second)
    except Exception:  # a host's own equality may fail, which says nothing about the rule
        return True
