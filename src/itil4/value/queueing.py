"""What queueing theory says about a step: how long work waits when people are busy.

The formulas are those of the M/M/c queue (Erlang C): work arrives at random, each piece takes a
random (exponential) time, `servers` people take from one queue, first come, first served.
"""

import math

import attrs

from itil4.errors import InvalidInput

_ROUNDING = 1e-12
"""Rates that differ by less are the same ones, rounded: 0.3 / 0.1 is a little less than 3."""


@attrs.frozen(kw_only=True)
class Queue:
    """The long-run figures of a queue, in the time unit of the rates that it was asked with.

    Attributes:
        arrivals, services, servers: as given; `services` is per server.
        items: mean number of items in the system, waiting or in work.
        queued: mean number of items that wait.
        lead_time: mean time from arrival to completion.
        wait_time: mean time before work starts, over all items, those that need not wait included.
        idle: share of the time in which there is nothing to do at all.
        must_wait: share of the items that have to wait.
        utilization: share of the time in which a server is busy.
    """

    arrivals: float
    services: float
    servers: int
    items: float
    queued: float
    lead_time: float
    wait_time: float
    idle: float
    must_wait: float
    utilization: float


def mmc(arrivals: float, services: float, servers: int = 1) -> Queue:
    """Return the long-run figures of a queue with random arrivals and random service times.

    Args:
        arrivals: items that arrive per unit of time, on average; zero or more.
        services: items that one busy server completes per unit of time, on average; more than zero.
        servers: how many work in parallel; 1 or more.

    Raises:
        InvalidInput: a figure is not such a number, or arrivals reach what the servers can do
            (`overloaded`): then the queue grows for ever and has no long-run figures.

    >>> desk = mmc(10, 12, 2)                    # 10 calls an hour, 12 an hour per agent, two agents
    >>> round(desk.lead_time * 60, 2), round(desk.must_wait, 3)      # minutes
    (6.05, 0.245)
    >>> mmc(30, 12, 2)
    Traceback (most recent call last):
        ...
    itil4.errors.InvalidInput: 30 arrivals reach the 24 that a capacity of 2 can do: the queue would grow for ever. \
Use a capacity of at least 3, or fewer arrivals.
    """
    _rate("arrivals", arrivals)
    _rate("services", services)
    if isinstance(servers, bool) or not isinstance(servers, int):
        raise InvalidInput.of("ill_typed", field="servers", expected="a whole number", value=servers)
    for field, value in (("services", services), ("servers", servers)):
        if value <= 0:
            raise InvalidInput.of("not_positive", field=field, value=value)
    offered = arrivals / services
    if offered >= servers or math.isclose(offered, servers, rel_tol=_ROUNDING):
        enough = math.floor(offered * (1 + _ROUNDING)) + 1
        most = services * servers
        raise InvalidInput.of("overloaded", arrivals=arrivals, servers=servers, most=most, enough=enough)
    utilization = offered / servers
    blocked = 1.0  # Erlang B by recursion: no factorials, so that a thousand servers do not overflow
    for busy in range(1, servers + 1):
        blocked = offered * blocked / (busy + offered * blocked)
    must_wait = blocked / (1 - utilization * (1 - blocked))
    wait_time = must_wait / (servers * services - arrivals)
    return Queue(
        arrivals=arrivals,
        services=services,
        servers=servers,
        items=arrivals * wait_time + offered,
        queued=arrivals * wait_time,
        lead_time=wait_time + 1 / services,
        wait_time=wait_time,
        idle=_idle(offered, servers, utilization),
        must_wait=must_wait,
        utilization=utilization,
    )


def _idle(offered: float, servers: int, utilization: float) -> float:
    """Return the probability of an empty system, its terms summed in a scale that cannot overflow."""
    if offered == 0:
        return 1.0
    logs = [busy * math.log(offered) - math.lgamma(busy + 1) for busy in range(servers)]
    logs.append(servers * math.log(offered) - math.lgamma(servers + 1) - math.log1p(-utilization))
    top = max(logs)
    return math.exp(-top) / math.fsum(math.exp(term - top) for term in logs)


def _rate(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidInput.of("ill_typed", field=field, expected="a finite number", value=value)
    if value < 0:
        raise InvalidInput.of("negative", field=field, value=value)
