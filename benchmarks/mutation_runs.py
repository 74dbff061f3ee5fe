"""How mutants are run: in forks of a process that has collected the tests of a room once.

A `Room` is such a process. It first runs every test alone in a fork of its own and notes which lines of the room it
runs and how long it takes; then it takes a mutant at a time, forks, gives the functions that are there the changed
code, and runs the tests that run its lines, fastest first, up to the first that fails. What runs at import cannot be
changed in place: `run_afresh` imports and collects everything again, with the changed module.
"""

import gc
import importlib
import importlib.abc
import importlib.util
import os
import pickle
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from itertools import accumulate
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest
from coverage import Coverage
from hypothesis import Phase, settings
from mutants import ROOT, SOURCE, Mutant, Place, module_of, mutant_at

ROOMS = {
    "lifecycle": ["tests/lifecycle", "src/itil4/lifecycle"],
    "service_level": ["tests/service_level", "src/itil4/service_level"],
    "storage": ["tests/storage", "tests/record", "src/itil4/storage"],
    "testing": ["tests/testing", "src/itil4/testing"],
}
"""The rooms, and the tests that are run for them; examples in docstrings are tests too."""

LEFT_OUT = (
    "crashes", "races", "processes", "golden", "browser", "real_history", "planted", "broken_calendar",
    "postgres", "mariadb",
)  # fmt: skip
"""Words in the names of tests of whole processes, of database servers, and of other tests."""

LONGEST = 25.0
"""Seconds of a processor that a test may take with nothing changed, to be run for mutants at all."""

MEMORY = 6 * 2**30
"""Bytes of addresses that a process may ask for."""


class Told(NamedTuple):
    """What became of a mutant: the verdict, the test that told it, and how many tests could have."""

    verdict: str
    by: str
    tests: int


class Map(NamedTuple):
    """Which tests run which lines: seconds of each test, (file, line) to tests, and lines that run at import."""

    seconds: dict[str, float]
    tests: dict[tuple[str, int], set[str]]
    at_import: set[tuple[str, int]]
    troubled: list[str]

    def within(self, tests: list[str], budget: float) -> list[str]:
        """Return the first tests that together take no longer than so many seconds."""
        spent = accumulate(self.seconds[test] for test in tests)
        return [test for test, so_far in zip(tests, spent, strict=True) if so_far <= budget]

    def telling(self, mutant: Mutant) -> list[str]:
        """Return the tests that run a line of the mutant's statement, fastest first."""
        lines = ((str(mutant.path), line) for line in mutant.lines)
        return self._fastest_first({test for line in lines for test in self.tests.get(line, ())})

    def every_test(self, mutant: Mutant) -> list[str]:
        """Return all tests: first those that run the mutant's statement, then its module, then the others."""
        near = {test for (path, _), tests in self.tests.items() if path == str(mutant.path) for test in tests}
        order = [*self.telling(mutant), *self._fastest_first(near), *self._fastest_first(self.seconds)]
        return list(dict.fromkeys(order))

    def runs_at_import(self, mutant: Mutant) -> bool:
        """Say whether importing the library or collecting the tests runs the mutant's statement."""
        return any((str(mutant.path), line) in self.at_import for line in mutant.lines)

    def _fastest_first(self, tests: Iterable[str]) -> list[str]:
        return sorted(tests, key=lambda test: (self.seconds[test], test))


class Room:
    """The tests of a room, collected in a process of their own that waits for mutants."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._asks, theirs = Pipe()
        self._child = os.fork()
        if not self._child:
            self._asks.close()
            _be_quiet()
            watch = _watch(name)
            watch.start()
            _collect(name, lambda session, tests: _serve(name, session, tests, watch, theirs))
            os._exit(1)
        theirs.close()
        self.map: Map = self._asks.recv()

    def run(self, place: Place, tests: list[str]) -> Told | None:
        """Run tests with the mutant of a place put in; return None when it cannot be put in.

        A test that fails is run once more, alone: it may have failed only because of what ran before it, in an
        order that it never has otherwise. Then it tells nothing.
        """
        while True:
            told = self._run(place, tests)
            if told is None or told.by not in tests or len(tests) == 1:
                return told
            alone = self._run(place, [told.by])
            if alone is None or alone.verdict != "survived":
                return told
            tests = [test for test in tests if test != told.by]

    def _run(self, place: Place, tests: list[str]) -> Told | None:
        self._asks.send((place, tests))
        told: Told | None = self._asks.recv()
        return told

    def close(self) -> None:
        """End the process."""
        self._asks.close()
        os.waitpid(self._child, 0)


def run_afresh(mutant: Mutant, tests: list[str], seconds: dict[str, float]) -> Told:
    """Import the library and collect the tests with the changed module, and run these tests."""

    def work() -> Told:
        _be_quiet()
        _limit(120, 300)
        sys.meta_path.insert(0, _Loader(mutant.module, mutant.code))
        told: list[Told] = []
        _collect(mutant.room, lambda session, at_hand: told.append(_run(session, at_hand, tests, seconds)))
        return told[0] if told else Told("killed", "the import of the library or of its tests", len(tests))

    answer: Told = _in_a_fork(work, len(tests))
    if answer.by in tests and len(tests) > 1:  # as in `Room.run`, it has to fail alone
        alone = run_afresh(mutant, [answer.by], seconds)
        if alone.verdict == "survived":
            return run_afresh(mutant, [test for test in tests if test != answer.by], seconds)
    return answer


# within the process of a room


class _Tests:
    """A plugin of pytest that runs what it is told of the tests that were collected, and sees whether one fails."""

    def __init__(self, work: "Callable[[pytest.Session, _Tests], object]") -> None:
        self._work = work
        self.has_failed = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Look for a failure, and not for the smallest one."""
        steady = settings.get_profile("steady")
        settings.register_profile("mutants", steady, phases=(Phase.explicit, Phase.generate), print_blob=False)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work instead of running the tests in order."""
        if not session.testsfailed:
            self._work(session, self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed:
            self.has_failed = True


def _collect(room: str, work: Callable[[pytest.Session, _Tests], object]) -> None:
    os.chdir(ROOT)
    os.environ["ITIL4_LIFECYCLES"] = "60"
    with tempfile.TemporaryDirectory() as folder:
        options = ["-q", "-p", "no:cacheprovider", "--capture=no", "--tb=native", f"--basetemp={folder}/tests"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # Hypothesis is there before pytest starts
        left_out = " and ".join(f"not {word}" for word in LEFT_OUT)
        pytest.main([*options, "-k", left_out, *ROOMS[room]], plugins=[_Tests(work)])


def _serve(room: str, session: pytest.Session, tests: _Tests, watch: Coverage, asks: Connection) -> None:
    for path in sorted((SOURCE / room).glob("**/*.py")):
        importlib.import_module(module_of(path))
    at_import = _lines(watch)
    functions: dict[str, list[FunctionType]] = {}
    for each in gc.get_objects():
        if isinstance(each, FunctionType):
            functions.setdefault(each.__code__.co_filename, []).append(each)
    gc.collect()
    gc.freeze()
    seconds, troubled, ran = {}, [], dict[tuple[str, int], set[str]]()
    kept, measured = _kept(room), dict[str, tuple[str, Any]]()
    for name, items in _by_name(session).items():
        told = kept.get(name, ("", None))
        if told[0] != _digest([items[0].path]):
            told = _digest([items[0].path]), _in_a_fork(partial(_measure, room, session, tests, name), 1)
        measured[name] = told
        if isinstance(told[1], Told):
            troubled.append(f"{name}: {told[1].verdict}")
            continue
        seconds[name], lines = told[1]
        for line in lines:
            ran.setdefault(line, set()).add(name)
    _keep(room, measured)
    asks.send(Map(seconds, ran, at_import, troubled))
    while True:
        try:
            place, chosen = asks.recv()
        except EOFError:
            os._exit(0)
        work = partial(_swap_and_run, place, functions, session, tests, chosen, seconds)
        asks.send(_in_a_fork(work, len(chosen)))


def _measure(room: str, session: pytest.Session, tests: _Tests, name: str) -> tuple[float, set[tuple[str, int]]] | Told:
    watch = _watch(room)
    watch.start()
    told = _run(session, tests, [name], {name: LONGEST / 5})
    took = sum(os.times()[:4])  # of this fork and of its own: how busy the machine is does not matter
    return (took, _lines(watch)) if told.verdict == "survived" and took < LONGEST else told


def _kept(room: str) -> dict[str, tuple[str, Any]]:
    """Return what was measured before, by the test's name, with the digest of its file."""
    file = _kept_in(room)
    read = pickle.loads(file.read_bytes()) if file.exists() else ("", {})
    return read[1] if read[0] == _everything_but_tests(room) else {}


def _keep(room: str, measured: dict[str, tuple[str, Any]]) -> None:
    _kept_in(room).write_bytes(pickle.dumps((_everything_but_tests(room), measured)))


def _kept_in(room: str) -> Path:
    of = blake2b(" ".join(ROOMS[room]).encode(), digest_size=4).hexdigest()
    return Path(tempfile.gettempdir()) / f"itil4-mutation-{room}-{of}.pickle"


def _everything_but_tests(room: str) -> str:
    """Return a digest of all that a measurement depends on besides the file of the test."""
    tests = [path for folder in ROOMS[room] for path in (ROOT / folder).glob("**/*.py")]
    return _digest([*SOURCE.glob("**/*.py"), *(path for path in tests if not path.name.startswith("test_"))])


def _digest(paths: Iterable[Path]) -> str:
    return blake2b(b"".join(path.read_bytes() for path in sorted(paths)), digest_size=12).hexdigest()


def _swap_and_run(
    place: Place,
    functions: dict[str, list[FunctionType]],
    session: pytest.Session,
    tests: _Tests,
    chosen: list[str],
    seconds: dict[str, float],
) -> Told | None:
    mutant, swapped = mutant_at(place), 0
    for each in functions.get(str(place.path), ()):
        changed = (mutant.swaps or {}).get(each.__code__)
        if changed is not None:
            if changed.co_freevars != each.__code__.co_freevars:
                return None
            each.__code__ = changed
            swapped += 1
    return _run(session, tests, chosen, seconds) if swapped else None


def _run(session: pytest.Session, tests: _Tests, chosen: list[str], seconds: dict[str, float]) -> Told:
    """Run tests up to the first that fails, which is named; each has five times its usual time, and a little."""
    at_hand = _by_name(session)
    items = [(name, item) for name in chosen for item in at_hand.get(name, ())]
    for (name, item), (_, after) in zip(items, [*items[1:], ("", None)], strict=True):
        _limit(5 * seconds[name] + 2, 20 * seconds[name] + 20)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if tests.has_failed:
            return Told("killed", name, len(chosen))
    return Told("survived", "", len(chosen))


def _by_name(session: pytest.Session) -> dict[str, list[pytest.Item]]:
    """Return what is run together, by name: a test alone; the examples of a file in order, as they go on."""
    found: dict[str, list[pytest.Item]] = {}
    for item in session.items:
        name = str(item.path.relative_to(ROOT)) if SOURCE in item.path.parents else item.nodeid
        found.setdefault(name, []).append(item)
    return found


def _watch(room: str) -> Coverage:
    return Coverage(data_file=None, include=[f"{SOURCE / room}/*"], config_file=False, messages=False)


def _lines(watch: Coverage) -> set[tuple[str, int]]:
    watch.stop()
    watch.set_option("run:disable_warnings", ["no-data-collected"])
    data = watch.get_data()
    return {(path, line) for path in data.measured_files() for line in data.lines(path) or ()}


# processes


def _in_a_fork(work: Callable[[], Any], tests: int) -> Any:
    """Return what work returns in a fork of this process; one that ends without an answer counts as killed."""
    ours, theirs = Pipe(duplex=False)
    child = os.fork()
    if not child:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            theirs.send((work(),))
        finally:
            os._exit(0)
    theirs.close()
    ended, status = 0, 0
    while not ended and not ours.poll(0.02):  # processes that the tests left behind may hold the other end open
        ended, status = os.waitpid(child, os.WNOHANG)
    try:
        answer = ours.recv() if ours.poll() else ()
    except EOFError:
        answer = ()
    if not ended:
        _kill(child)
        status = os.waitpid(child, 0)[1]
    ours.close()
    if answer:
        return answer[0]
    out_of_time = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM)
    return Told("timeout" if out_of_time else "killed", f"the process ended with {status}", tests)


def _kill(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        return


def _limit(processor: float, clock: float) -> None:
    """Let the system end this process after so many seconds."""
    signal.setitimer(signal.ITIMER_PROF, processor)
    signal.setitimer(signal.ITIMER_REAL, clock)


def _be_quiet() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from changed code."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module, self._code = module, code

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Find the module, and no other."""
        if name != self._module:
            return None
        file = SOURCE.parent / Path(*name.split("."))
        is_package = file.is_dir()
        origin = str(file / "__init__.py" if is_package else file.with_suffix(".py"))
        spec = importlib.util.spec_from_loader(name, self, origin=origin, is_package=is_package)
        if spec is not None and is_package:
            spec.submodule_search_locations = [str(file)]
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code as the module."""
        module.__file__ = self._code.co_filename
        exec(self._code, module.__dict__)
