"""The count against an oracle that enumerates all votes, and against itself."""

from itertools import product
from typing import Any

import pytest
from approval_kit import ANA, Staff, asked, opened
from approval_oracle import PEOPLE, WAYS, asked_in, ballots_in, could, endings, tree_stands, trees, verdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itil4 import Actor, Refused
from itil4.practices.approval import ApprovalPolicy, Needs, tally


def rules_for(count: int) -> list[Any]:
    """Return every rule that is tried on so many people."""
    return [
        "one", "all",
        *({"count": n} for n in range(1, count + 1)),
        *({"percentage": p} for p in (0.5, 20, 33.3, 33.4, 50, 50.1, 60, 66.6, 75, 80, 100)),
        *({"weight": w} for w in (1, 2, 3, 5, 8)),
    ]  # fmt: skip


@pytest.mark.parametrize("count", range(1, 7))
def test_a_ballot_is_decided_as_soon_as_and_only_when_all_ways_to_go_on_agree(count: int) -> None:
    """Every state of votes of up to five people, and every seventh of six; all rules, with and without a quorum."""
    weights = (1, 2, 1, 3, 1, 2)[:count]
    people = PEOPLE[:count]
    tried = 0
    for needs in rules_for(count):
        for abstentions, quorum, dependent in (
            ("set_aside", None, ()), ("count", None, ()),
            ("set_aside", count // 2 + 1, ()), ("set_aside", None, (0, 1)),
        ):  # fmt: skip
            form = {"needs": needs, "abstentions": abstentions, "quorum": quorum, "dependent": dependent}
            if not could(form, weights):
                continue
            reach = endings(form, weights)
            states = product((*WAYS[:3], "?"), repeat=count)
            for place, votes in enumerate(states):
                if count == 6 and place % 7:
                    continue
                found = tally(
                    Needs.of(needs),
                    dict(zip(people, weights, strict=True)),
                    {who: vote for who, vote in zip(people, votes, strict=True) if vote != "?"},  # type: ignore[misc]  # texts
                    quorum=quorum,
                    abstentions=abstentions,  # type: ignore[arg-type]  # the two words above
                    dependent=[people[each] for each in dependent if each < count],
                )
                assert found.status == verdict(reach(votes)), (form, votes)
                assert not found.short
                tried += 1
    assert tried > 50


def test_a_percentage_is_refused_once_refusals_and_the_needed_approvals_exceed_a_hundred() -> None:
    """Of ten people 60 % are needed: four refusals leave it open, the fifth refuses it; at 50 %, five do not."""
    seats = {f"p{place}": 1 for place in range(10)}
    for needed, refusals, status in ((60, 4, "open"), (60, 5, "rejected"), (50, 5, "open"), (50, 6, "rejected")):
        votes: Any = {f"p{place}": "reject" for place in range(refusals)}
        assert tally(Needs("percentage", needed), seats, votes).status == status, (needed, refusals)


def test_shares_are_exact() -> None:
    """A third of three is one of three, whatever binary fractions say; a tenth of a percent more is not."""
    seats = {"ben": 1, "cem": 1, "dia": 1}
    one: Any = {"ben": "approve"}
    assert tally(Needs("percentage", 33.3), seats, one).status == "approved"
    assert tally(Needs("percentage", 33.4), seats, one).status == "open"
    ten: Any = {f"p{place}": "approve" for place in range(7)}
    assert tally(Needs("percentage", 70.0), {f"p{place}": 1 for place in range(10)}, ten).status == "approved"


def test_votes_of_others_do_not_count_and_silence_approves_nothing() -> None:
    """Who is not asked is not counted; nobody's vote is nobody's consent."""
    assert tally(Needs("one"), {"ben": 1}, {"eve": "approve"}).status == "open"
    assert tally(Needs("all"), {}, {}).short
    lonely = tally(Needs("count", 2), {"ben": 1}, {"ben": "reject"})
    assert (lonely.short, lonely.status) == (True, "open"), "what nobody could give is not refused by anybody"
    assert tally(Needs("all"), {"ben": 1, "cem": 1}, {"ben": "abstain", "cem": "abstain"}).status == "rejected"


@given(st.data())
def test_a_count_says_how_many_approvals_it_lacks_at_least(data: st.DataObject) -> None:
    """That many more approvals decide it, and one fewer does not."""
    count = data.draw(st.integers(1, 6))
    needs = data.draw(st.sampled_from(["one", "all", {"count": data.draw(st.integers(1, count))}, {"percentage": 60}]))
    seats = dict.fromkeys(PEOPLE[:count], 1)
    votes: Any = data.draw(st.dictionaries(st.sampled_from(PEOPLE[:count]), st.sampled_from(WAYS[:3])))
    held = tally(Needs.of(needs), seats, votes)
    rest = [who for who in seats if who not in votes]
    if held.status != "open":
        assert held.lacking == 0
        return
    assert 1 <= held.lacking <= len(rest)
    for more in range(len(rest) + 1):
        then = tally(Needs.of(needs), seats, {**votes, **dict.fromkeys(rest[:more], "approve")})
        assert (then.status == "approved") == (more >= held.lacking)


# through the public door


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(trees(), st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(WAYS[:3])), min_size=1, max_size=16))
def test_the_engine_stands_where_the_oracle_stands_after_every_vote(
    form: dict[str, Any], acts: list[tuple[str, str]]
) -> None:
    """Any tree, any people in any order, changed votes included: who may vote, when it is decided, and how."""
    policy = ApprovalPolicy.from_dict({"name": "drawn", "step": form})
    itsm = opened(policy, staff=Staff())
    held = asked(itsm, by=ANA)
    ballots = {each["name"]: each for each in ballots_in(form)}
    people = {name: tuple(who["person"] for who in each["authority"]) for name, each in ballots.items()}
    reach = {name: endings(each, (1,) * len(people[name])) for name, each in ballots.items()}
    cast: dict[str, dict[str, str]] = {name: {} for name in ballots}
    standing = dict.fromkeys(ballots, "open")
    for who, choice in acts:
        now = asked_in(form, standing) if held.approval_state == "requested" else []
        mine = [name for name in now if who in people[name] and (standing[name] == "open" or who in cast[name])]
        if not mine:
            with pytest.raises(Refused):
                itsm.proposals.fire(held, choice, by=Actor(who))
            continue
        held = itsm.proposals.fire(held, choice, by=Actor(who))
        for name in mine:
            cast[name][who] = choice
            standing[name] = verdict(reach[name](tuple(cast[name].get(each, "?") for each in people[name])))
        wanted = {
            "open": ("requested", "waiting"),
            "approved": ("approved", "planned"),
            "rejected": ("rejected", "refused"),
        }
        assert (held.approval_state, held.state) == wanted[tree_stands(form, standing)]
        shown = {each.ballot.name: each.status for each in itsm.proposals.approval(held).ballots}
        assert shown == standing
    assert itsm.proposals.replayed(held) == held
