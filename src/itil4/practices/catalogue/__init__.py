"""The 34 practices of ITIL 4 as immutable data, in this project's own words.

>>> problem = catalogue()["problem_management"]
>>> problem.category, problem.contribution["improve"], problem.success_factors_confidence
('service', 'high', 'seen')
"""

from itil4.practices.catalogue.collection import PracticeCatalogue, catalogue
from itil4.practices.catalogue.profile import (
    EDITORIAL,
    Confidence,
    Contribution,
    ContributionLevel,
    Edition5,
    Edition5Group,
    PracticeProfile,
)
from itil4.practices.catalogue.text import describe_practice, list_practices, show_practices

__all__ = [
    "EDITORIAL",
    "Confidence",
    "Contribution",
    "ContributionLevel",
    "Edition5",
    "Edition5Group",
    "PracticeCatalogue",
    "PracticeProfile",
    "catalogue",
    "describe_practice",
    "list_practices",
    "show_practices",
]
