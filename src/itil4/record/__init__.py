"""What a practice keeps: records, their history, links, and who acts. Frozen values throughout."""

from itil4.record.actor import Actor
from itil4.record.base import PROTECTED, RESERVED, Frozen, Origin, Override, Record
from itil4.record.door import FieldType, Line, Note, Text, blank
from itil4.record.history import Added, Attachment, Change, Comment, Details, Entry, change_between, replay
from itil4.record.link import PERSON, SELF, Link, Relation, Relations, person
from itil4.record.redaction import REDACTED
from itil4.record.shape import FieldSet, FieldSpec, Shape, make_shape, shape_of
from itil4.record.tags import stored_as

__all__ = [
    "PERSON",
    "PROTECTED",
    "REDACTED",
    "RESERVED",
    "SELF",
    "Actor",
    "Added",
    "Attachment",
    "Change",
    "Comment",
    "Details",
    "Entry",
    "FieldSet",
    "FieldSpec",
    "FieldType",
    "Frozen",
    "Line",
    "Link",
    "Note",
    "Origin",
    "Override",
    "Record",
    "Relation",
    "Relations",
    "Shape",
    "Text",
    "blank",
    "change_between",
    "make_shape",
    "person",
    "replay",
    "shape_of",
    "stored_as",
]
