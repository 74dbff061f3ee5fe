"""The pytest plugin: a desk in memory, a clock that stands, an agent, and how thorough random tests are.

It is found by pytest wherever itil4 is installed, and reads nothing of it before a test asks for a fixture.

| fixture | is |
|---|---|
| `frozen_clock` | a `FrozenClock` on a Monday morning; `frozen_clock.tick(timedelta(hours=2))` moves it |
| `itil4_options` | what `connect` is given besides the clock; override it to bring practices and policies |
| `itsm` | a service management in memory, on that clock and with those options |
| `agent` | an actor of the service desk |

`--itil4-profile=quick` runs random tests with few examples and the same values in every run, `deep`
with many and new ones. Both are Hypothesis profiles, called `itil4-quick` and `itil4-deep`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from itil4.clock import FrozenClock
    from itil4.itsm import ServiceManagement
    from itil4.record import Actor

PROFILES: dict[str, dict[str, Any]] = {
    "quick": {"max_examples": 25, "stateful_step_count": 20, "derandomize": True},
    "deep": {"max_examples": 1_000, "stateful_step_count": 60},
}
"""What the profiles set, besides no deadline and a printed blob to reproduce a failure."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("itil4")
    says = "how thorough random tests are: quick (few, the same in every run) or deep (many new ones)"
    group.addoption("--itil4-profile", choices=sorted(PROFILES), default=None, help=says)


def pytest_configure(config: pytest.Config) -> None:
    """Load the profile that was asked for."""
    wanted = config.getoption("--itil4-profile")
    if wanted is None:
        return
    try:
        from hypothesis import settings
    except ImportError:
        raise pytest.UsageError(
            "--itil4-profile needs the package hypothesis. Run: pip install 'itil4[testing]'"
        ) from None
    for name, chosen in PROFILES.items():
        settings.register_profile(f"itil4-{name}", deadline=None, print_blob=True, **chosen)
    settings.load_profile(f"itil4-{wanted}")


@pytest.fixture
def frozen_clock() -> "FrozenClock":
    """A clock that stands at nine on a Monday morning, UTC, until the test moves it."""
    from datetime import UTC, datetime

    from itil4.clock import FrozenClock

    return FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))


@pytest.fixture
def itil4_options() -> dict[str, Any]:
    """What the fixture `itsm` gives to `connect`: override it with `practices=`, `policies=` and the like."""
    return {}


@pytest.fixture
def itsm(frozen_clock: "FrozenClock", itil4_options: dict[str, Any]) -> "Iterator[ServiceManagement]":
    """A service management in memory."""
    import itil4

    with itil4.connect(**{"clock": frozen_clock, **itil4_options}) as made:
        yield made


@pytest.fixture
def agent() -> "Actor":
    """Somebody of the service desk."""
    from itil4.record import Actor

    return Actor("sam", roles={"service_desk"})
