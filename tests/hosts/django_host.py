"""A Django application with a table of its own, whose status moves by a lifecycle that is bound to it."""

import typing
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import django
from django.conf import settings
from sample_workflows.defects import LIFECYCLE, Defect

from itil4 import Actor, ITIL4Error, Lifecycle
from itil4.clock import FrozenClock
from itil4.lifecycle import Context
from itil4.testing import Answer, Seen
from itil4.testing.local import START

if not settings.configured:
    settings.configure(
        INSTALLED_APPS=[], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )  # fmt: skip
    django.setup()

from django.db import connection, models, transaction

FIELDS = (
    "summary", "severity", "assignee", "root_cause", "fix", "proposed_by", "approved_by", "reopened", "close_note",
)  # fmt: skip


class DefectRow(models.Model):
    """The host's own table."""

    status = models.CharField(max_length=20, choices=LIFECYCLE.choices(), default="reported")
    lock_version = models.IntegerField(default=1)
    summary = models.CharField(max_length=255)
    severity = models.CharField(max_length=4, default="low")
    assignee = models.CharField(max_length=255, null=True)
    root_cause = models.TextField(null=True)
    fix = models.TextField(null=True)
    proposed_by = models.CharField(max_length=255, null=True)
    approved_by = models.CharField(max_length=255, null=True)
    reopened = models.IntegerField(default=0)
    close_note = models.TextField(null=True)

    class Meta:
        app_label = "itil4_hosts"


def table() -> None:
    """Make the table, if it is not there."""
    if DefectRow._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(DefectRow)


class Application:
    """What the views of the host call."""

    def __init__(self, clock: FrozenClock, lifecycle: Lifecycle = LIFECYCLE) -> None:
        hints = typing.get_type_hints(Defect, include_extras=True)
        fields = {name: hints[name] for name in FIELDS}
        self.clock = clock
        self.flow = lifecycle.bind(DefectRow, state="status", version="lock_version", fields=fields)

    def open(self, values: Mapping[str, Any]) -> DefectRow:
        """Record a defect."""
        if wrong := self.flow.shape.problems(values):
            raise ITIL4Error(*wrong)
        if self.hidden(values):
            raise ITIL4Error.of("field_rule", field="fix", rule="hidden", remedy="Leave it out.")
        return DefectRow.objects.create(**values)

    def hidden(self, values: Mapping[str, Any]) -> bool:
        """Whether something is given that a new defect cannot have yet."""
        return any(values.get(name) for name in ("fix", "proposed_by", "approved_by", "reopened"))

    def take(
        self, key: str, event: str, actor: Actor, values: Mapping[str, Any], expected: int | None
    ) -> DefectRow:  # fmt: skip
        """Take a step, or change fields, and save the row."""
        with transaction.atomic():
            row = DefectRow.objects.get(pk=key)
            context = Context(actor, self.clock.now(), values, facts={"links.pieces": ()})
            if event == "update":
                entry = self.flow.update_in_place(row, context, expected=expected)
                if not entry.changes:
                    return DefectRow.objects.get(pk=key)
            else:
                self.flow.fire_in_place(row, event, context, expected=expected)
            row.save()
        return row


class OnDjango:
    """Plays stories on the application."""

    def __init__(self, application: type[Application] = Application, **options: Any) -> None:
        table()
        DefectRow.objects.all().delete()
        self.clock = FrozenClock(START)
        self.application = application(self.clock, **options)

    def open(self, payload: Mapping[str, Any], actor: Actor) -> Answer:
        return self._tried(lambda: self.application.open(payload))

    def fire(
        self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor, expected: int | None = None
    ) -> Answer:
        return self._tried(lambda: self.application.take(reference, event, actor, payload, expected))

    def get(self, reference: str) -> Seen:
        return _seen(DefectRow.objects.get(pk=reference))

    def now(self) -> Any:
        return self.clock.now()

    def advance(self, by: timedelta) -> None:
        self.clock.tick(by)

    def _tried(self, work: Any) -> Answer:
        try:
            return Answer(_seen(work()))
        except ITIL4Error as error:
            return Answer.refused(*(reason.code for reason in error.reasons), text=str(error))
        except Exception as error:  # whatever the host raises is what the kit looks for
            return Answer.failed(f"{type(error).__name__}: {error}")


def _seen(row: DefectRow) -> Seen:
    return Seen(str(row.pk), row.status, row.lock_version, {name: getattr(row, name) for name in FIELDS})
