"""What a walk or a machine has exercised: arrows, pairs of arrows, guards and refusals, as a table and a picture."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from itil4.lifecycle.definition import Lifecycle
from itil4.testing.arrow_keys import ArrowKey, arrows_brought, arrows_of
from itil4.testing.checking import Finding
from itil4.testing.playing import Played
from itil4.testing.subject import Subject


class Coverage:
    """What was exercised of one practice.

    Attributes:
        arrows: arrow -> how often it was taken.
        pairs: two arrows one right after the other -> how often.
        passed, held: guard -> how often it let a step pass, or held one back.
        refusals: (event, code) -> how often a step was refused for it.
        impossible: pairs that no record could take, because of its data.
        warnings: findings that are no errors.
        steps, stories: how many were played; `seconds` is how long it took.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.keys = {key: step for each in subject.lifecycles for key, step in arrows_of(each)}
        self.arrows: Counter[ArrowKey] = Counter()
        self.pairs: Counter[tuple[ArrowKey, ArrowKey]] = Counter()
        self.passed: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.refusals: Counter[tuple[str, str]] = Counter()
        self.impossible: set[tuple[ArrowKey, ArrowKey]] = set()
        self.warnings: list[Finding] = []
        self.steps = self.stories = 0
        self.seconds = 0.0

    def note(self, played: Played, last: ArrowKey | None = None) -> ArrowKey | None:
        """Add a step that was played, and return the arrow that it took, if any."""
        self.steps += 1
        expected, answer = played.expected, played.answer
        if not answer.done:
            self.refusals.update((played.act.event, code) for code in set(answer.codes))
            self.held.update(expected.held if expected is not None else ())
            return None
        if expected is None or expected.transition is None or expected.lifecycle is None or played.before is None:
            return None
        source = getattr(played.before, expected.lifecycle.field)
        place = next(at for at, each in enumerate(expected.lifecycle.transitions) if each is expected.transition)
        key = ArrowKey(expected.lifecycle.name, played.act.event, source, str(expected.target), place)
        self.arrows[key] += 1
        self.passed.update(rule.name for rule in expected.transition.guards)
        for brought in arrows_brought(self.keys, played.brought):
            self.arrows[brought] += 1
            self.passed.update(rule.name for rule in self.keys[brought].guards)
        if last is not None:
            self.pairs[last, key] += 1
        return key

    def possible_pairs(self) -> list[tuple[ArrowKey, ArrowKey]]:
        """Return the pairs of arrows of one lifecycle that follow each other in its graph."""
        leaving: dict[tuple[str, str], list[ArrowKey]] = {}
        for key in self.keys:
            leaving.setdefault((key.lifecycle, key.source), []).append(key)
        return [(key, then) for key in self.keys for then in leaving.get((key.lifecycle, key.target), ())]

    @property
    def guards(self) -> tuple[str, ...]:
        """The names of all guards of steps."""
        return tuple(dict.fromkeys(rule.name for step in self.keys.values() for rule in step.guards))

    def lacking(self) -> tuple[str, ...]:
        """Return what was not exercised: arrows never taken, guards that never passed or never held back."""
        found = [f"never taken: {key}" for key in self.keys if not self.arrows[key]]
        found += [f"never passed: {name}" for name in self.guards if not self.passed[name]]
        return (*found, *(f"never held back: {name}" for name in self.guards if not self.held[name]))

    def rows(self) -> Iterator[tuple[str, int, int]]:
        """Yield (what, exercised, all)."""
        pairs = self.possible_pairs()
        yield "transitions", sum(1 for key in self.keys if self.arrows[key]), len(self.keys)
        yield "pairs of transitions", sum(1 for pair in pairs if self.pairs[pair]), len(pairs)
        yield "guards that let pass", sum(1 for name in self.guards if self.passed[name]), len(self.guards)
        yield "guards that held back", sum(1 for name in self.guards if self.held[name]), len(self.guards)

    def table(self) -> str:
        """Return all of it as text for people."""
        lines = [f"{self.subject.name}: {self.stories} stories, {self.steps} steps, {self.seconds:.2f} s"]
        lines += [f"  {what:<24}{done:>5} of {every:>4}" for what, done, every in self.rows()]
        codes: Counter[str] = Counter()
        for (_, code), count in self.refusals.items():
            codes[code] += count
        lines.append("  refusals: " + (", ".join(f"{code} {count}" for code, count in sorted(codes.items())) or "none"))
        if self.impossible:
            lines.append(f"  pairs that the data of a record forbids: {len(self.impossible)}")
        lines += [f"  {each}" for each in self.lacking()]
        return "\n".join(lines)

    __str__ = table

    def svg(self, lifecycle: Lifecycle | None = None) -> str:
        """Return the picture of a lifecycle, by default the main one, with what was taken in green."""
        from itil4.lifecycle.svg import svg

        drawn = self.subject.lifecycles[0] if lifecycle is None else lifecycle
        own = [key for key in self.keys if key.lifecycle == drawn.name]
        taken = {(key.source, key.target) for key in own if self.arrows[key]}
        partly = {(key.source, key.target) for key in own if not self.arrows[key]} & taken
        every = {(key.source, key.target) for key in own}
        colours = dict.fromkeys(taken - partly, "#2e7d32")
        colours |= dict.fromkeys(partly, "#f9a825")
        colours |= dict.fromkeys(every - taken, "#c62828")
        return svg(drawn, colours=colours)

    def write(self, folder: Path | str) -> list[Path]:
        """Write the pictures of all lifecycles into a folder, and return their files."""
        made = []
        for lifecycle in self.subject.lifecycles:
            path = Path(folder) / f"{lifecycle.name.replace(' ', '_')}.svg"
            path.write_text(self.svg(lifecycle), encoding="utf-8")
            made.append(path)
        return made
