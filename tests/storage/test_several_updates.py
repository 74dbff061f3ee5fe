"""The updates of a unit go to the store together, and still the one that does not fit is named."""

from pathlib import Path

import pytest

import itil4
from itil4 import Actor, MemoryStore, SqliteStore
from itil4.errors import StaleRecord

SAM, EVE = Actor("sam", roles={"service_desk"}), Actor("eve", roles={"service_desk"})


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize("moved", [0, 1, 2])
def test_of_several_updates_the_stale_one_is_named_and_none_is_written(store: str, moved: int, tmp_path: Path) -> None:
    """Whichever of three has moved, the refusal tells its number and who did it, and the others stay as they were."""
    with itil4.connect(MemoryStore() if store == "memory" else SqliteStore(tmp_path / "desk.db")) as itsm:
        logged = [itsm.incidents.log(summary="Mail", impact="low", urgency="low", by=SAM) for _ in range(3)]
        unit = itsm.unit(by=SAM)
        desk = unit.__enter__()
        for each in logged:
            desk.incidents.update(each, item="relay 7")
        itsm.incidents.update(logged[moved], item="relay 8", by=EVE)
        with pytest.raises(StaleRecord) as refusal:
            unit.__exit__(None, None, None)
        assert str(refusal.value).startswith(f"{logged[moved].number} has moved on")
        assert "eve" in str(refusal.value)
        expected = ["relay 8" if place == moved else None for place in range(3)]
        assert [itsm.incidents.get(each.id).item for each in logged] == expected
        assert all(
            len(itsm.incidents.history(each.id)) == (1 if item is None else 2)
            for each, item in zip(logged, expected, strict=True)
        )
