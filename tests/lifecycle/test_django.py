"""A lifecycle on a real Django model, saved by Django in a real database."""

from typing import Any

import pytest

from itil4.errors import Refused
from itil4.lifecycle import Lifecycle, State, Transition

django = pytest.importorskip("django", reason="Django is not installed")

FLOW = Lifecycle(
    "ticket", "new",
    [State("new", "new"), State("solved", "resolved"), State("closed", "closed", final=True)],
    [
        Transition("solve", "new", "solved", roles="agent", requires="solution"),
        Transition("close", "solved", "closed"),
    ],
)  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Any:
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=[], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        )  # fmt: skip
        django.setup()
    from django.db import connection, models

    class Ticket(models.Model):
        status = models.CharField(max_length=20, choices=FLOW.choices(), default="new")
        solution = models.CharField(max_length=40, null=True)
        impact = models.CharField(max_length=5, choices=[("high", "High"), ("low", "Low")], default="low")
        hours = models.IntegerField(null=True, blank=True)
        cause = models.CharField(max_length=5, choices=[("rust", "Rust"), ("rain", "Rain")], default="", blank=True)
        level = models.IntegerField(choices=[(1, "One"), (2, "Two")], default=1, blank=True)
        more = models.JSONField(null=True, blank=True)

        class Meta:
            app_label = "helpdesk_tests"

    with connection.schema_editor() as editor:
        editor.create_model(Ticket)
    yield Ticket
    connection.close()


def test_a_step_changes_the_model_and_django_saves_it(model: Any, context: Any) -> None:
    """Nothing is written by the lifecycle; what the host saves is what it reads back."""
    flow = FLOW.bind(model, state="status")
    ticket = model.objects.create()
    entry = flow.fire_in_place(ticket, "solve", context("agent", solution="Relay restarted"))
    assert (entry.record_id, entry.from_state, entry.to_state) == (str(ticket.pk), "new", "solved")
    assert model.objects.get(pk=ticket.pk).status == "new"
    ticket.save()
    stored = model.objects.get(pk=ticket.pk)
    assert (stored.status, stored.solution) == ("solved", "Relay restarted")
    stored.full_clean()


def test_the_model_says_its_own_fields_and_a_refusal_writes_nothing(model: Any, context: Any) -> None:
    """Types, lengths, choices and nullability come from the model."""
    flow = FLOW.bind(model, state="status")
    ticket = model.objects.create()
    for payload, code in (
        ({"solution": "x" * 41}, "too_long"), ({"solution": 7}, "ill_typed"), ({"hours": "2"}, "ill_typed"),
        ({"impact": "hihg"}, "not_a_choice"), ({"colour": "red"}, "unknown_field"), ({"id": 9}, "field_rule"),
    ):  # fmt: skip
        given = {"solution": "Relay restarted", **payload}
        with pytest.raises(Refused) as caught:
            flow.fire_in_place(ticket, "solve", context("agent", **given))
        assert caught.value.code == code, payload
    assert (ticket.status, ticket.solution, ticket.hours) == ("new", None, None)


def test_what_a_model_may_leave_empty_may_be_emptied(model: Any, context: Any) -> None:
    """A blank choice takes the empty text, a null column takes None, and a column of any value takes any."""
    flow = FLOW.bind(model, state="status")
    ticket = model.objects.create(solution="x", hours=2, cause="rust", more={"a": 1})
    for name, value in (
        ("cause", ""),
        ("cause", "rain"),
        ("hours", None),
        ("solution", None),
        ("more", None),
        ("more", [1]),
    ):
        flow.update_in_place(ticket, context(**{name: value}))
        assert getattr(ticket, name) == value
    for payload, code in (
        ({"impact": ""}, "not_a_choice"), ({"impact": None}, "not_a_choice"), ({"level": ""}, "not_a_choice"),
        ({"cause": None}, "not_a_choice"), ({"cause": "rusty"}, "not_a_choice"),
    ):  # fmt: skip
        with pytest.raises(Refused) as caught:
            flow.update_in_place(ticket, context(**payload))
        assert caught.value.code == code, payload
