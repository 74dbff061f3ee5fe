"""Service management: the practices of one organization on one store."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from itil4.clock import Calendar, Clock, SystemClock, TimeOrderedIds
from itil4.errors import DefinitionError, InvalidInput, StoreError, nearest
from itil4.practices.base import Practice
from itil4.practices.built_in import placed_with
from itil4.practices.desk import House, Subscriber
from itil4.practices.directory import Anybody, Directory
from itil4.practices.due_times import DueTimes
from itil4.practices.linking import link, locate, unlink
from itil4.practices.places import Kinds, Practices
from itil4.practices.relationship.desk import Relationships
from itil4.practices.stewardship import Stewardship
from itil4.record import Actor, Entry, FieldSet, Relation
from itil4.record.door import text_problem
from itil4.storage import opening
from itil4.storage.outbox import keeps_outbox
from itil4.storage.protocols import Store
from itil4.storage.unit import Unit

if TYPE_CHECKING:
    from itil4.practices.catalogue import PracticeCatalogue
    from itil4.practices.change_enablement import Change, ChangeEnablement
    from itil4.practices.change_register import ChangeModels, RegisteredModel
    from itil4.practices.configuration.assessments import ImpactAssessment, ImpactAssessments
    from itil4.practices.configuration.baselines import ConfigurationBaseline, ConfigurationBaselines
    from itil4.practices.configuration.item import ConfigurationItem
    from itil4.practices.configuration.items import ConfigurationItems
    from itil4.practices.continual_improvement import ContinualImprovement, Improvement
    from itil4.practices.import_run import ImportRun, ImportRuns
    from itil4.practices.incident_management import Incident, IncidentManagement
    from itil4.practices.known_errors import KnownError, KnownErrors
    from itil4.practices.outbox import Outbox
    from itil4.practices.problem_management import Problem, ProblemManagement
    from itil4.practices.service_agreements import ServiceLevel
    from itil4.practices.service_level_management import ServiceLevelManagement
    from itil4.practices.service_request_management import ServiceRequest, ServiceRequestManagement
    from itil4.practices.ticks import Notify, Ticked
    from itil4.value import Dora, StreamMap, ValueStream

T = TypeVar("T")

RELATIONS = (Relation("relates_to", "relates_to"),)
"""The relations that any two records may have."""


class ServiceManagement(Stewardship, Relationships):
    """The practices on one store; `connect` makes it.

    >>> itsm = connect()
    >>> ana = Actor("ana", roles={"user"})
    >>> itsm.incidents.log(summary="Mail is down", impact="high", urgency="high", by=ana).number
    'INC0000001'
    """

    @property
    def practices(self) -> "PracticeCatalogue":
        """The 34 practices of ITIL 4 as data; those with records here have a module of their own.

        >>> [practice.name for practice in connect().practices][:2]
        ['Architecture management', 'Continual improvement']
        """
        from itil4.practices.catalogue import catalogue  # read when first asked for

        return catalogue()

    @property
    def incidents(self) -> "IncidentManagement[Incident]":
        """The practice of restoring service: incident management, or the subclass that fills its place."""
        return self.in_slot("incidents")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def problems(self) -> "ProblemManagement[Problem]":
        """The practice of finding and removing causes: problem management, or the subclass that fills its place."""
        return self.in_slot("problems")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def known_errors(self) -> "KnownErrors[KnownError]":
        """The known error database, whichever records keep the known errors."""
        return self.in_slot("known_errors")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def improvements(self) -> "ContinualImprovement[Improvement]":
        """The registers of what could be better, or the subclass that fills their place."""
        return self.in_slot("improvements")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def changes(self) -> "ChangeEnablement[Change]":
        """The practice of making changes go well: change enablement, or the subclass that fills its place."""
        return self.in_slot("changes")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def change_models(self) -> "ChangeModels[RegisteredModel]":
        """The register of change models, and which of them pre-authorize their changes."""
        return self.in_slot("change_models")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def service_requests(self) -> "ServiceRequestManagement[ServiceRequest]":
        """The practice of fulfilling what users ask for: service request management, or the subclass in its place."""
        return self.in_slot("service_requests")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def import_runs(self) -> "ImportRuns[ImportRun]":
        """What was imported from other systems, and which rows could not be used."""
        return self.in_slot("import_runs")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def service_levels(self) -> "ServiceLevelManagement[ServiceLevel]":
        """What was agreed with customers, the clocks of records, and what falls due."""
        return self.in_slot("service_levels")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def outbox(self) -> "Outbox":
        """What relays outside this process claim and acknowledge entries through; see `itil4.practices.outbox`."""
        from itil4.practices.outbox import Outbox

        return Outbox(self.house)

    @property
    def configuration_items(self) -> "ConfigurationItems[ConfigurationItem]":
        """What services are made of, how the parts rest on each other, and what follows when one fails."""
        return self.in_slot("configuration_items")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def configuration_baselines(self) -> "ConfigurationBaselines[ConfigurationBaseline]":
        """Named snapshots of the items and relations, kept to compare with."""
        return self.in_slot("configuration_baselines")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def impact_assessments(self) -> "ImpactAssessments[ImpactAssessment]":
        """What followed from the items that records affect, each time that somebody asked."""
        return self.in_slot("impact_assessments")  # type: ignore[return-value]  # the slot belongs to that class

    def tick(self, now: datetime | None = None, *, notify: "Notify | None" = None) -> "Ticked":
        """Do what fell due since the last tick: thresholds and breaches of targets, timers, recurring records.

        Call it from cron, a loop or a scheduler, in as many processes as you like: each entry is made once. See
        `itil4.practices.ticks.tick`.

        Args:
            now: the moment to act at; by default that of the clock.
            notify: called with each `Notice`, at least once; without it subscribers get the entries.
        """
        from itil4.practices.ticks import tick

        return tick(self, now, notify=notify)

    def __getattr__(self, slot: str) -> Any:
        """Return the practice that a host put into a place of its own."""
        if slot.startswith("_") or slot not in self.house.practices:
            known = self.house.practices if "house" in vars(self) else ()
            near = nearest(slot, known)
            raise AttributeError(f"There is no practice {slot!r} here." + (f" Did you mean {near}?" if near else ""))
        return self.in_slot(slot)

    def get(self, reference: str, *, by: Actor | None = None) -> Any:
        """Return the record of any practice with that number or id.

        Raises:
            NotFound: there is none, or none that this actor may see.
        """
        return locate(
            self, self.reading(), reference, None if by is None and self.actor is None else self.who(by, "get")
        )

    # acting

    @contextmanager
    def unit(self, by: Actor | None = None, *, correlation: str | None = None) -> Iterator[Self]:
        """Yield a desk on which everything happens together when the block ends, or not at all.

        Numbers are given at the end: read a new record again to see its number.

        Raises:
            StaleRecord: at the end, when a record that the block read or changed has moved.
        """
        actor = self.actor if by is None else self.who(by, "unit")
        told = self.correlation if correlation is None else correlation
        outer = self._open_unit()
        if outer is not None:
            with outer.savepoint():
                yield self.clone(actor=actor, correlation=told)
            return
        unit = self.new_unit()
        try:
            yield self.clone(actor=actor, unit=unit, correlation=told)
        except BaseException:
            unit.end()
            raise
        self.house.commit(unit)

    @contextmanager
    def join(
        self, connection: Any, *, by: Actor | None = None, correlation: str | None = None
    ) -> Iterator["JoinedDesk"]:
        """Yield a desk whose unit of work is a part of a host's transaction: the host commits it, or takes it back.

        A savepoint is opened in the transaction of `connection`. What the block collects is written at its end,
        numbers included; an error takes back what the block did and nothing else. Subscribers hear of it when
        the host calls `committed()` on the desk, after its own commit; see `JoinedDesk`.

        Args:
            connection: one of SQLAlchemy, Django, psycopg, sqlite3 or PyMySQL, in a transaction, to the database
                of this service management's `SqlAlchemyStore`.
            by: who acts where a call does not say.
            correlation: what the entries of the block are correlated by.

        Raises:
            InvalidInput: the connection is none of these, in no transaction, or one to another database.
            StaleRecord: at the end, when a record that the block read or changed has moved.
        """
        from itil4.storage.joining import joined  # read when first asked for

        if self._open_unit() is not None:
            raise InvalidInput.of("join_in_unit")
        actor = self.actor if by is None else self.who(by, "join")
        told = self.correlation if correlation is None else correlation
        with joined(self.house.store, connection) as store:
            house = attrs.evolve(self.house, store=store, kinds=self.house.kinds.as_they_are(), project=None)
            house.project = DueTimes(house)
            desk = JoinedDesk(house, actor, None, told)
            unit = desk.new_unit()
            try:
                yield desk.in_unit(unit)
            except BaseException:
                unit.end()
                raise
            unit.commit()
        desk.written.extend(unit.entries)

    def retry(
        self,
        function: Callable[[Self], T],
        *,
        attempts: int = 5,
        by: Actor | None = None,
        correlation: str | None = None,
        sleep: Callable[[float], object] | None = None,
        random: Callable[[], float] | None = None,
    ) -> T:
        """Return what `function` returns on the desk of a unit; run it anew, on fresh data, where others were first.

        The function must be ready to run several times: it reads what it needs through the desk that it is given.

        Args:
            function: called with the desk of a new unit, which is committed when it returns.
            attempts: how often it is tried at most.
            by, correlation: as in `unit`.
            sleep, random: how it waits in between, in seconds, and what it draws a number from 0 to 1 from.

        Raises:
            StaleRecord: of the last attempt; it says how often it was tried.
        """
        from itil4.storage.retrying import retry  # read when first asked for

        if self._open_unit() is not None:
            raise InvalidInput.of("retry_in_unit")
        if not callable(function):
            raise InvalidInput.of("ill_typed", field="function", expected="a function of a desk", value=function)

        def attempt() -> T:
            with self.unit(by=by, correlation=correlation) as desk:
                return function(desk)

        return retry(attempt, attempts=attempts, sleep=sleep, random=random)

    def acting(self, by: Actor, *, correlation: str | None = None) -> Self:
        """Return the same practices with a default actor; each call still is a unit of its own."""
        told = self.correlation if correlation is None else correlation
        return self.clone(actor=self.who(by, "acting"), correlation=told)

    def link(
        self, source: Any, relation: str, target: Any, *, by: Actor | None = None, reason: str | None = None,
        at: datetime | None = None, once: str | None = None, expected: int | None = None,
    ) -> Any:  # fmt: skip
        """Link two records: `link(incident, "caused_by", problem)`; return `source` as it is now.

        The name of the way back will do as well: `link(problem, "causes", incident)` is the same link.
        A link is an entry, and so a version, of the record that the relation starts from.
        """
        return link(self, source, relation, target, by, reason, at, once, expected)

    def unlink(
        self, source: Any, relation: str, target: Any, *, by: Actor | None = None, reason: str | None = None,
        at: datetime | None = None, once: str | None = None, expected: int | None = None,
    ) -> Any:  # fmt: skip
        """Remove a link; the history keeps that it was there."""
        return unlink(self, source, relation, target, by, reason, at, once, expected)

    # afterwards

    def subscribe(self, call: Subscriber, *, practice: str | None = None) -> Callable[[], None]:
        """Call `call(entry)` for every committed entry, of one practice or of all; return how to stop it.

        It runs after the commit, in the order of the entries, and cannot undo them: one that raises
        is logged. For delivery that survives a crash, use the outbox.
        """
        names = {place.name for place in self.house.practices.places.values()} | set(self.house.kinds)
        if practice is not None and practice not in names:
            raise InvalidInput.of("unknown_practice", name=practice, nearest=nearest(practice, names))
        if not callable(call):
            raise InvalidInput.of("ill_typed", field="call", expected="a function of an entry", value=call)
        held = (practice, call)
        self.house.subscribers.append(held)

        def stop() -> None:
            if held in self.house.subscribers:
                self.house.subscribers.remove(held)

        return stop

    def observed(
        self, stream: "ValueStream", *, window: tuple[datetime, datetime] | None = None,
        calendar: Calendar | None = None, by: Actor | None = None,
    ) -> "StreamMap":  # fmt: skip
        """Return the map of a value stream as the records show it; see `itil4.practices.streams`."""
        from itil4.practices.streams import observed  # read when first asked for

        return observed(self, stream, window=window, calendar=calendar, by=self.actor if by is None else by)

    def delivery(self, window: tuple[datetime, datetime], *, by: Actor | None = None) -> "Dora":
        """Return the four keys of delivery over a window `[start, end)`; see `itil4.practices.streams`."""
        from itil4.practices.streams import delivery  # read when first asked for

        return delivery(self, window, by=self.actor if by is None else by)

    def close(self) -> None:
        """Close the store."""
        self.house.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class JoinedDesk(ServiceManagement):
    """The desk of a unit that is a part of a host's transaction; `ServiceManagement.join` yields it.

    It has the words of every desk, which see what the host's transaction has written so far. Its block ended, it
    takes no more; then `committed()` is all that is left to call, once the host has committed.
    """

    def __init__(
        self, house: House, actor: Actor | None = None, unit: Unit | None = None, correlation: str | None = None
    ) -> None:
        super().__init__(house, actor, unit, correlation)
        self.written: list[Entry] = []
        """The entries that the host's transaction holds and that subscribers have not heard of."""

    def in_unit(self, unit: Unit) -> Self:
        """Return the desk whose calls are collected in a unit."""
        return self.clone(unit=unit)

    def clone(self, **changes: Any) -> Self:
        """Return a desk like this one, in the same part of the host's transaction."""
        made = super().clone(**changes)
        made.written = self.written
        return made

    def committed(self) -> None:
        """Tell the subscribers, now that the host's transaction has committed; in Django, hand it to `on_commit`.

        Calling it again tells nobody anything twice, and so does a block that ended in an error.

        Raises:
            InvalidInput: the block has not ended.
        """
        if self._unit is not None and not self._unit.is_over:
            raise InvalidInput.of("committed_early")
        told, self.written[:] = self.written[:], []
        self.house.publish(told)


def connect(
    store: str | Store | None = None,
    *,
    practices: Iterable[type[Practice[Any]]] = (),
    clock: Clock | None = None,
    ids: Callable[[], str] | None = None,
    tenant: str = "",
    directory: Directory | None = None,
    fields: Mapping[str, FieldSet] | None = None,
    policies: Mapping[str, Any] | None = None,
    outbox: bool | None = None,
    state_mapping: Mapping[str, Mapping[str, str]] | None = None,
) -> ServiceManagement:
    """Open a service management on a store.

    Args:
        store: an address, such as `sqlite:///desk.db` (a path relative to here; four slashes for an absolute one)
            or `postgresql+psycopg://user@host/database`; a store object; or nothing to keep all in memory.
        practices: classes of the host: those that extend a built-in practice take its place.
        clock, ids: where time and identity come from; by default the system's clock and UUIDs of version 7.
        tenant: whose data this is, where a store holds several organizations.
        directory: the people, as the host knows them.
        fields: kind -> extra fields of its records.
        policies: kind -> the policy of its practice, such as an `IncidentPolicy`; extra fields that it brings along
            (its attribute `fields`) join those of the kind.
        state_mapping: kind -> state that its lifecycle no longer has -> the state that records in it are corrected
            to now, besides what the practices themselves declare.
        outbox: True to keep entries for relays from now on, False to do so no more and forget what waits;
            None leaves it as the store has it, whoever switched it on.

    Raises:
        DefinitionError: two practices fill one place, a policy is for nobody, or records are in states that
            their lifecycle no longer has, and no mapping says where they belong.
        InvalidInput: no backend opens such an address, or something else is of the wrong type.
        MissingExtra: the driver that the address needs is not installed.
        StoreError: the store cannot be opened.
    """
    _check_given(
        practices=practices, clock=clock, ids=ids, tenant=tenant, directory=directory, fields=fields,
        policies=policies, outbox=outbox, state_mapping=state_mapping,
    )  # fmt: skip
    clock = clock or SystemClock()
    practices = tuple(practices)
    placed = Practices(placed_with(practices))
    policies, state_mapping = policies or {}, state_mapping or {}
    told = {kind: getattr(held, "fields", None) for kind, held in policies.items()}
    brought = {kind: found for kind, found in told.items() if isinstance(found, FieldSet)}
    fields = {**brought, **{kind: brought.get(kind, FieldSet()) | own for kind, own in (fields or {}).items()}}
    for named in (*fields, *policies, *state_mapping):
        if named not in placed.by_kind:
            near = nearest(named, placed.by_kind)
            raise DefinitionError.of("unknown_name", where="connect", what="kind", name=named, nearest=near)
    opened = opening.opened(store)
    opened.migrate(())
    if outbox is not None:
        _keep_outbox(opened, outbox)
    kinds = Kinds(placed, fields, opened)
    for named in fields:  # what a host declares is checked now, not when it is first used
        kinds[named]
    house = House(
        store=opened,
        clock=clock,
        ids=ids or TimeOrderedIds(clock),
        tenant=tenant,
        directory=directory or Anybody(),
        practices=placed,
        kinds=kinds,
        general=RELATIONS,
        policies=policies,
    )
    house.project = due_times = DueTimes(house)
    if "service_level" in policies:
        due_times.clockwork  # noqa: B018 - what a host declares is checked now, not when it is first used
    desk = ServiceManagement(house)
    for named in policies:
        getattr(desk.of_kind(named), "rules", None)  # what a host declares is checked now, not when it is first used
    for named in dict.fromkeys((*(each.kind for each in practices), *state_mapping)):
        from itil4.practices.state_mapping import settle_states  # only who brings practices can have changed states

        settle_states(desk, named, {**placed.by_kind[named].practice.state_mapping, **state_mapping.get(named, {})})
    return desk


def _check_given(**given: Any) -> None:
    """Refuse what `connect` can do nothing with, before anything is opened."""
    tenant, fields = given["tenant"], given["fields"]
    is_line = type(tenant) is str and text_problem("tenant", tenant, longest=255, lines=False) is None
    for name, fits, expected in (
        ("practices", isinstance(given["practices"], Iterable), "several classes of practices"),
        ("clock", given["clock"] is None or isinstance(given["clock"], Clock), "a Clock"),
        ("ids", given["ids"] is None or callable(given["ids"]), "a function that returns a new id"),
        ("tenant", is_line, "a line of text"),
        ("directory", given["directory"] is None or isinstance(given["directory"], Directory), "a Directory"),
        ("fields", _is_mapping(fields, FieldSet), "a mapping of kinds to FieldSets"),
        ("policies", _is_mapping(given["policies"], object), "a mapping of kinds to policies"),
        ("outbox", given["outbox"] in (None, True, False), "True, False or nothing"),
        ("state_mapping", _is_mapping(given["state_mapping"], Mapping), "a mapping of kinds to mappings of states"),
    ):
        if not fits:
            raise InvalidInput.of("ill_typed", field=name, expected=expected, value=given[name])


def _is_mapping(value: object, kind: type) -> bool:
    return value is None or (isinstance(value, Mapping) and all(isinstance(each, kind) for each in value.values()))


def _keep_outbox(store: Store, keep: bool) -> None:
    if keeps_outbox(store):
        store.keep_outbox(keep)
    elif keep:
        raise StoreError.of("no_outbox", store=type(store).__name__)
