"""What every store promises, as tests that a backend's author runs.

Subclass `StoreContract` with a fixture `make_store`, in a test module of your own:

    from itil4.testing import StoreContract

    class TestMyStore(StoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            numbers = itertools.count()
            return lambda: MyStore(tmp_path / f"{next(numbers)}.db")

        def open_again(self, store):
            return lambda: MyStore(store.path)

What a store may do or not is skipped with a reason where its `capabilities` do not list it; the last test
prints the capability report. See docs/how-to/write-your-own-store.md.
"""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from itil4.errors import MissingExtra

try:
    import hypothesis  # noqa: F401 - so that both are missed in one place
    import pytest
except ModuleNotFoundError as error:
    raise MissingExtra.of("missing_extra", what="the store contract", package=error.name, extra="testing") from None

_GROUPS = (
    "outbox", "writing", "reading", "races", "processes", "faults", "abilities", "golden", "agreement", "redaction",
)  # fmt: skip
pytest.register_assert_rewrite(*(f"itil4.testing.store_{name}" for name in _GROUPS))

# behind the line above, so that a failing promise shows the values that differ
from itil4.storage import Store  # noqa: E402
from itil4.storage.capabilities import CAPABILITIES, Capability, capabilities_of  # noqa: E402
from itil4.storage.outbox import KeepsOutbox  # noqa: E402
from itil4.storage.projections import KeepsDueTimes  # noqa: E402
from itil4.storage.text_search import FindsWords  # noqa: E402
from itil4.testing.store_abilities import AbilityPromises  # noqa: E402
from itil4.testing.store_agreement import AgreementPromises  # noqa: E402
from itil4.testing.store_faults import FaultPromises  # noqa: E402
from itil4.testing.store_golden import GoldenPromises  # noqa: E402
from itil4.testing.store_outbox import OutboxPromises  # noqa: E402
from itil4.testing.store_processes import ProcessPromises  # noqa: E402
from itil4.testing.store_races import RacePromises  # noqa: E402
from itil4.testing.store_reading import ReadingPromises  # noqa: E402
from itil4.testing.store_redaction import RedactionPromises  # noqa: E402
from itil4.testing.store_writing import WritingPromises  # noqa: E402

_METHODS: Mapping[Capability, tuple[str, ...]] = {
    "gapless_numbers": (),
    "due_times": tuple(name for name in vars(KeepsDueTimes) if not name.startswith("_")),
    "text_search": tuple(name for name in vars(FindsWords) if not name.startswith("_")),
    "outbox": tuple(name for name in vars(KeepsOutbox) if not name.startswith("_")),
}


class StoreContract(
    WritingPromises, ReadingPromises, RacePromises, OutboxPromises, AbilityPromises, GoldenPromises,
    AgreementPromises, FaultPromises, ProcessPromises, RedactionPromises,
):  # fmt: skip
    """Every promise of a store; subclass it with a fixture `make_store`."""

    def test_a_store_can_do_what_it_lists(self, store: Store) -> None:
        """Capabilities are words that are known here, and each brings its methods."""
        listed = capabilities_of(store)
        assert listed <= set(get_args(Capability)), "a capability that this version does not know"
        for name in CAPABILITIES:
            if name in listed:
                lacking = [each for each in _METHODS[name] if not callable(getattr(store, each, None))]
                assert lacking == [], f"{name} is listed without these methods"

    def test_no_promise_was_dropped(self, request: pytest.FixtureRequest) -> None:
        """A promise that is not kept is a finding: a subclass may neither replace it, skip it nor expect it to fail."""
        own = type(self)
        changed = [name for name, promise in promises().items() if getattr(own, name, None) is not promise]
        assert changed == [], "these promises are replaced"
        marks = {mark.name for mark in request.node.iter_markers()}
        assert not marks & {"skip", "skipif", "xfail"}, "the whole contract is marked"

    def test_what_was_not_examined_is_reported(
        self, store: Store, record_property: Callable[[str, object], None]
    ) -> None:
        """The capability report, printed (`pytest -rP`) and kept with the results."""
        report = self.capability_report(store)
        print(report)
        record_property("capability_report", report)
        assert report.count("\n") == len(CAPABILITIES) + 4


def promises() -> dict[str, Callable[..., Any]]:
    """Return every promise of the contract by its name."""
    return {name: getattr(StoreContract, name) for name in sorted(dir(StoreContract)) if name.startswith("test_")}
