"""Mapping files: what they may say, and how they are refused."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import itil4
from itil4 import InvalidInput
from itil4.interop.mapping import HistoryMapping, shipped_names
from itil4.interop.times import TimeReader

WRONG = {
    "it is no TOML": ("shape =", "broken", "it is no TOML"),
    "an unknown key": ("colums = 1", "", "unknown key 'colums'. Did you mean 'columns'"),
    "no system": ("", "system", "it lacks system"),
    "an unknown shape": ('shape = "snapshot"', "shape", "Did you mean 'snapshots'"),
    "an unknown column": ('[columns]\nkei = "n"', "columns", "columns has the unknown key 'kei'. Did you mean 'key'"),
    "a column that lacks": ('[columns]\nkey = "n"\ntime = "t"', "columns", "columns lacks state"),
    "an unknown state": ('[states]\nNew = "nwe"', "states", "the state 'nwe', which is not there. Did you mean 'new'"),
    "a field that a state lacks": ('[states]\nNew = { state = "new", holdkind = "x" }', "states", "holdkind"),
    "an unknown field": ('[fields]\ngrop = "team"', "fields", "the field 'grop', which is not there. Did you mean"),
    "a locked field": ('[fields]\nversion = "n"', "fields", "the field 'version'"),
    "a value of the wrong type": (
        '[fields]\npriority = { column = "p", values = { one = "1" } }', "fields", "priority is a whole number",
    ),
    "a word that is no level": (
        '[fields]\nimpact = { column = "i", values = { big = "hihg" } }', "fields", "Did you mean 'high'",
    ),
    "an unknown part of a field": ('[fields]\ngroup = { colum = "x" }', "fields", "Did you mean 'column'"),
    "an unknown relation": ('[links]\nparent = "childof"', "links", "the relation 'childof'"),
    "a long delimiter": ('delimiter = ";;"', "delimiter", "Give one character"),
    "a quote as delimiter": ("delimiter = '\"'", "delimiter", "no quote or line break"),
    "a line break as delimiter": (r'delimiter = "\n"', "delimiter", "no quote or line break"),
    "no form of time": ('time_format = "%d.%m.%Y %Q"', "time_format", "%Q"),
    "a time without a day": ('time_format = "%H:%M"', "time_format", "the year, month and day"),
    "a number for a text": ("zone = 1", "zone", "zone is 1"),
}  # fmt: skip

GOOD = {
    "system": 'system = "x"',
    "columns": '[columns]\nkey = "n"\nstate = "s"\ntime = "t"',
    "states": '[states]\nNew = "new"',
}


@pytest.mark.parametrize(("text", "part", "says"), WRONG.values(), ids=WRONG)
def test_what_a_mapping_cannot_mean_is_refused_with_its_place(text: str, part: str, says: str) -> None:
    """The message names the file, the place and the nearest known name."""
    parts = [each for name, each in GOOD.items() if name != part]
    whole = "\n".join([text, *parts] if not text.startswith("[") else [*parts, text])
    itsm = itil4.connect()
    with pytest.raises(InvalidInput) as caught:
        HistoryMapping.parsed(whole, "mine.toml").check(itsm.incidents, itsm.house.relations)
    message = str(caught.value)
    assert says in message
    assert "mine.toml" in message


def test_the_good_parts_alone_are_a_mapping() -> None:
    """So that each refusal above is about the one part that is wrong."""
    itsm = itil4.connect()
    mapping = HistoryMapping.parsed("\n".join(GOOD.values()), "mine.toml")
    mapping.check(itsm.incidents, itsm.house.relations)
    assert mapping.file_columns == ("n", "s", "t")


def test_every_shipped_mapping_works_with_the_default_practices() -> None:
    """What comes with the library fits the library, and its digest tells it from a changed one."""
    itsm = itil4.connect()
    for name in shipped_names():
        mapping = HistoryMapping.shipped(name)
        mapping.check(itsm.in_slot(mapping.practice), itsm.house.relations)
        assert mapping.digest == HistoryMapping.shipped(name).digest
        assert mapping.digest == attrs.evolve(mapping, name="elsewhere").digest
        assert mapping.digest != attrs.evolve(mapping, zone="Europe/Paris").digest


def test_the_log_mapping_names_no_column_that_repeats_the_end() -> None:
    """Columns that hold how a case ended on each of its rows say nothing about the moment of a row."""
    columns = HistoryMapping.shipped("servicenow").file_columns
    assert {"opened_at", "resolved_at", "closed_at", "resolved_by", "closed_code"}.isdisjoint(columns)


def test_a_mapping_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A folder, nothing at all, and no UTF-8."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'system = "\xe9"')
    for path in (tmp_path, tmp_path / "absent.toml", latin):
        with pytest.raises(InvalidInput, match="cannot be read") as caught:
            HistoryMapping.read(path)
        assert str(path) in str(caught.value)


ZONES = ("UTC", "Europe/Paris", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata")


@given(
    at=st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES),
    form=st.sampled_from(["%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "iso", "%d %b %Y %H:%M:%S"]),
)
def test_the_local_time_of_an_instant_reads_as_that_instant(at: datetime, zone: str, form: str) -> None:
    """Whatever the form and zone: read back, it is the instant, or one of the two that the clocks showed alike."""
    at = at.replace(microsecond=0)
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    moment = TimeReader(form, zone)(local.isoformat() if form == "iso" else local.strftime(form))
    assert at in moment
    assert moment.second is None or moment.first < moment.second


@given(st.text(max_size=20))
def test_what_is_no_time_is_refused_and_nothing_else_happens(text: str) -> None:
    """Any text is a time or a refusal."""
    for form in ("%d/%m/%Y %H:%M", "iso", "%d %B %Y"):
        read = TimeReader(form, "Europe/Paris")
        found: Any = None
        with contextlib.suppress(InvalidInput):
            found = read(text)
        assert found is None or found.first.tzinfo is UTC


def test_a_time_at_the_end_of_the_calendar_is_no_time() -> None:
    """It has no form in UTC."""
    for text in ("0001-01-01T00:05", "9999-12-31T23:59-05:00"):
        with pytest.raises(InvalidInput, match="is not a time"):
            TimeReader("iso", "Europe/Paris")(text)
