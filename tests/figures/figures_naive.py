"""The figures once more, written apart: from snapshots of every version, by plain loops."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

OVER = ("resolved", "closed")
OPEN = ("new", "active", "waiting")


class Seen:
    """One incident as it was after each entry that lies before the end."""

    def __init__(self, practice: Any, history: Any, until: datetime | None) -> None:
        self.all = [(entry, practice.rebuilt(history[: place + 1])) for place, entry in enumerate(history)]
        self.known = []
        for entry, snapshot in self.all:
            if until is not None and entry.at >= until:
                break
            self.known.append((entry, snapshot))
        self.category = practice.lifecycle.category

    def pairs(self) -> list[tuple[Any, Any, str, str, Any]]:
        """(entry, time, category before, category after, snapshot) for everything after birth."""
        found = []
        for (_, old), (entry, new) in zip(self.known, self.known[1:], strict=False):
            found.append((entry, entry.at, self.category(old.state), self.category(new.state), new))
        return found


def naive(practice: Any, since: datetime | None, until: datetime | None, now: datetime) -> dict[str, tuple]:
    """Return name -> (value, n, how many are open)."""
    end = now if until is None else min(now, until)

    def inside(at: datetime) -> bool:
        return (since is None or since <= at) and (until is None or at < until)

    cases = [Seen(practice, practice.history(each.id), until) for each in practice.each()]
    cases = [case for case in cases if case.known]
    last = [(case, case.known[-1][1], case.category(case.known[-1][1].state)) for case in cases]
    n_open = sum(category in OPEN for _, _, category in last)

    def ended_at(case: Seen) -> Any:
        """(time, snapshot) of the last step into resolved or closed from elsewhere."""
        found = None
        for _, at, before, after, snapshot in case.pairs():
            if after in OVER and before not in OVER:
                found = (at, snapshot)
        return found

    def back(case: Seen) -> list[datetime]:
        return [at for _, at, before, after, _ in case.pairs() if before in OVER and after in OPEN]

    def outage(case: Seen) -> Any:
        snapshot = case.known[-1][1]
        start = snapshot.occurred_at or snapshot.detected_at or snapshot.created_at
        returned = back(case)
        told = snapshot.restored_at
        if told is not None and (not returned or told >= returned[-1]):
            return start, told
        state = case.category(snapshot.state)
        return (start, ended_at(case)[0]) if state in OVER else (start, None) if state in OPEN else None

    out: dict[str, tuple] = {}
    over = [(c, s, k, ended_at(c)) for c, s, k in last if k in OVER and inside(ended_at(c)[0])]

    active = whole = timedelta()
    n = 0
    for case, *_ in over:
        mine = total = timedelta()
        for (entry, snapshot), (following, _) in zip(case.known, case.known[1:], strict=False):
            category = case.category(snapshot.state)
            if category in OPEN:
                total += following.at - entry.at
                mine += following.at - entry.at if category == "active" else timedelta()
        if total:
            n, active, whole = n + 1, active + mine, whole + total
    out["efficiency"] = (active / whole if whole else None, n, n_open)

    good = bad = uncertain = 0
    for case, _, category in last:
        endings = [e.seq for e, at, b, a, _ in case.pairs() if a in OVER and b not in OVER and inside(at)]
        if endings:
            again = any(b in OVER and a in OPEN and e.seq > min(endings) for e, _, b, a, _ in case.pairs())
            good, bad, uncertain = good + (not again), bad + again, uncertain + (category == "resolved")
    out["quality"] = (good / (good + bad) if good + bad else None, good + bad, uncertain)
    out["reopen_share"] = (bad / (good + bad) if good + bad else None, good + bad, uncertain)

    ranked = []
    for case, snapshot, _, (_, at_end) in over:
        if at_end.priority is not None:
            stop = outage(case)[1]
            ranked.append((at_end.priority, max(stop - snapshot.created_at, timedelta())))
    pairs = [(a, b) for a in ranked for b in ranked if a[0] < b[0]]
    won = sum((Fraction(1) if a[1] < b[1] else Fraction(1, 2) if a[1] == b[1] else 0) for a, b in pairs)
    out["prioritize"] = (float(Fraction(won) / len(pairs)) if pairs else None, len(ranked), n_open)

    total, n, running = timedelta(), 0, 0
    lengths, unrestored = [], 0
    for case, _, _ in last:
        span = outage(case)
        if span is None:
            continue
        start, stop = span
        unrestored += stop is None
        if stop is not None and stop < start:
            continue
        if stop is not None and inside(stop):
            lengths.append(stop - start)
        low = max(start, since) if since else start
        high = min(stop or end, end)
        begun = until is None or start < until
        left = since is None or stop is None or stop > since or start >= since
        if begun and left:
            total, n, running = total + max(high - low, timedelta()), n + 1, running + (stop is None)
    out["downtime"] = (total, n, running)
    out["time_to_restore"] = (mean(lengths), len(lengths), unrestored)

    linked = 0
    for case, *_ in over:
        held = set()
        for entry, _ in case.known:
            if entry.op == "link":
                held.add(entry.link)
            if entry.op == "unlink":
                held.remove(entry.link)
        linked += any(relation in ("caused_by", "resolved_by") for relation, _ in held)
    out["learn_and_prevent"] = (linked / len(over) if over else None, len(over), n_open)

    lengths, waiting = [], 0
    for case, snapshot, category in last:
        first = None
        for entry, at, _, _, _ in case.pairs():
            staff = entry.op == "step" and entry.lifecycle == practice.lifecycle.name
            staff = staff and bool(set(entry.roles) - {"requester", "system"})
            if staff and first is None:
                first = at
        if first is not None and inside(first):
            lengths.append(first - snapshot.created_at)
        waiting += first is None and category in OPEN
    out["time_to_acknowledge"] = (mean(lengths), len(lengths), waiting)

    for name, wanted in (("time_to_resolve", "resolved"), ("time_to_close", "closed")):
        lengths, waiting = [], 0
        for case, snapshot, category in last:
            entered = [at for _, at, before, after, _ in case.pairs() if after == wanted and before != wanted]
            unfinished = OPEN if name == "time_to_resolve" else (*OPEN, "resolved")
            if category in unfinished:
                waiting += 1
            elif category in OVER and entered and inside(entered[-1]):
                lengths.append(entered[-1] - snapshot.created_at)
        out[name] = (mean(lengths), len(lengths), waiting)

    number = sum(inside(at) for case in cases for at in back(case))
    out["reopenings"] = (number, number, 0)

    smooth = 0
    for case, *_, (_, at_end) in over:
        rough = bool(back(case)) or any(case.category(snapshot.state) == "waiting" for _, snapshot in case.known)
        for (_, old), (_, new) in zip(case.known, case.known[1:], strict=False):
            if new.version <= at_end.version:
                rough |= old.group is not None and old.group != new.group
                rough |= old.assignee is not None and old.assignee != new.assignee
        smooth += not rough
    out["first_contact_share"] = (smooth / len(over) if over else None, len(over), n_open)

    fresh = [(c, k) for c, s, k in last if inside(s.created_at)]
    waited = [any(c.category(s.state) == "waiting" for _, s in c.known) for c, _ in fresh]
    yet = sum(not w and k in OPEN for w, (_, k) in zip(waited, fresh, strict=True))
    out["waited_share"] = (sum(waited) / len(fresh) if fresh else None, len(fresh), yet)

    moved = known = 0
    for case in cases:
        for (_, old), (entry, new) in zip(case.known, case.known[1:], strict=False):
            if old.group != new.group and inside(entry.at):
                moved, known = moved + 1, known + (old.group is not None)
    out["reassignments"], out["group_changes"] = (known, known, 0), (moved, moved, 0)
    out["logged"], out["ended"] = (len(fresh), len(fresh), 0), (len(over), len(over), 0)
    out["backlog"] = (n_open, n_open, n_open)
    still = sum(case.category(case.all[-1][1].state) in OPEN for case in cases)
    out["backlog_now"] = (still, still, still)
    out["backlog_age"] = (mean([end - s.created_at for _, s, k in last if k in OPEN]), n_open, n_open)
    return out


def mean(lengths: list[timedelta]) -> timedelta | None:
    return sum(lengths, timedelta()) / len(lengths) if lengths else None
