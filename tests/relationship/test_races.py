"""Two people at once: what holds for one after another holds for both together."""

from collections.abc import Callable
from typing import Any

import pytest
from relationship_kit import AMY, DORA, REX, SUE, account, deal, qualified

from itil4 import Actor, ITIL4Error, Refused, StaleRecord
from itil4.testing.store_base import together


def test_inv_107_two_who_convert_a_lead_at_once_make_one_account(itsm: Any) -> None:
    """INV-107: one of them does it, the others are refused, and nothing of theirs is left behind."""
    for turn in range(6):
        lead = qualified(itsm)
        done = together(*[lambda lead=lead: itsm.leads.convert(lead.id, by=SUE)] * 3)
        assert sum(not isinstance(each, ITIL4Error) for each in done) == 1
        assert {type(each) for each in done} <= {type(lead), Refused, StaleRecord}
        assert (itsm.accounts.count(), itsm.opportunities.count(), itsm.contacts.count()) == (turn + 1,) * 3


def test_inv_107_a_retry_with_a_key_gives_everybody_the_same_result(itsm: Any) -> None:
    """INV-107: `once` makes a repeat harmless, in a race as well."""
    lead = qualified(itsm)
    done = together(*[lambda: itsm.leads.convert(lead.id, once="form 7", by=SUE)] * 3)
    assert done == [done[0]] * 3 and done[0].state == "converted"
    assert (itsm.accounts.count(), itsm.opportunities.count()) == (1, 1)


def meanwhile(itsm: Any, by: Actor, first: Callable[[Any], Any], second: Callable[[], Any]) -> None:
    """Do the first thing in a unit of work, and the second one, wholly, before that is committed: it must give way."""

    def both() -> None:
        with itsm.unit(by=by) as desk:
            first(desk)
            second()

    with pytest.raises(StaleRecord):
        both()


def test_inv_106_two_contacts_cannot_both_be_the_last_to_go(itsm: Any) -> None:
    """INV-106: each sees the other one still there; one of the two steps is refused all the same."""
    acme = account(itsm, contact=({"name": "Jo"}, {"name": "Kim"}))
    jo, kim = itsm.accounts.linked(acme, "has_contact")
    meanwhile(itsm, AMY, lambda desk: desk.contacts.leave(jo), lambda: itsm.contacts.leave(kim, by=AMY))
    assert [each.state for each in itsm.accounts.linked(acme, "has_contact")] == ["active", "left"]


def test_inv_106_two_contacts_cannot_both_be_unlinked(itsm: Any) -> None:
    """INV-106: the same for links, and for a link that goes while the other contact leaves."""
    acme = account(itsm, contact=({"name": "Jo"}, {"name": "Kim"}, {"name": "Max"}))
    jo, kim, max_ = itsm.accounts.linked(acme, "has_contact")
    itsm.contacts.leave(max_, by=AMY)

    def unlinked(each: Any) -> Any:
        return itsm.unlink(each, "contact_of", acme, by=AMY)

    meanwhile(itsm, AMY, lambda desk: desk.unlink(jo, "contact_of", acme), lambda: itsm.contacts.leave(kim, by=AMY))
    itsm.contacts.rejoin(kim.id, by=AMY)
    meanwhile(itsm, AMY, lambda desk: desk.contacts.leave(jo), lambda: unlinked(kim.id))
    assert [each.name for each in itsm.accounts.linked(acme, "has_contact")] == ["Jo", "Max"]


def test_inv_106_nobody_leaves_while_the_account_is_won_back(itsm: Any) -> None:
    """INV-106: a former account may lose its last active contact, unless somebody wins it back meanwhile."""
    acme = itsm.accounts.end_relationship(account(itsm), close_reason="over", by=REX)
    (jo,) = itsm.accounts.linked(acme, "has_contact")
    meanwhile(itsm, SUE, lambda desk: desk.accounts.win_back(acme), lambda: itsm.contacts.leave(jo, by=AMY))
    jo = itsm.contacts.rejoin(jo.id, by=AMY)
    meanwhile(itsm, AMY, lambda desk: desk.contacts.leave(jo), lambda: itsm.accounts.win_back(acme.id, by=SUE))
    assert itsm.contacts.get(jo.id).state == "active"


def test_no_business_begins_while_a_relationship_ends(itsm: Any) -> None:
    """The end of an account rests on its open business, and new business on the account."""
    acme, lab = account(itsm), account(itsm, "Lab")
    over = {"close_reason": "over"}
    meanwhile(itsm, REX, lambda desk: desk.accounts.end_relationship(acme, **over), lambda: deal(itsm, acme))
    assert itsm.accounts.get(acme.id).state == "prospect"
    meanwhile(
        itsm, SUE, lambda desk: desk.opportunities.log(account=lab, summary="Storage"),
        lambda: itsm.accounts.end_relationship(lab.id, by=REX, **over),
    )  # fmt: skip
    assert itsm.opportunities.count() == 1


def test_many_may_log_something_for_one_account_at_once(itsm: Any) -> None:
    """Nobody has to give way to somebody who only refers to the same account."""
    acme = account(itsm)

    def call(summary: str) -> Any:
        return lambda: itsm.interactions.log(account=acme, channel="phone", summary=summary, by=DORA)

    def both() -> None:
        with itsm.unit(by=DORA) as desk:
            desk.interactions.log(account=acme, channel="phone", summary="first")
            call("meanwhile")()

    both()
    done = together(*[call(f"call {n}") for n in range(3)])
    assert not [each for each in done if isinstance(each, ITIL4Error)]
    assert len(itsm.accounts.timeline(acme.id)) == 5
