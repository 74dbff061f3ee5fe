"""The places of relationship management on a desk, by name and type."""

from typing import TYPE_CHECKING

from itil4.practices.desk import Desk

if TYPE_CHECKING:
    from itil4.practices.relationship.accounts import Account, Accounts
    from itil4.practices.relationship.complaints import Complaint, Complaints
    from itil4.practices.relationship.contacts import Contact, Contacts
    from itil4.practices.relationship.interactions import Interaction, Interactions
    from itil4.practices.relationship.leads import Lead, Leads
    from itil4.practices.relationship.opportunities import Opportunities, Opportunity
    from itil4.practices.relationship.stakeholders import Stakeholder, Stakeholders
    from itil4.practices.relationship.surveys import SatisfactionSurvey, SatisfactionSurveys


class Relationships(Desk):
    """The practices of relationship management, each read when it is first asked for."""

    @property
    def accounts(self) -> "Accounts[Account]":
        """The organizations that are our customers, may become so, or were."""
        return self.in_slot("accounts")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def contacts(self) -> "Contacts[Contact]":
        """The people through whom accounts are known."""
        return self.in_slot("contacts")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def interactions(self) -> "Interactions[Interaction]":
        """Everything said and done between us and current or possible customers."""
        return self.in_slot("interactions")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def stakeholders(self) -> "Stakeholders[Stakeholder]":
        """Who has influence on what we do, or an interest in it, and how each is engaged."""
        return self.in_slot("stakeholders")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def leads(self) -> "Leads[Lead]":
        """Who may become a customer, until that is known."""
        return self.in_slot("leads")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def opportunities(self) -> "Opportunities[Opportunity]":
        """Business that may come of accounts, stage by stage."""
        return self.in_slot("opportunities")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def complaints(self) -> "Complaints[Complaint]":
        """What people hold against us, answered and followed up."""
        return self.in_slot("complaints")  # type: ignore[return-value]  # the slot belongs to that class

    @property
    def satisfaction_surveys(self) -> "SatisfactionSurveys[SatisfactionSurvey]":
        """How satisfied people are, on declared scales."""
        return self.in_slot("satisfaction_surveys")  # type: ignore[return-value]  # the slot belongs to that class
