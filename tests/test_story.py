"""The story of `python -m itil4`: what a stranger sees first."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from itil4.__main__ import main
from itil4.errors import StoreError
from itil4.story import tell

MAPPING = """
system = "elsewhere"
time_format = "%Y-%m-%d %H:%M"
[columns]
key = "number"
state = "state"
time = "updated"
[states]
New = "new"
Closed = "closed"
[fields]
customer = "company"
impact = "impact"
urgency = "urgency"
summary = { column = "number", stand_in = "{key}" }
"""

EXPECTED = """\
A service desk opens on itil4-demo/desk.db.
09:00  Ana calls: mail is down since 08:45. It is INC0000001, priority 1.
09:02  Ida assigns it to Sam of the mail team; it is assigned now.
09:03  Sam tries to close it. Refused:
       'close' is not possible from 'assigned', only from resolved. Possible
       now: assign, start, hand_over, requeue, hold, restore, escalate, swarm,
       resolve, cancel.
       Ana's buttons: cancel.
09:06  Sam starts, and tells Ana that the relay drops connections.
09:16  It waits for the vendor: on_hold, vendor.
09:51  The patch is in and service is back, but the work is not done yet.
10:11  May Sam resolve it? Not yet: 'resolve' still needs: resolution.
       With a resolution he can: resolved, code fix.
11:11  Ana confirms and closes it: closed, resolved.

But why did it fail? PRB0000001: Each connection leaks memory.
It is a known error now. Until it is fixed: Restart the relay.
Ben calls next day: INC0000002 matches it (same service: mail).
The workaround helps him at once: resolved by workaround.
The fix is a change: CHG0000001, risk medium. It waits for its authority:
       'implement' is not possible from 'authorize', only from scheduled.
Cat of the change authority approves it: scheduled.
It is done, and the problem waits: these changes have not succeeded: CHG0000001.
CHG0000001 is closed, successful, and reviewed.
A month after the fix PRB0000001 is closed (solved) and reviewed.

The history of INC0000001:
   1  09:00  ana  log      - -> new
   2  09:02  ida  assign   new -> assigned
   3  09:06  sam  start    assigned -> in_progress
   4  09:06  sam           comment                   The relay drops connections
   5  09:16  sam  hold     in_progress -> on_hold    Asked the relay's maker for
   6  09:51  sam  resume   on_hold -> in_progress
   7  09:51  sam  restore  in_progress -> in_progress
   8  10:11  sam  resolve  in_progress -> resolved
   9  11:11  ana  close    resolved -> closed        Mail works again.
  10  12:11  ida           link
Replaying it gives the stored record: yes.

What the history tells:
  Flow efficiency                 47.9%   of 1
  Resolved for good              100.0%   of 2
  Downtime                    1 h 6 min   of 2
  Time to acknowledge         1 min 0 s   of 2
  Time to restore service    33 min 0 s   of 2
  Resolved at first contact       50.0%   of 2

Its lifecycle, as a Mermaid picture: itil4-demo/incident.mmd
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line in a folder, as a stranger does."""
    command = [sys.executable, "-m", "itil4", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_story_is_the_same_every_time_and_fits_a_terminal(tmp_path: Path) -> None:
    """The first command runs in an empty folder, twice with the same lines: 60 lines of 80 columns at most."""
    first, second = run(tmp_path), run(tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == second.stdout == EXPECTED
    lines = first.stdout.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80
    assert {path.name for path in (tmp_path / "itil4-demo").iterdir()} >= {"desk.db", "incident.mmd"}


def test_the_picture_beside_the_store_is_the_lifecycle_that_ran(tmp_path: Path) -> None:
    """The Mermaid file shows every state and event of the incident lifecycle."""
    from itil4 import IncidentManagement

    list(tell(tmp_path))
    picture = (tmp_path / "incident.mmd").read_text(encoding="utf-8")
    assert picture.startswith("stateDiagram-v2\n")
    assert all(state.title in picture for state in IncidentManagement.lifecycle.states)
    assert all(event in picture for event in IncidentManagement.lifecycle.events)


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """Nothing but one clear message: what failed, why, and what to do."""
    (tmp_path / "taken").write_text("a file, not a folder", encoding="utf-8")
    with pytest.raises(StoreError, match="--into"):
        list(tell(tmp_path / "taken"))
    done = run(tmp_path, "story", "--into", "taken")
    assert done.returncode == 2
    assert done.stderr.startswith("itil4: The store could not write to taken")
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_refused_with_the_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the commands that there are."""
    with pytest.raises(SystemExit) as stopped:
        main(["stroy"])
    assert stopped.value.code == 2
    assert "story" in capsys.readouterr().err


def test_the_practices_are_shown_and_a_near_miss_is_helped(tmp_path: Path) -> None:
    """All 34 fit 80 columns; an older name leads to today's, with exit code 2."""
    shown = run(tmp_path, "practices")
    assert shown.returncode == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert shown.stdout.count("management") > 20
    missed = run(tmp_path, "practices", "change management")
    assert (missed.returncode, missed.stdout) == (2, "")
    assert "change_enablement" in missed.stderr


def test_a_lifecycle_is_drawn_and_a_workflow_is_checked_from_the_command_line(tmp_path: Path) -> None:
    """`draw` writes a picture, `check` exits with 1 when it finds something; both know a host's own classes."""
    drawn = run(tmp_path, "draw", "incident", "--format", "svg", "-o", "incident.svg")
    assert (drawn.returncode, drawn.stdout, drawn.stderr) == (0, "", "")
    assert (tmp_path / "incident.svg").read_text(encoding="utf-8").startswith("<svg")
    aspect = run(tmp_path, "draw", "incident", "--aspect", "major incident")
    assert "Accepted" in aspect.stdout
    (tmp_path / "fleet.py").write_text(
        "from itil4 import IncidentManagement, Incident, State\n"
        "class Stuck(IncidentManagement[Incident]):\n"
        "    record = Incident\n"
        "    lifecycle = IncidentManagement.lifecycle.extend(states=[State('nowhere', 'active')])\n",
        encoding="utf-8",
    )
    clean, stuck = run(tmp_path, "check", "incident"), run(tmp_path, "check", "fleet:Stuck")
    assert clean.returncode == 0, clean.stdout
    assert stuck.returncode == 1
    assert "nowhere" in stuck.stdout
    for wrong, hint in (("incidnet", "incident"), ("fleet:Missing", "fleet:Missing"), ("fleet:State", "Practice")):
        missed = run(tmp_path, "check", wrong)
        assert (missed.returncode, missed.stdout) == (2, "")
        assert hint in missed.stderr
        assert "Traceback" not in missed.stderr


def test_a_tick_runs_from_the_command_line(tmp_path: Path) -> None:
    """Once without `--every`; a wrong pause is refused before anything happens."""
    list(tell(tmp_path))
    ticked = run(tmp_path, "tick", "--store", "sqlite:///desk.db")
    assert (ticked.returncode, ticked.stderr) == (0, "")
    refused = run(tmp_path, "tick", "--store", "sqlite:///desk.db", "--every", "0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr


def test_the_figures_of_a_target_are_reported_from_the_command_line(tmp_path: Path) -> None:
    """A policy of one target, read from TOML: as text, JSON and a table."""
    list(tell(tmp_path))
    (tmp_path / "policy.toml").write_text('[[targets]]\nmetric = "resolve"\nduration = "PT1H"\n', encoding="utf-8")
    told = ("report", "--store", "sqlite:///desk.db", "--target", "resolve", "--policy", "policy.toml")
    text, data, table = (run(tmp_path, *told, *more) for more in ((), ("--json",), ("--csv",)))
    assert (text.returncode, data.returncode, table.returncode) == (0, 0, 0), text.stderr + data.stderr + table.stderr
    assert max(map(len, text.stdout.splitlines())) <= 80
    met = json.loads(data.stdout)["figures"]["compliance_stopped"]  # 36 minutes, the wait for the vendor left out
    assert (met["value"], met["n"]) == (1.0, 2)
    assert table.stdout.splitlines()[1].startswith("all,compliance_due,")


def test_an_export_file_is_reported_without_a_store(tmp_path: Path) -> None:
    """A provider's figures straight from a file, by customer and priority, with the hours of each customer."""
    (tmp_path / "export.csv").write_text(
        "number,state,updated,company,impact,urgency\n"
        "T1,New,2026-03-02 09:00,acme,high,high\nT1,Closed,2026-03-02 12:00,acme,high,high\n"
        "T2,New,2026-03-02 09:00,bolt,low,low\nT2,Closed,2026-03-02 12:00,bolt,low,low\n",
        encoding="utf-8",
    )
    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "policy.toml").write_text(
        '[calendars.late]\nzone = "UTC"\nweekly = {mon = [["11:00", "17:00"]]}\n'
        '[[hours]]\ncustomer = "acme"\ncalendar = "late"\n'
        '[[targets]]\nmetric = "resolve"\nduration = "PT2H"\n',
        encoding="utf-8",
    )
    told = run(
        tmp_path, "report", "--file", "export.csv", "--mapping", "mapping.toml", "--by", "customer,priority",
        "--target", "resolve", "--policy", "policy.toml", "--csv",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    rows = [line.split(",") for line in told.stdout.splitlines() if "compliance_stopped" in line]
    shares = {(row[1], row[2]): float(row[6]) for row in rows}
    assert shares == {("", ""): 0.5, ("acme", "1"): 1.0, ("bolt", "4"): 0.0}  # the hours of acme begin at eleven
    assert {path.name for path in tmp_path.iterdir()} == {"export.csv", "mapping.toml", "policy.toml"}
