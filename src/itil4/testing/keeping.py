"""What is kept of a record: its row, its history, what was returned and given, each the same to the last sign."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from itil4.record import Entry
from itil4.testing.checking import Finding
from itil4.testing.differing import differences, is_same, shown
from itil4.testing.doors import doors_wrong
from itil4.testing.driver import Answer
from itil4.testing.judging import Judging
from itil4.testing.local import seen
from itil4.testing.story import Act
from itil4.testing.timing import clocks_wrong

if TYPE_CHECKING:
    from itil4.testing.playing import Held


class Keeping(Judging):
    """The promises of a record that is stored."""

    def kept(self, act: Act, held: "Held", record: Any, history: tuple[Entry, ...]) -> Iterator[Finding]:
        """The history rebuilds the record, versions and times only grow, and what is read is what was written."""
        model = self.player.model
        seqs = [entry.seq for entry in history]
        if record.version != len(history) or sorted(seqs) != [*range(1, len(history) + 1)]:
            yield self.told("version", f"the record has version {record.version}, its entries {seqs}.", act, held)
        elif seqs != sorted(seqs):
            yield self.told("replay", f"the entries of its history come as {seqs}.", act, held)
        times = [entry.at for entry in sorted(history, key=lambda entry: entry.seq)]
        if times != sorted(times) or record.updated_at != times[-1] or times[-1] > model.now():
            told = ", ".join(each.isoformat(" ") for each in times)
            yield self.told("time", f"a time goes back, or lies ahead: {told}.", act, held)
        try:
            replayed = model.desk.replayed(held.reference)
        except Exception as error:  # whatever rebuilding raises means that it cannot be rebuilt
            yield self.told("replay", f"the history does not rebuild the record: {error}", act, held)
        else:
            differing = tuple(differences(record, replayed))
            if differing or replayed != record:
                yield self.told("replay", "the history rebuilds another record.", act, held, differing)
        yield from self._timed(act, held, history)
        yield from self._read_back(act, held, record)
        if self.player.thorough:
            for code, text in doors_wrong(self.player, record, history):
                yield self.told(code, text, act, held)

    def _read_back(self, act: Act, held: "Held", record: Any) -> Iterator[Finding]:
        """What is read is what was written; where the same was written as is stored, it was read just now."""
        model = self.player.model
        codec, house = model.desk.stored.codec, model.itsm.house
        row = codec.row(record, record.number, 0)
        stored = next(iter(house.store.load(house.tenant, [record.id])), None)
        if stored is not None and (stored.body, stored.schema) == (row.body, row.schema):
            return
        differing = tuple(differences(record, codec.record(row)))
        if differing:
            yield self.told("round_trip", "what is read is not what was written.", act, held, differing)

    def as_returned(self, act: Act, held: "Held", answer: Answer, after: Any) -> Iterator[Finding]:
        """The record that a verb returns is the one that is read afterwards, field by field."""
        if answer.seen is None:
            return
        told, now = answer.seen, seen(after)
        differing = tuple(
            f"{name}: was returned as {shown(value)}, is read as {shown(now.values.get(name))}"
            for name, value in told.values.items()
            if not is_same(value, now.values.get(name))
        )
        if told.version != now.version:
            text = f"version {told.version} was returned, and version {now.version} is read."
            yield self.told("version", text, act, held, differing)
        elif differing or told.state != now.state:
            yield self.told("round_trip", "what is read is not what was returned.", act, held, differing)

    def as_given(
        self, act: Act, held: "Held", given: Mapping[str, Any], after: Any, before: Any = None
    ) -> Iterator[Finding]:  # fmt: skip
        """What somebody gives for a field stands in it afterwards, to the last sign; what equals it was no change."""
        shape = self.player.subject.shape
        computed = self.player.model.desk._derived(after)
        fields = {
            name: (value, shape.read(after, name))
            for name, value in shape.in_utc(given).items()
            if shape.get(name) is not None and name not in computed
        }
        told = tuple(
            f"{name}: must be {shown(value)}, is {shown(found)}"
            for name, (value, found) in fields.items()
            if not is_same(value, found)
            and (before is None or value != found or not is_same(shape.read(before, name), found))
        )
        if told:
            yield self.told("round_trip", "what is read is not what was given.", act, held, told)

    def differing(self, was: Any, record: Any) -> Iterator[str]:
        """Yield how a record differs from what it was, its time included."""
        yield from differences(was, record)
        if was.updated_at != record.updated_at:
            yield f"updated_at: must be {was.updated_at}, is {record.updated_at}"

    def _timed(self, act: Act, held: "Held", history: tuple[Entry, ...]) -> Iterator[Finding]:
        for text in clocks_wrong(self.player, held, history):
            yield self.told("clock", text, act, held)
