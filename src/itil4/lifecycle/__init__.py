"""How records move. Useful alone: it knows no practice and no store.

The only room that imports `transitions`, and only when somebody asks for a machine.
"""

from itil4.lifecycle.context import Ask, Context, Step
from itil4.lifecycle.definition import Lifecycle, State, Transition
from itil4.lifecycle.rules import Chosen, FollowUp, Guard, In, guard

__all__ = ["Ask", "Chosen", "Context", "FollowUp", "Guard", "In", "Lifecycle", "State", "Step", "Transition", "guard"]
