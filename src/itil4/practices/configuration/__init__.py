"""Service configuration management: what services are made of, and what follows when a part changes or fails.

`graph` is a plain value that is useful alone; `item`, `policy` and `items` are the practice; `baselines` and
`assessments` keep what was so at a moment; `pictures` draws.
"""

from itil4.practices.configuration.graph import ConfigurationGraph, Reach, Redundancy
from itil4.practices.configuration.relations import ITEM_RELATIONS, ItemRelation

__all__ = ["ITEM_RELATIONS", "ConfigurationGraph", "ItemRelation", "Reach", "Redundancy"]
