"""The seven guiding principles: what to hold on to whatever else changes."""

import attrs

from itil4.value.validators import frozen_list, some, text


@attrs.frozen
class GuidingPrinciple:
    """One guiding principle: its idea in a sentence, what it means in practice, and a question to test work by."""

    id: str = attrs.field(validator=text)
    name: str = attrs.field(validator=text)
    idea: str = attrs.field(validator=text)
    apply: tuple[str, ...] = attrs.field(converter=frozen_list, validator=some(text))
    question: str = attrs.field(validator=text)


GUIDING_PRINCIPLES: tuple[GuidingPrinciple, ...] = (
    GuidingPrinciple(
        "focus_on_value",
        "Focus on value",
        "Each thing done should lead, directly or not, to value for a stakeholder.",
        (
            "know who the consumer is and what they value",
            "follow the experience of customer and user",
            "drop work that serves nobody",
        ),
        "Who would miss this if it stopped, and what would they lose?",
    ),
    GuidingPrinciple(
        "start_where_you_are",
        "Start where you are",
        "Look at what exists and reuse it before building new.",
        (
            "observe directly",
            "measure with care: measuring changes behaviour",
            "reuse what works, accept when to start over",
        ),
        "What is there already, and have we seen it with our own eyes?",
    ),
    GuidingPrinciple(
        "progress_iteratively_with_feedback",
        "Progress iteratively with feedback",
        "Split work in small, useful, timeboxed steps and listen between them.",
        (
            "keep the whole in view while working on parts",
            "use feedback loops",
            "fast does not mean incomplete: each step is usable",
        ),
        "What is the smallest useful step, and whom do we ask after it?",
    ),
    GuidingPrinciple(
        "collaborate_and_promote_visibility",
        "Collaborate and promote visibility",
        "Bring the right people together and make work and its state visible.",
        (
            "involve the right stakeholders",
            "match the message to the audience",
            "decide on visible data; show backlog, flow, waste",
        ),
        "Who should know of this, and can they see it without asking?",
    ),
    GuidingPrinciple(
        "think_and_work_holistically",
        "Think and work holistically",
        "No part stands alone: see the whole system.",
        (
            "know how complex the system is",
            "look for patterns and links between parts",
            "cover all four dimensions",
        ),
        "What else moves when this moves?",
    ),
    GuidingPrinciple(
        "keep_it_simple_and_practical",
        "Keep it simple and practical",
        "Use the fewest steps that give the outcome; remove what adds no value.",
        (
            "design for the normal case, give rules for exceptions",
            "judge each step by value",
            "seek quick wins",
        ),
        "Which step could we leave out and still reach the outcome?",
    ),
    GuidingPrinciple(
        "optimize_and_automate",
        "Optimize and automate",
        "First make work effective, then automate where it pays; keep people for judgement.",
        (
            "simplify before automating",
            "define metrics first",
            "keep a human way in",
        ),
        "Is this work worth doing well before it is worth doing by machine?",
    ),
)
"""The seven, in their usual order. They all apply at once; none outranks another."""
