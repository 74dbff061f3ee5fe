"""Value streams: the steps that an organization takes from a demand to value for somebody."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

import attrs

from itil4.errors import InvalidInput, Reason, nearest
from itil4.value.chain import ITIL_4, ActivityScheme
from itil4.value.flow import flow_efficiency
from itil4.value.system import TriggerKind
from itil4.value.validators import a, at_least_one, duration, flag, frozen_list, many, maybe, some, text, word

PRACTICE_IDS: tuple[str, ...] = (
    "architecture_management", "continual_improvement", "information_security_management", "knowledge_management",
    "measurement_and_reporting", "organizational_change_management", "portfolio_management", "project_management",
    "relationship_management", "risk_management", "service_financial_management", "strategy_management",
    "supplier_management", "workforce_and_talent_management",
    "availability_management", "business_analysis", "capacity_and_performance_management", "change_enablement",
    "incident_management", "it_asset_management", "monitoring_and_event_management", "problem_management",
    "release_management", "service_catalogue_management", "service_configuration_management",
    "service_continuity_management", "service_design", "service_desk", "service_level_management",
    "service_request_management", "service_validation_and_testing",
    "deployment_management", "infrastructure_and_platform_management", "software_development_and_management",
)  # fmt: skip
"""The ids of the 34 practices, against which a stream is checked unless it is given others."""


def _states(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return tuple((practice, frozen_list(states)) for practice, states in value.items())


def _state_pairs(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    pairs = value if isinstance(value, tuple) else (None,)
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], tuple)):
            expected = "a mapping of practice id to its states"
            raise InvalidInput.of("ill_typed", field=attribute.name, expected=expected, value=value)
        for state in pair[1]:
            text(None, attribute, state)


@attrs.frozen(kw_only=True)
class Step:
    """One step of a value stream, in one activity of the value chain.

    Args:
        name: what is done, unique in its stream.
        activity: id of one activity of the stream's scheme (INV-013).
        practices: ids of the practices at work, one or more.
        roles, triggers, inputs, outputs: short texts.
        work: working time that is aimed at, a timedelta; None when nothing was agreed.
        wait: waiting time that is aimed at, likewise.
        states: for each practice, the states of its records in which a case is in this step.
        capacity: how many cases can be worked on at once; None when it is not known.
        adds_value: whether the consumer would notice if the step were left out.
    """

    name: str = attrs.field(validator=text)
    activity: str = attrs.field(validator=text)
    practices: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))
    roles: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(text))
    triggers: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(text))
    inputs: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(text))
    outputs: tuple[str, ...] = attrs.field(factory=tuple, converter=frozen_list, validator=many(text))
    work: timedelta | None = attrs.field(default=None, validator=maybe(duration))
    wait: timedelta | None = attrs.field(default=None, validator=maybe(duration))
    states: tuple[tuple[str, tuple[str, ...]], ...] = attrs.field(
        factory=tuple, converter=_states, validator=_state_pairs
    )
    capacity: int | None = attrs.field(default=None, validator=maybe(at_least_one))
    adds_value: bool = attrs.field(default=True, validator=flag)


@attrs.frozen
class ImprovementOpportunity:
    """Something that could be better, seen in a step of a stream: the seed of an improvement item."""

    stream: str = attrs.field(validator=text)
    step: str = attrs.field(validator=text)
    description: str = attrs.field(validator=text)


@attrs.frozen(kw_only=True)
class ValueStream:
    """The steps from a trigger to an outcome. Activities may repeat and come in any order (INV-014).

    Args:
        id, name: how the stream is known.
        trigger: what sets it off, in words; `kind` says whether that is a demand or an opportunity.
        outcome: what somebody has in the end that they did not have before.
        steps: one or more, in the order in which they usually come.
        owner: who answers for the whole stream.
        consumer: for whom the outcome is.
        scheme: the activities of the value chain; the edition is data.

    Raises:
        InvalidInput: no trigger, no outcome, no step, or two steps of one name (INV-012).

    >>> stream = ValueStream(
    ...     id="berth", name="Berth a vessel", trigger="a vessel asks for a berth", outcome="the vessel lies safely",
    ...     steps=[Step(name="Take the call", activity="engage", practices=["service_desk"],
    ...                 work=timedelta(minutes=5), wait=timedelta(minutes=15))],
    ... )
    >>> stream.lead_time, stream.flow_efficiency, stream.validate()
    (datetime.timedelta(seconds=1200), 0.25, ())
    """

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    trigger: str = attrs.field(validator=text)
    kind: TriggerKind = attrs.field(default="demand", validator=word(TriggerKind))
    outcome: str = attrs.field(validator=text)
    steps: tuple[Step, ...] = attrs.field(converter=frozen_list, validator=some(a(Step)))
    owner: str | None = attrs.field(default=None, validator=maybe(text))
    consumer: str | None = attrs.field(default=None, validator=maybe(text))
    scheme: ActivityScheme = attrs.field(default=ITIL_4, validator=a(ActivityScheme))

    def __attrs_post_init__(self) -> None:
        names: set[str] = set()
        for step in self.steps:
            if step.name in names:
                raise InvalidInput.of("duplicate", where=f"The stream {self.id!r}", what="step", name=step.name)
            names.add(step.name)

    def __getitem__(self, name: str) -> Step:
        """Return the step of that name.

        Raises:
            InvalidInput: the stream has none (`unknown_name`).
        """
        for step in self.steps:
            if step.name == name:
                return step
        near = nearest(name, (step.name for step in self.steps))
        raise InvalidInput.of("unknown_name", where=f"The stream {self.id!r}", what="step", name=name, nearest=near)

    @property
    def practices(self) -> tuple[str, ...]:
        """The practices at work in any of the steps, each once."""
        return tuple(dict.fromkeys(practice for step in self.steps for practice in step.practices))

    @property
    def watched(self) -> tuple[str, ...]:
        """The practices whose records' states say where a case is, in the order of the steps, each once."""
        return tuple(dict.fromkeys(practice for step in self.steps for practice, _ in step.states))

    @property
    def work_time(self) -> timedelta | None:
        """The sum of the steps' work times; None while one of them is not known."""
        return _sum(step.work for step in self.steps)

    @property
    def wait_time(self) -> timedelta | None:
        """The sum of the steps' wait times; None while one of them is not known."""
        return _sum(step.wait for step in self.steps)

    @property
    def lead_time(self) -> timedelta | None:
        """Work and wait times together (INV-015); None while one of them is not known."""
        return _sum((self.work_time, self.wait_time))

    @property
    def flow_efficiency(self) -> float | None:
        """Work time by lead time, from 0 to 1; None while it is not known, or at a lead time of zero (INV-016)."""
        work, lead = self.work_time, self.lead_time
        return flow_efficiency(work, lead) if work is not None and lead is not None else None

    def validate(self, practices: Collection[str] | None = None) -> tuple[Reason, ...]:
        """Return what is wrong with the stream: one reason per finding, none when it is sound.

        Found are activities that the scheme does not have, practices that nobody knows (INV-013, INV-018),
        and states that lie in two steps.

        Args:
            practices: ids of the practices there are, such as `catalogue().extended(...).ids`; without it
                the 34 of ITIL 4.
        """
        known = PRACTICE_IDS if practices is None else tuple(practices)
        found: list[Reason] = []
        homes: dict[tuple[str, str], str] = {}
        for step in self.steps:
            where = f"The step {step.name!r} of {self.id!r}"
            if step.activity not in self.scheme:
                near = nearest(step.activity, self.scheme.ids)
                found.append(Reason.of("unknown_name", where=where, what="activity", name=step.activity, nearest=near))
            for practice in dict.fromkeys((*step.practices, *(practice for practice, _ in step.states))):
                if practice not in known:
                    near = nearest(practice, known)
                    found.append(Reason.of("unknown_name", where=where, what="practice", name=practice, nearest=near))
            for practice, states in step.states:
                for state in dict.fromkeys(states):
                    first = homes.setdefault((practice, state), step.name)
                    if first != step.name:
                        found.append(
                            Reason.of("two_steps", practice=practice, state=state, first=first, second=step.name)
                        )
        return tuple(found)

    def check(self, practices: Collection[str] | None = None) -> "ValueStream":
        """Return the stream itself when it is sound.

        Raises:
            InvalidInput: it is not; the reasons are those of `validate`.
        """
        if found := self.validate(practices):
            raise InvalidInput(*found)
        return self

    def watching(self, practice: str, states: Mapping[str, Iterable[str]]) -> "ValueStream":
        """Return the stream with the states of a practice's records that lie in each step, by the name of the step.

        What the stream named of that practice before is replaced; other practices stay as they are.

        Raises:
            InvalidInput: there is no step of a name, or a state lies in two steps.

        >>> from itil4.value import DEVELOP_NEW_SERVICE
        >>> develop = DEVELOP_NEW_SERVICE.watching("portfolio_management", {"Decide whether to invest": ["judged"]})
        >>> DEVELOP_NEW_SERVICE.watched, develop.watched
        (('change_enablement',), ('portfolio_management', 'change_enablement'))
        """
        for name in states:
            self[name]
        steps = []
        for step in self.steps:
            others = [pair for pair in step.states if pair[0] != practice]
            named = [(practice, states[step.name])] if step.name in states else []
            steps.append(attrs.evolve(step, states=dict([*others, *named])))
        made = attrs.evolve(self, steps=steps)
        return made.check({*made.practices, *made.watched})

    def improvement(self, step: str, description: str) -> ImprovementOpportunity:
        """Return an opportunity to improve, seen in any step: improving has no fixed place (INV-017).

        Raises:
            InvalidInput: the stream has no such step, or the description is empty.
        """
        return ImprovementOpportunity(self.id, self[step].name, description)

    def svg(self, *, columns: int | None = None) -> str:
        """Return the value stream map as a self-contained SVG; see `itil4.value.map_svg`."""
        from itil4.value.map_picture import map_svg  # streams are designed without pictures

        return map_svg(self, columns=columns)

    def mermaid(self) -> str:
        """Return the steps as a Mermaid flow chart."""
        from itil4.value.diagrams import mermaid

        return mermaid(self)

    def dot(self) -> str:
        """Return the steps in the language of Graphviz."""
        from itil4.value.diagrams import dot

        return dot(self)

    def _repr_svg_(self) -> str:
        return self.svg()


def _sum(times: Iterable[timedelta | None]) -> timedelta | None:
    total = timedelta(0)
    for time in times:
        if time is None:
            return None
        total += time
    return total
