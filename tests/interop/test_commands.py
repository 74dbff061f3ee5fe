"""`python -m itil4 import` and `report`: what people see, and what they are told when it cannot be done."""

import csv
import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from itil4.__main__ import main

Log = Callable[..., Path]
STORY = ("T1 Open 08:00", "T2 Open 08:05", "T1 Working 09:00", "T2 Odd 09:30", "T1 Waiting 10:00", "T1 Done 11:00")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "desk.db"


@pytest.fixture
def run(store: Path, mapping_file: Path) -> Callable[..., int]:
    def ran(file: Path | str, *more: str) -> int:
        mapped = () if "--mapping" in more else ("--mapping", str(mapping_file))
        return main(["import", str(file), "--store", f"sqlite:///{store}", *mapped, *more])

    return ran


def test_the_summary_says_what_was_read_and_how(
    run: Callable[..., int], log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows, zone, problems, and what the source never recorded; at most 80 columns; no bar without a terminal."""
    assert run(log(*STORY)) == 0
    out, err = capsys.readouterr()
    assert "6 rows read: 5 added, 0 there before, 1 with a problem." in out
    assert "Times without a zone were taken as UTC, because none was named" in out
    assert "log.csv row 4, T2: The state 'Odd' is not in the mapping." in out
    assert max(map(len, out.splitlines())) <= 80 or str(log) in out
    assert err == ""
    assert run(log(*STORY), "--zone", "UTC") == 0
    assert "Nothing was added." in capsys.readouterr().out


def test_the_report_prints_the_figures_of_the_import_again(
    run: Callable[..., int], store: Path, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are folded from the store."""
    run(log(*STORY), "--json")
    imported = json.loads(capsys.readouterr().out)
    assert main(["report", "--store", f"sqlite:///{store}", "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    done = imported.pop("import")
    assert (done["added"], done["zone"]) == (5, "UTC")
    assert {name: reported[name] for name in imported} == imported
    assert imported["problems"] == [
        {
            "file": "log.csv", "row": 4, "record": "T2",
            "reason": "The state 'Odd' is not in the mapping. Add it to states.",
        }
    ]  # fmt: skip
    assert reported["figures"]["excluded"] == 1


def test_a_report_takes_a_period_and_parts(
    run: Callable[..., int], store: Path, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """The period is that of a record's first row; parts add up to the whole."""
    run(log("T1 Open 08:00 team=mail", "T2 Open 08:05", "T3 Open 2026-02-01T08:00 team=mail"))
    capsys.readouterr()

    def reported(*more: str) -> Any:
        assert main(["report", "--store", f"sqlite:///{store}", *more]) == 0
        return capsys.readouterr().out

    assert json.loads(reported("--json", "--from", "2026-02-01"))["cases"] == 1
    assert json.loads(reported("--json", "--to", "2026-01-05T08:05+00:00"))["cases"] == 1
    parts = json.loads(reported("--json", "--by", "priority,group"))["parts"]
    assert [(part["group"], part["cases"]) for part in parts] == [("mail", 2), (None, 1)]
    rows = list(csv.DictReader(io.StringIO(reported("--csv", "--by", "group"))))
    assert {row["group"]: row["value"] for row in rows if row["figure"] == "cases"} == {"mail": "2", "": "1"}
    assert "good cases" in reported()


@pytest.mark.parametrize("target", [False, True], ids=["report", "target"])
def test_no_text_in_a_table_is_a_formula_to_a_spreadsheet(
    run: Callable[..., int], store: Path, log: Log, capsys: pytest.CaptureFixture[str], tmp_path: Path, target: bool
) -> None:
    """What somebody typed into a ticket is shown and not run; numbers stay numbers, and JSON has all as it is."""
    teams = ("=cmd|'/C", "-7", "@sum", "a=b")
    run(log(*(f"T{place} Open 08:0{place} team={team}" for place, team in enumerate(teams))))
    capsys.readouterr()
    policy = tmp_path / "policy.toml"
    policy.write_text('[[targets]]\nmetric = "resolve"\nduration = "PT2H"\n', encoding="utf-8")
    more = ("--target", "resolve", "--policy", str(policy)) if target else ()

    def reported(form: str) -> str:
        assert main(["report", "--store", f"sqlite:///{store}", "--by", "group", *more, form]) == 0
        return capsys.readouterr().out

    groups = {row["group"] for row in csv.DictReader(io.StringIO(reported("--csv")))} - {""}
    assert groups == {"'=cmd|'/C", "-7", "'@sum", "a=b"}
    assert '"=cmd|\'/C"' in reported("--json")


def test_a_gzipped_file_and_a_byte_order_mark_are_taken(
    run: Callable[..., int], log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a spreadsheet or a nightly job writes."""
    text = log(*STORY).read_bytes()
    zipped = tmp_path / "log.csv.gz"
    zipped.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text))
    assert run(zipped) == 0
    assert "5 added" in capsys.readouterr().out


HEADER = "number,status,saved_at,saved_by,saved,title,team,place,impact,urgency,parent\n"
ROW = "T1,Open,2026-01-05 08:00,Ida,1,{},mail,1,-,-,-\n"
BAD_FILES = {
    "an empty file": (b"", "it is empty"),
    "a byte order mark alone": (b"\xef\xbb\xbf", "it is empty"),
    "columns that lack": (b"number,state,saved_at\n1,2,3\n", "lacks the columns status"),
    "another delimiter": (HEADER.replace(",", ";").encode(), "lacks the columns number"),
    "a quote that never ends": ((HEADER + ROW.format('"mail')).encode(), "line 2: unexpected end of data"),
    "a quote inside a text": ((HEADER + ROW.format("x") + ROW.format('"a"b')).encode(), "line 3: ',' expected after"),
    "another encoding": ((HEADER + ROW.format("x") + ROW.format("é")).encode("latin-1"), "line 3 is not utf-8"),
    "UTF-16": ((HEADER + ROW.format("x")).encode("utf-16"), "it is UTF-16"),
    "a column twice": (b"number,number\n1,2\n", "the column 'number' stands there twice"),
    "a cut gzip file": (gzip.compress((HEADER + ROW.format("x") * 500).encode())[:-20], "it is no whole gzip file"),
    "a broken gzip file": (b"\x1f\x8b" + b"x" * 40, "it is no whole gzip file"),
}


@pytest.mark.parametrize(("data", "says"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_written(
    data: bytes, says: str, run: Callable[..., int], store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one message that names the file, the line or column, and what to do; no store is made."""
    path = tmp_path / "bad.csv"
    path.write_bytes(data)
    assert run(path) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err and str(path) in err
    assert not store.exists()


def test_other_bad_arguments_are_refused_alike(
    run: Callable[..., int], store: Path, log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, an absent file, an unknown zone, a mapping that cannot work: exit code 2, and no store is made."""
    path = log(*STORY)
    unknown = tmp_path / "unknown.toml"
    unknown.write_text(
        'system = "x"\n[columns]\nkey = "number"\nstate = "status"\ntime = "saved_at"\n[states]\nOpen = "opne"\n'
    )
    for file, more, says in (
        (tmp_path, (), "Is a directory"),
        (tmp_path / "absent.csv", (), "No such file"),
        (path, ("--zone", "Europe/Pariss"), "Did you mean 'Europe/Paris'"),
        (path, ("--zone", "../../etc/passwd"), "is not a time zone"),
        (path, ("--mapping", str(unknown)), "the state 'opne'"),
        (path, ("--mapping", str(tmp_path)), "cannot be read"),
    ):
        assert run(file, *more) == 2
        out, err = capsys.readouterr()
        assert (out, says in err) == ("", True), err
        assert not store.exists()


def test_a_damaged_or_foreign_store_is_left_alone(
    run: Callable[..., int], store: Path, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no store is not touched; the message says what it is."""
    store.write_bytes(b"no database at all" * 100)
    before = store.read_bytes()
    assert run(log(*STORY)) == 2
    assert "not a database" in capsys.readouterr().err
    assert main(["report", "--store", f"sqlite:///{store}"]) == 2
    assert store.read_bytes() == before
    assert main(["report", "--store", f"sqlite:///{store}.absent"]) == 2
    assert "There is no store" in capsys.readouterr().err
    assert not Path(f"{store}.absent").exists()
    assert main(["report", "--store", "mongodb://x"]) == 2


def test_an_unknown_field_to_part_by_is_refused(
    run: Callable[..., int], store: Path, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the nearest one."""
    run(log(*STORY))
    assert main(["report", "--store", f"sqlite:///{store}", "--by", "grup"]) == 2
    assert "Did you mean 'group'" in capsys.readouterr().err


def test_a_report_on_a_target_leaves_out_the_records_of_rows_that_could_not_be_used(
    log: Log, mapping_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every other report does: T2 lacks one of its rows, so nobody knows when its clock stood still."""
    path = log("T1 Open 08:00", "T1 Done 09:00", "T2 Open 08:00", "T2 Odd 08:30", "T2 Done 09:00")
    policy = mapping_file.with_name("policy.toml")
    policy.write_text('[[targets]]\nmetric = "resolve"\nduration = "PT8H"\n', encoding="utf-8")
    asked = ["--file", str(path), "--mapping", str(mapping_file), "--policy", str(policy), "--target", "resolve"]
    assert main(["report", *asked, "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert reported["excluded"] == 1 and reported["figures"]["compliance_stopped"]["n"] == 1


@pytest.mark.parametrize("more", [("--target", "resolve"), ("--by", "group")])
def test_a_page_of_one_target_or_in_parts_is_refused_rather_than_made_of_something_else(
    more: tuple[str, str], run: Callable[..., int], store: Path, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is about all records and all targets; what it would ignore is said, and no page is written."""
    run(log(*STORY))
    page = store.with_name("page.html")
    assert main(["report", "--store", f"sqlite:///{store}", "--html", str(page), *more]) == 2
    assert "do not apply" in capsys.readouterr().err and not page.exists()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (":Desk", "ValueError"), ("desk:", "cannot be imported"), ("broken_module_of_a_host:Desk", "ZeroDivisionError"),
        ("slip_of_a_host:Desk", "SyntaxError"), ("wrong_workflow_of_a_host:Desk", "the state 'nwe'"),
    ],
)  # fmt: skip
def test_a_practice_that_cannot_be_read_is_told_in_one_message(
    what: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a host's module raises: exit code 2, and no traceback."""
    (tmp_path / "broken_module_of_a_host.py").write_text("1 / 0\n")
    (tmp_path / "slip_of_a_host.py").write_text("class\n")
    (tmp_path / "wrong_workflow_of_a_host.py").write_text(
        "from itil4.lifecycle import Lifecycle, State\nLifecycle('x', 'nwe', [State('new')])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    assert main(["check", what]) == 2
    out, err = capsys.readouterr()
    assert (out, says in err) == ("", True), err
