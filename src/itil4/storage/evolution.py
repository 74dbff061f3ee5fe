"""How stored data follows its record type: schema by schema, on plain dicts, rows and history alike.

An upcaster leads the plain body of a row from one schema to the next. History needs no upcasters of
its own: what an entry changed is what the bodies before and after it differ in, once both are led
up. So an upcaster also gets bodies as history rebuilds them, where a field at its default may be
missing: it reads with `get` and `pop(name, default)`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from itil4.errors import DefinitionError, SchemaTooNew

Plain: TypeAlias = dict[str, Any]
Upcaster: TypeAlias = Callable[[Plain], Plain]


def check_upcasters(kind: str, schema: int, upcasters: Mapping[int, Upcaster]) -> None:
    """Refuse upcasters that do not lead from schema 1 to the present one without a gap.

    Raises:
        DefinitionError: one is missing, leads nowhere, or is no function.
    """
    where = f"the upcasters of {kind}"
    if type(schema) is not int or schema < 1:
        raise DefinitionError.of("ill_typed", field=f"schema of {kind}", expected="a number from 1 on", value=schema)
    wanted = range(1, schema)
    missing = [number for number in wanted if number not in upcasters]
    extra = [number for number in upcasters if number not in wanted]
    if missing:
        text = f"nothing leads from schema {missing[0]} to {missing[0] + 1}."
        remedy = "Add a function on the plain body; one that returns it as it is will do."
        raise DefinitionError.of("definition", where=where, text=text, remedy=remedy)
    if extra:
        text = f"{extra[0]!r} is no schema before {schema}, the one of the record type."
        raise DefinitionError.of("definition", where=where, text=text, remedy="Raise `schema`, or leave it out.")
    for number, call in upcasters.items():
        if not callable(call):
            raise DefinitionError.of("ill_typed", field=f"{where}, {number}", expected="a function", value=call)


class Evolution:
    """The way of one kind from any earlier schema to the present one.

    Args:
        schema: the present one.
        upcasters: schema -> what leads to the next one.
        apart: fields that are kept beside the body, and that upcasters do not see.
        extra: the names of declared extra fields, which the body has under `extra`.
    """

    def __init__(
        self, schema: int, upcasters: Mapping[int, Upcaster], apart: Collection[str], extra: Collection[str]
    ) -> None:
        self.schema = schema
        self._upcasters = upcasters
        self._apart = frozenset(apart)
        self._extra = extra

    def body(self, body: Plain, schema: int, reference: str) -> Plain:
        """Return a body in the present schema.

        Raises:
            SchemaTooNew: a later version wrote it.
        """
        return self._led(body, schema, self.schema, reference)

    def _led(self, body: Plain, start: int, end: int, reference: str) -> Plain:
        if (highest := max(start, end)) > self.schema:
            raise SchemaTooNew.of("schema_too_new", what=reference, found=highest, known=self.schema)
        for number in range(start, end):
            body = self._upcasters[number](body)
        return body

    def history(self, lines: Sequence[Plain], reference: str) -> list[Plain]:
        """Return the details of a whole history in the present schema.

        Raises:
            SchemaTooNew: a later version wrote one of them.
        """
        if all(_schema(line) == self.schema for line in lines):
            return list(lines)
        found: list[Plain] = []
        body: Plain = {}
        level, before = 1, dict[str, Any]()
        for line in lines:
            own = _schema(line)
            if own > level:
                body = self._led(body, level, own, reference) if found else body
                level = own
            elif own < level:
                own = level  # it was led up when the record was redacted
            changes = line.get("changes", {})
            for name, told in changes.items():
                if name not in self._apart:
                    self._put(body, name, told)
            after = self._flat(self._led(_copied(body), level, self.schema, reference))
            new = {name: told for name, told in changes.items() if name in self._apart}
            for name in (*after, *(name for name in before if name not in after)):
                old, now = before.get(name), after.get(name)
                if old != now:
                    told = changes.get(name)
                    grew = isinstance(told, dict) and now == [*(old or ()), *told["+"]]
                    new[name] = told if grew else [old, now]
            made = {**line, "changes": new, "schema": self.schema}
            if not new:
                del made["changes"]
            found.append(made)
            before = after
        return found

    def _put(self, body: Plain, name: str, told: Any) -> None:
        inside = body.setdefault("extra", {}) if name in self._extra else body
        if isinstance(told, dict):
            inside[name] = [*(inside.get(name) or ()), *told["+"]]
        elif told[1] is None:
            inside.pop(name, None)
        else:
            inside[name] = told[1]

    def _flat(self, body: Plain) -> Plain:
        """Return a body with its extra fields beside the others, as changes name them."""
        return {**{name: value for name, value in body.items() if name != "extra"}, **body.get("extra", {})}


def _schema(line: Plain) -> int:
    return int(line.get("schema") or 1)


def _copied(body: Plain) -> Plain:
    """Return a copy that an upcaster may change as it likes, down to the values in values."""
    from copy import deepcopy

    return deepcopy(body)
