"""Changes keep the contract that every practice keeps; their machine is run with those of the other practices."""

from itil4 import ChangeEnablement
from itil4.testing import PracticeContract


class TestChanges(PracticeContract):
    """All models, with real votes."""

    practice = ChangeEnablement
    machine_examples = 0
