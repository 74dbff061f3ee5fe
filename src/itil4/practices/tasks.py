"""Tasks: the pieces of a plan of work, which come before which, and how each went. Changes and requests have them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

import attrs

from itil4.clock import instant
from itil4.errors import Reason, Refused, nearest
from itil4.practices.defining import line, lines, note, one_of, words

TaskState: TypeAlias = Literal["open", "done", "skipped"]


@attrs.frozen(kw_only=True)
class Task:
    """One piece of the work, and which others come first.

    Attributes:
        name: by which other tasks name it.
        text: what is to be done.
        after: the tasks that are done, or left out, before it.
        assignee: who does it.
        state: open, done or skipped; with `at`, `by` and `note` of the moment when it was told.
    """

    name: str = attrs.field(validator=line)
    text: str = attrs.field(default="", validator=note)
    after: tuple[str, ...] = attrs.field(default=(), converter=words, validator=lines)
    assignee: str | None = attrs.field(default=None, validator=attrs.validators.optional(line))
    state: TaskState = attrs.field(default="open", validator=one_of("open", "done", "skipped"))
    note: str = attrs.field(default="", validator=note)
    at: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(instant))
    by: str | None = None

    @property
    def plan(self) -> tuple[Any, ...]:
        """What was planned, apart from how it went."""
        return self.name, self.text, self.after, self.assignee


def task_problem(tasks: Iterable[Task]) -> Reason | None:
    """Say what is wrong with a plan of tasks: a name twice, an unknown one, or a circle, which is told; or None.

    >>> print(task_problem([Task(name="copy", after="check"), Task(name="check", after="copy")]))
    The tasks wait for each other in a circle: check -> copy -> check. Take one of the links between them away.
    """
    known: dict[str, Task] = {}
    for each in tasks:
        if each.name in known:
            return Reason.of("duplicate", where="the plan of tasks", what="the task", name=each.name)
        known[each.name] = each
    for each in known.values():
        for name in each.after:
            if name not in known:
                near = nearest(name, known)
                return Reason.of("unknown_name", where=f"the task {each.name!r}", what="task", name=name, nearest=near)
    left = {name: set(each.after) for name, each in known.items()}
    ahead: dict[str, list[str]] = {}
    for name, before in left.items():
        for each_before in before:
            ahead.setdefault(each_before, []).append(name)
    free = [name for name, before in left.items() if not before]
    while free:
        done = free.pop()
        del left[done]
        for name in ahead.get(done, ()):
            left[name].discard(done)
            if not left[name]:
                free.append(name)
    if not left:
        return None
    return Reason.of("task_circle", circle=" -> ".join(_circle(left)))


def _circle(left: Mapping[str, set[str]]) -> list[str]:
    """Return a circle among tasks each of which waits for another one of them, in the order of the work."""
    at = min(left)
    trail: dict[str, int] = {}
    while at not in trail:
        trail[at] = len(trail)
        at = min(left[at])
    turn = [*list(trail)[trail[at] :], at]
    return turn[::-1]


def waiting_for(tasks: Iterable[Task], name: str) -> tuple[str, ...]:
    """Return the tasks that are still to be done before one."""
    held = {each.name: each for each in tasks}
    return tuple(before for before in held[name].after if held[before].state == "open")


def tasks_told(before: Iterable[Task], after: Iterable[Task]) -> Iterable[Reason]:
    """Yield what speaks against how tasks are told to have gone: a plan altered, one undone, one before its time."""
    old, new = tuple(before), tuple(after)
    if [each.plan for each in old] != [each.plan for each in new]:
        rule = "planned already"
        yield Reason.of("field_rule", field="tasks", rule=rule, remedy="Say how they went with finish_task.")
        return
    for was, now in zip(old, new, strict=True):
        if was == now:
            continue
        if was.state != "open" or now.state == "open":
            yield Reason.of("task_over", task=was.name, state=was.state)
        elif ahead := waiting_for(old, was.name):
            yield Reason.of("task_waits", task=was.name, tasks=ahead)


def with_told(
    record: Any, name: str, *, skip: bool, remark: str, by: str, at: datetime, **more: Any
) -> tuple[Any, ...]:
    """Return the tasks of a record, one of which is done or left out now.

    Raises:
        Refused: the record has no such task.
    """
    names = [each.name for each in record.tasks]
    if name not in names:
        raise Refused.of("unknown_name", where=record.reference, what="task", name=name, nearest=nearest(name, names))
    told = {"state": "skipped" if skip else "done", "note": remark, "by": by, "at": at, **more}
    return tuple(attrs.evolve(each, **told) if each.name == name else each for each in record.tasks)


def open_tasks(tasks: Iterable[Task]) -> tuple[str, ...]:
    """Return the names of the tasks that are neither done nor left out."""
    return tuple(each.name for each in tasks if each.state == "open")


__all__ = ["Task", "TaskState", "open_tasks", "task_problem", "tasks_told", "waiting_for", "with_told"]
