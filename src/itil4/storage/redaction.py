"""Takes personal data out of stored history: what the lines of a record become, and what its row is then.

Works on the plain form of details, so that nothing needs to be understood of what stays. Whatever
is taken out, the history without it must rebuild the row: the unit of work checks that.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from itil4.errors import Refused
from itil4.record import REDACTED
from itil4.record.redaction import emptied
from itil4.storage.codec import RecordCodec
from itil4.storage.plain import dumps, loads
from itil4.storage.protocols import EntryRow, RedactedRow

Plain: TypeAlias = dict[str, Any]
Cut: TypeAlias = Callable[[EntryRow, Plain], "tuple[str, Plain]"]
"""Says what a line of history becomes: who did it, and its details."""


def redacted_rows(codec: RecordCodec, rows: Sequence[EntryRow], cut: Cut) -> list[RedactedRow]:
    """Return the lines of a history that a cut changes, as they are to be; none when it changes nothing.

    Lines of an earlier schema are written anew in the present one, so that all of a history has one order.
    """
    lines = codec.plain_details(rows)
    cuts = [cut(row, details) for row, details in zip(rows, lines, strict=True)]
    if not any(by != row.by or new != old for row, old, (by, new) in zip(rows, lines, cuts, strict=True)):
        return []
    return [
        RedactedRow(row.record_id, row.seq, by, dumps(new))
        for row, (by, new) in zip(rows, cuts, strict=True)
        if by != row.by or new != loads(row.details)
    ]


def cut_of_fields(
    codec: RecordCodec,
    fields: Iterable[str],
    comments: Collection[int] | bool = False,
    reasons: Collection[int] | bool = False,
) -> Cut:
    """Return the cut that takes fields, comments and reasons out.

    Args:
        fields: names; `causes.text` means that part of every value in `causes`.
        comments, reasons: the places of the lines whose comment or reason goes, or True for all.

    Raises:
        Refused: when it is used, a field that has to hold something and is no text.
    """
    whole: set[str] = set()
    parts: dict[str, set[str]] = {}
    for name in fields:
        first, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(first, set()).add(rest)
        else:
            whole.add(first)

    def without(name: str, plain: Any) -> Any:
        if plain is None:
            return None
        if name not in whole:
            return _blanked(plain, parts[name])
        field = codec.shape.get(name)
        if field is None:
            return None
        try:
            return codec.plain(name, emptied(field, codec.value(name, plain)))
        except ValueError as error:
            raise Refused.of("not_redactable", field=name, type=field.says) from error

    def change(name: str, told: Any) -> Any:
        if isinstance(told, dict):
            if name not in whole:
                return {"+": without(name, told["+"])}
            left = without(name, told["+"]) if told["+"] else []
            return [left, left]
        return [without(name, each) for each in told]

    def cut(row: EntryRow, details: Plain) -> tuple[str, Plain]:
        new = dict(details)
        if "changes" in new:
            new["changes"] = {
                name: change(name, told) if name in whole or name in parts else told
                for name, told in new["changes"].items()
            }
        if "comment" in new and _is_meant(row.seq, comments):
            new["comment"] = {**new["comment"], "text": REDACTED, "attachments": []}
        if "reason" in new and _is_meant(row.seq, reasons):
            new["reason"] = REDACTED
        return row.by, new

    return cut


def _is_meant(seq: int, wanted: Collection[int] | bool) -> bool:
    return wanted if isinstance(wanted, bool) else seq in wanted


def _blanked(plain: Any, names: Collection[str]) -> Any:
    """Return a value without some parts of the values in it: text becomes the mark, all else nothing."""
    if isinstance(plain, list):
        return [_blanked(each, names) for each in plain]
    if not isinstance(plain, dict):
        return plain
    return {key: _hidden(each) if key in names else _blanked(each, names) for key, each in plain.items()}


def _hidden(plain: Any) -> Any:
    if isinstance(plain, str):
        return REDACTED
    return type(plain)() if isinstance(plain, (list, dict)) else None


def cut_of_person(person: str, pseudonym: str, names: Collection[str], *, link_end: Callable[[str], str]) -> Cut:
    """Return the cut that calls a person by another name wherever a line says who.

    Args:
        names: fields, and parts of values in fields, that hold people; all that end in `_by` do, too.
        link_end: how the end of a link names a person.
    """
    ends = {link_end(person): link_end(pseudonym)}

    def named(key: str, plain: Any) -> Any:
        is_who = key in names or key == "by" or key.endswith("_by")
        if isinstance(plain, dict):
            return {
                pseudonym if is_who and inner == person else inner: named(key if inner == "+" else inner, each)
                for inner, each in plain.items()
            }
        if isinstance(plain, (list, tuple)):
            return [named(key, each) for each in plain]
        return pseudonym if is_who and plain == person else plain

    def cut(row: EntryRow, details: Plain) -> tuple[str, Plain]:
        new: Plain = named("", details)
        if new.get("on_behalf_of") == person:
            new["on_behalf_of"] = pseudonym
        if "link" in new:
            new["link"] = [new["link"][0], ends.get(new["link"][1], new["link"][1])]
        return (pseudonym if row.by == person else row.by), new

    return cut


def left_of(rows: Sequence[EntryRow], redacted: Iterable[RedactedRow]) -> list[EntryRow]:
    """Return a history as it is to be, with the lines that change in their places."""
    made: Mapping[int, RedactedRow] = {each.seq: each for each in redacted}
    return [
        row if row.seq not in made else row._replace(by=made[row.seq].by, details=made[row.seq].details) for row in rows
    ]
