"""The practices of the register keep the contract of every practice."""

from itil4.practices.configuration.baselines import ConfigurationBaselines
from itil4.practices.configuration.items import ConfigurationItems
from itil4.testing import PracticeContract


class TestConfigurationItems(PracticeContract):
    practice = ConfigurationItems


class TestConfigurationBaselines(PracticeContract):
    practice = ConfigurationBaselines
