"""The customer journey: the seven steps in which a consumer meets a provider."""

import attrs

from itil4.value.validators import at_least_one, text


@attrs.frozen
class JourneyStep:
    """One step of the journey. Touchpoints lie in steps; steps may overlap and repeat."""

    number: int = attrs.field(validator=at_least_one)
    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    idea: str = attrs.field(validator=text)


JOURNEY_STEPS: tuple[JourneyStep, ...] = (
    JourneyStep(1, "explore", "Explore", "Both sides learn about needs, markets and each other."),
    JourneyStep(2, "engage", "Engage", "Build and keep relations."),
    JourneyStep(3, "offer", "Offer", "Shape demand, specify requirements, present an offering."),
    JourneyStep(4, "agree", "Agree", "Align expectations, plan value, settle scope and quality."),
    JourneyStep(
        5, "onboard", "Onboard", "Bring consumer and provider resources together (and separate them: offboard)."
    ),
    JourneyStep(6, "co_create", "Co-create", "Provide and consume the service together."),
    JourneyStep(7, "realize", "Realize", "Capture value, review and improve."),
)
