"""People, a clock, and short ways to customers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from itil4 import Actor, InvalidInput, Refused
from itil4.value import Amount

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

AMY = Actor("amy", {"account_manager"})
REX = Actor("rex", {"relationship_manager"})
SUE = Actor("sue", {"sales"})
DORA = Actor("dora", {"service_desk"})
ANA = Actor("ana", {"user"})
EVE = Actor("eve", {"user"})
OFFICER = Actor("olga", {"data_protection_officer", "corrector"})
EVERYBODY = (AMY, REX, SUE, DORA, ANA, EVE)


class Ticking:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


def account(itsm: Any, name: str = "Acme", **values: Any) -> Any:
    """Return an account with a contact."""
    return itsm.accounts.log(**{"name": name, "contact": {"name": "Jo Doe"}, "by": AMY, **values})


def deal(itsm: Any, of: Any, worth: Any = 12_000, unit: str = "EUR", **values: Any) -> Any:
    """Return an opportunity."""
    amount = None if worth is None else Amount(worth, unit)
    return itsm.opportunities.log(account=of, summary="Storage", amount=amount, by=SUE, **values)


def qualified(itsm: Any, **values: Any) -> Any:
    """Return a lead that may be converted."""
    given = {"name": "Jo Doe", "organization": "Acme", "email": "jo@acme.example", **values}
    return itsm.leads.qualify(itsm.leads.log(by=EVE, **given), need="20 TB", by=SUE)


def tried(call: Callable[[], Any]) -> Any:
    """Return what a call returned, or the codes for which it was refused."""
    try:
        return call()
    except (InvalidInput, Refused) as error:
        return [reason.code for reason in error.reasons]


def codes(error: Any) -> list[str]:
    """Return the codes of the reasons of an error."""
    return [reason.code for reason in error.value.reasons]
