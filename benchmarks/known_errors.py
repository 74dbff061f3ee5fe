"""What a search of the known error database costs against a bare FTS5 query, side by side in one run.

    python benchmarks/known_errors.py

The yardstick is a table of FTS5 with its default settings over the same words, in a file of its own;
it answers with the same records' stored text, by rank of storage, twenty at most. Both sides take
turns; each figure is the median CPU time (user and system) of a question, and the ratio is the
median of the rounds' ratios, over all questions together. The library's side is told twice: `query`
is what the store does (find the words, tenant, state and records), `search` is
`itsm.known_errors.search`, which also judges the question and turns rows into checked records.
"""

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import itil4
from itil4 import Actor
from itil4.practices.known_errors import TEXTS, known_error_view
from itil4.practices.problem_policy import ProblemPolicy
from itil4.storage import Batch, Every, Query
from itil4.storage.text_search import spelled, words_of

MANAGER = Actor("mia", roles={"problem_manager"})
LIMIT = 20
BATCH = 5_000


def cpu(work: Callable[[], Any]) -> float:
    """Return the seconds of CPU that some work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def texts(count: int) -> Iterator[tuple[str, str, str]]:
    """Make summaries, symptoms and services: words as frequent as in a language (Zipf), from a seed."""
    pick = random.Random(7)
    words = [f"{first}{second}" for first in SYLLABLES for second in SYLLABLES]
    weights = list(accumulate(1 / (place + 1) for place in range(len(words))))
    for _ in range(count):
        told = pick.choices(words, cum_weights=weights, k=28)
        yield " ".join(told[:8]), " ".join(told[8:]), f"service {pick.randrange(40)}"


SYLLABLES = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "lnrs"]


def filled(path: Path, count: int) -> itil4.ServiceManagement:
    """Return a service management with that many known errors, written as rows after the model of a real one."""
    itsm = itil4.connect(f"sqlite:///{path}", policies={"problem": ProblemPolicy(known_errors="record")})
    problem = itsm.problems.log(summary="Model", by=MANAGER)
    problem = itsm.problems.categorize(problem, category="software", by=MANAGER)
    problem = itsm.problems.investigate(problem, by=MANAGER)
    problem = itsm.problems.add_cause(problem, "leak", "It leaks", technique="5 whys", by=MANAGER)
    model = itsm.known_errors.of(itsm.problems.conclude(problem, by=MANAGER))
    store: Any = itsm.house.store
    (row,) = store.load("", [model.id])
    entry = next(store.history("", record_id=model.id))
    body = json.loads(row.body)
    batch = Batch()
    for summary, symptoms, service in texts(count):
        identity = itsm.house.ids()
        told = json.dumps({**body, "summary": summary, "symptoms": symptoms, "service": service})
        batch.births.append((row._replace(id=identity, number=None, version=1, body=told), "KE"))
        batch.entries.append(entry._replace(record_id=identity, number=None))
        if len(batch.births) == BATCH:
            store.write("", batch)
            batch = Batch()
    store.write("", batch)
    return itsm


def bare(path: Path, itsm: itil4.ServiceManagement) -> sqlite3.Connection:
    """Return a connection to a table of FTS5 over the same words, and the records' stored text beside it."""
    source = sqlite3.connect(itsm.house.store.path)  # type: ignore[attr-defined]
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("CREATE TABLE told (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    made.execute("CREATE VIRTUAL TABLE bare USING fts5 (words)")
    made.execute("BEGIN")
    rows = source.execute("SELECT body FROM record WHERE kind = 'known_error' ORDER BY rowid")
    for place, (body,) in enumerate(rows, 1):
        told = json.loads(body)
        made.execute("INSERT INTO told VALUES (?, ?)", (place, body))
        made.execute(
            "INSERT INTO bare (rowid, words) VALUES (?, ?)", (place, spelled(told.get(name) for name in TEXTS))
        )
    made.execute("COMMIT")
    source.close()
    return made


def questions(connection: sqlite3.Connection) -> list[str]:
    """Return questions of each kind: words of every frequency, alone, in pairs and in threes."""
    pick = random.Random(11)
    lines = [row[0].split() for row in connection.execute("SELECT words FROM bare ORDER BY rowid LIMIT 3000")]
    made = []
    for count in (1, 2, 3):
        made += [" ".join(pick.sample(pick.choice(lines), count)) for _ in range(30)]
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        itsm = filled(Path(folder) / "desk.db", options.count)
        print(f"{options.count:,} known errors written in {time.perf_counter() - begun:.1f} s")
        print(f"first search, which gathers the words: {cpu(lambda: itsm.known_errors.search('x')):.1f} s of CPU")
        yardstick = bare(Path(folder) / "bare.db", itsm)
        asked = questions(yardstick)
        text = (
            "SELECT told.body FROM bare CROSS JOIN told ON told.id = bare.rowid WHERE bare MATCH ? "
            f"ORDER BY bare.rowid DESC LIMIT {LIMIT}"
        )

        def theirs(question: str) -> list[Any]:
            match = " AND ".join(f'"{word}"' for word in question.split())
            return yardstick.execute(text, (match,)).fetchall()

        def ours(question: str) -> tuple[Any, ...]:
            return itsm.known_errors.search(question, limit=LIMIT)

        view = Every((known_error_view(retired=False),))

        def found(question: str) -> list[Any]:
            store: Any = itsm.house.store
            return store.find_words("", Query("known_error", view, limit=LIMIT), TEXTS, words_of(question))

        for question in asked:
            assert len(ours(question)) == len(theirs(question)), question
        times: dict[str, list[float]] = {"query": [], "search": [], "bare": [], "decoded": []}
        for _ in range(options.rounds):
            times["query"].append(cpu(lambda: [found(each) for each in asked]) / len(asked))
            times["search"].append(cpu(lambda: [ours(each) for each in asked]) / len(asked))
            times["bare"].append(cpu(lambda: [theirs(each) for each in asked]) / len(asked))
            times["decoded"].append(
                cpu(lambda: [[json.loads(row[0]) for row in theirs(each)] for each in asked]) / len(asked)
            )
        single = [min(cpu(partial(ours, question)) for _ in range(3)) for question in asked]
        for name, other in (("query", "bare"), ("search", "bare"), ("search", "decoded")):
            ratio = statistics.median(a / b for a, b in zip(times[name], times[other], strict=True))
            print(f"{name} / {other}: {ratio:.2f}")
        for name, held in times.items():
            print(f"{name}: {statistics.median(held) * 1000:.2f} ms a question")
        print(f"search, slowest question: {max(single) * 1000:.2f} ms")
        itsm.close()
        yardstick.close()


if __name__ == "__main__":
    main()
