"""What approval means, said a second time and slowly: by enumerating every way in which the rest could vote.

Nothing here is shared with the engine. A ballot is decided when all ways to end it agree, and open otherwise.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from itertools import product
from typing import Any

from hypothesis import strategies as st

PEOPLE = ("ben", "cem", "dia", "eve", "fay", "gus")

WAYS = ("approve", "reject", "abstain", None)
"""How somebody may vote, None: not at all."""


def carried(form: Mapping[str, Any], weights: tuple[int, ...], votes: tuple[str | None, ...]) -> bool:
    """Say whether a ballot has carried once nobody votes any more."""
    yes = [place for place, vote in enumerate(votes) if vote == "approve"]
    if not yes or all(place in form.get("dependent", ()) for place in yes):
        return False
    if sum(vote is not None for vote in votes) < (form.get("quorum") or 0):
        return False
    needs = form["needs"]
    if needs == "one":
        return True
    about = [place for place, vote in enumerate(votes) if vote != "abstain" or form.get("abstentions") == "count"]
    if needs == "all":
        return yes == about
    ((measure, amount),) = needs.items()
    if measure == "count":
        return bool(len(yes) >= amount)
    heavy = sum(weights[place] for place in yes)
    if measure == "weight":
        return bool(heavy >= amount)
    return Decimal(100) * heavy >= Decimal(str(amount)) * sum(weights[place] for place in about)


def endings(form: Mapping[str, Any], weights: tuple[int, ...]) -> Any:
    """Return the function from the votes so far (`"?"`: has not voted yet) to the set of ways in which it can end."""

    @cache
    def reach(votes: tuple[str | None, ...]) -> frozenset[bool]:
        if "?" not in votes:
            return frozenset({carried(form, weights, votes)})
        place = votes.index("?")
        return frozenset().union(*(reach((*votes[:place], way, *votes[place + 1 :])) for way in WAYS))

    return reach


def verdict(found: frozenset[bool]) -> str:
    """Return how something stands that can end in these ways."""
    return "open" if len(found) == 2 else "approved" if True in found else "rejected"


def could(form: Mapping[str, Any], weights: tuple[int, ...]) -> bool:
    """Say whether a ballot could carry if everybody were for it."""
    return carried(form, weights, ("approve",) * len(weights))


# trees


def tree_carries(form: Mapping[str, Any], outcomes: Mapping[str, bool]) -> bool:
    """Say whether a step has carried, from which of its ballots have."""
    if "in_sequence" in form:
        return all(tree_carries(each, outcomes) for each in form["in_sequence"])
    if "in_parallel" in form:
        held = [tree_carries(each, outcomes) for each in form["in_parallel"]]
        needs = form.get("needs", "all")
        return sum(held) >= (len(held) if needs == "all" else 1 if needs == "one" else needs["count"])
    return outcomes[form["name"]]


def tree_stands(form: Mapping[str, Any], standing: Mapping[str, str]) -> str:
    """Return how a tree stands, by every way in which its open ballots could end."""
    open_ones = [name for name, how in standing.items() if how == "open"]
    fixed = {name: how == "approved" for name, how in standing.items() if how != "open"}
    ways = product((True, False), repeat=len(open_ones))
    return verdict(frozenset(tree_carries(form, {**fixed, **dict(zip(open_ones, way, strict=True))}) for way in ways))


def ballots_in(form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the ballots of a step."""
    inner = form.get("in_sequence") or form.get("in_parallel")
    return [form] if inner is None else [ballot for each in inner for ballot in ballots_in(each)]


def asked_in(form: Mapping[str, Any], standing: Mapping[str, str]) -> list[str]:
    """Return the ballots whose votes count now: of a sequence, those of its first step that has not carried."""
    if "in_parallel" in form:
        return [name for each in form["in_parallel"] for name in asked_in(each, standing)]
    if "in_sequence" not in form:
        return [form["name"]]
    for each in form["in_sequence"]:
        if tree_stands(each, {ballot["name"]: standing[ballot["name"]] for ballot in ballots_in(each)}) != "approved":
            break
    return asked_in(each, standing)


# policies to try


def _ballots(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def ballot(draw: st.DrawFn) -> dict[str, Any]:
        people = draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True))
        enough: list[Any] = ["one", "all", {"count": draw(st.integers(1, len(people)))}, {"percentage": 50}]
        needs = draw(st.sampled_from([*enough, {"percentage": 67}]))
        names.append(f"b{len(names)}")
        form = {"name": names[-1], "authority": [{"person": who} for who in people], "needs": needs}
        if draw(st.booleans()):
            form["quorum"] = draw(st.integers(1, len(people)))
        if draw(st.booleans()):
            form["abstentions"] = "count"
        return form

    return ballot()


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """Return a policy step of up to six ballots, as plain data."""
    names: list[str] = []

    def step(depth: int) -> dict[str, Any]:
        if depth == 0 or len(names) > 3 or draw(st.integers(0, 2)) == 0:
            return draw(_ballots(names))
        steps = [step(depth - 1) for _ in range(draw(st.integers(1, 3)))]
        if draw(st.booleans()):
            return {"in_sequence": steps}
        needs = draw(st.sampled_from(["one", "all", {"count": draw(st.integers(1, len(steps)))}]))
        return {"in_parallel": steps, "needs": needs}

    return step(2)
