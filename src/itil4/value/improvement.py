"""The continual improvement model: seven questions that lead from a vision to lasting results."""

import attrs

from itil4.value.validators import at_least_one, text


@attrs.frozen
class ImprovementStep:
    """One step of the model; `output` is what it leaves behind for the next."""

    number: int = attrs.field(validator=at_least_one)
    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    output: str = attrs.field(validator=text)


IMPROVEMENT_STEPS: tuple[ImprovementStep, ...] = (
    ImprovementStep(1, "what_is_the_vision", "What is the vision?", "direction and business goals"),
    ImprovementStep(2, "where_are_we_now", "Where are we now?", "baseline assessment"),
    ImprovementStep(3, "where_do_we_want_to_be", "Where do we want to be?", "measurable targets"),
    ImprovementStep(4, "how_do_we_get_there", "How do we get there?", "improvement plan"),
    ImprovementStep(5, "take_action", "Take action", "improvement actions"),
    ImprovementStep(6, "did_we_get_there", "Did we get there?", "evaluation against targets"),
    ImprovementStep(
        7, "how_do_we_keep_the_momentum_going", "How do we keep the momentum going?", "embedding, next cycle"
    ),
)
