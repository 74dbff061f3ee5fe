"""Tools to test what is built on this library: each name is read when it is first used."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itil4.clock import FrozenClock as FrozenClock
    from itil4.testing.checking import Finding as Finding
    from itil4.testing.checking import Found as Found
    from itil4.testing.checking import check_lifecycle as check_lifecycle
    from itil4.testing.checking import findings as findings
    from itil4.testing.coverage import Coverage as Coverage
    from itil4.testing.driver import Answer as Answer
    from itil4.testing.driver import Driver as Driver
    from itil4.testing.driver import Seen as Seen
    from itil4.testing.local import InProcess as InProcess
    from itil4.testing.machine import lifecycle_machine as lifecycle_machine
    from itil4.testing.playing import Player as Player
    from itil4.testing.policies import Policy as Policy
    from itil4.testing.policies import Verdict as Verdict
    from itil4.testing.policies import Violation as Violation
    from itil4.testing.policies import always_within as always_within
    from itil4.testing.policies import at_most as at_most
    from itil4.testing.policies import never as never
    from itil4.testing.policies import only_roles as only_roles
    from itil4.testing.policies import precedence as precedence
    from itil4.testing.policies import response as response
    from itil4.testing.policies import separation as separation
    from itil4.testing.practice_contract import PracticeContract as PracticeContract
    from itil4.testing.recorder import Recorder as Recorder
    from itil4.testing.refining import refines as refines
    from itil4.testing.store_contract import StoreContract as StoreContract
    from itil4.testing.story import Act as Act
    from itil4.testing.story import Story as Story
    from itil4.testing.subject import Subject as Subject
    from itil4.testing.telling import check_story as check_story
    from itil4.testing.telling import stories as stories
    from itil4.testing.telling import story_id as story_id
    from itil4.testing.values import Later as Later
    from itil4.testing.values import Ref as Ref
    from itil4.testing.walking import walk as walk

_HOME = {
    # name: module, one a line
    "Act": "itil4.testing.story",
    "Answer": "itil4.testing.driver",
    "Coverage": "itil4.testing.coverage",
    "Driver": "itil4.testing.driver",
    "Finding": "itil4.testing.checking",
    "Found": "itil4.testing.checking",
    "FrozenClock": "itil4.clock",
    "InProcess": "itil4.testing.local",
    "Later": "itil4.testing.values",
    "Player": "itil4.testing.playing",
    "Policy": "itil4.testing.policies",
    "PracticeContract": "itil4.testing.practice_contract",
    "Recorder": "itil4.testing.recorder",
    "Ref": "itil4.testing.values",
    "Seen": "itil4.testing.driver",
    "StoreContract": "itil4.testing.store_contract",
    "Story": "itil4.testing.story",
    "Subject": "itil4.testing.subject",
    "Verdict": "itil4.testing.policies",
    "Violation": "itil4.testing.policies",
    "always_within": "itil4.testing.policies",
    "at_most": "itil4.testing.policies",
    "check_lifecycle": "itil4.testing.checking",
    "check_story": "itil4.testing.telling",
    "findings": "itil4.testing.checking",
    "lifecycle_machine": "itil4.testing.machine",
    "never": "itil4.testing.policies",
    "only_roles": "itil4.testing.policies",
    "precedence": "itil4.testing.policies",
    "refines": "itil4.testing.refining",
    "response": "itil4.testing.policies",
    "separation": "itil4.testing.policies",
    "stories": "itil4.testing.telling",
    "story_id": "itil4.testing.telling",
    "walk": "itil4.testing.walking",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'itil4.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
