"""What is said about the work of the practices. See `itil4.messages` for the form."""

PRACTICES: dict[str, tuple[str, str]] = {
    # problems and known errors
    "own_step": ("{field} cannot be set by {event!r}.", "It is set by: {steps}."),
    "only_grows": (
        "{event!r} would lose or keep as they are the {count} values in {field}, which only grows.",
        "Add one value, with one of: {steps}.",
    ),
    "workaround_version": (
        "Version {version} of the workaround {workaround!r} does not follow from the {known} drafts of it.",
        "Write down the next version first, and publish that text.",
    ),
    "past_review": ("The next review at {at} does not lie ahead of {now}.", "Give a later date."),
    "unknown_workaround": (
        "{event!r}: {record} has no workaround {name!r} that is {standing}.",
        "Did you mean {nearest}? Add a version first.",
    ),
    "no_workaround": (
        "{record}, which is {state}, has no workaround to use.",
        "Use the workaround of an open problem or known error, once it is published.",
    ),
    "known_error_birth": (
        "A known error is not logged: it comes from the analysis of a problem.",
        "Log a problem, record its causes, and conclude the analysis.",
    ),
    "retired": (
        "{known_error} is no known error any more: it is {state}.",
        "Look for one that is open, or let the problem manager analyse its problem again.",
    ),
    "link_lasts": ("{source} keeps its link {relation!r} to {target}.", "End the record instead."),
    # service levels
    "unknown_zone": (
        "{field} {value!r} is not a time zone.",
        "Did you mean {nearest}? Give an IANA name such as Europe/Paris. Where the system has none: pip install tzdata",
    ),
    "out_of_time": (
        "{field} lies outside the years 1 to 9999: {value}.",
        "Give an earlier instant or a shorter duration.",
    ),
    "out_of_years": (
        "{field} lies outside the years {first} to {last} that a service calendar knows: {value}.",
        "Give a nearer date or a shorter duration.",
    ),
    "negative_duration": (
        "{field} is negative: {value}.",
        "Give a duration of zero or more; to look back, use before().",
    ),
    "never_open": (
        "The calendar {calendar} has no more open hours, seen from {at}.",
        "Give it weekly windows or an exceptional opening.",
    ),
    "condition_empty": ("A condition that names nothing would always hold.", "Give at least one of: {choices}."),
    "target_endless": (
        "The target {target} can never {condition}.",
        "Give it a {condition} condition that the lifecycle can meet.",
    ),
    "one_promise": ("A target promises either a duration or a deadline.", "Give one of the two."),
    "weaker_target": (
        "{target} is weaker than {supported}, which it supports: seen from {start} it is due {late} later.",
        "Shorten {target}, or agree longer hours for it.",
    ),
    "bad_mark": (
        "{value!r} is not an entry that a clock can read.",
        "Did you mean {nearest}? Give (instant, mark) with one of: {choices}.",
    ),
    "retarget_without": ("The mark 'retarget' at {at} has no new target.", "Give (instant, 'retarget', timedelta)."),
    "unknown_country": ("The package holidays does not know {value!r}: {error}", "Give an ISO 3166 code such as FR."),
    "interval_counted": ("counted: the clock ran in service hours", ""),
    "interval_continued": ("counted: stopped, but reopened as if it had never been", ""),
    "interval_closed": ("not counted: outside service hours", ""),
    "interval_closed_date": ("not counted: outside service hours, with closed or exceptional dates {dates}", ""),
    "interval_paused": ("not counted: paused", ""),
    "interval_held": ("not counted: paused by {sources}", ""),
    "interval_stopped": ("not counted: stopped", ""),
    "interval_cancelled": ("not counted: cancelled", ""),
    "interval_dropped": ("no longer counted: the clock began again at zero afterwards", ""),
    "unreadable": ("{field} cannot be read as {format}: {error}.", "Mend that place and read it again."),
    # service level management
    "target_tie": (
        "{first} and {second} both apply as {slot}, and neither is more specific.",
        "Give one of them a field more, or add one for where both apply.",
    ),
    "rule_does_nothing": (
        "The escalation rule at {at} does nothing.",
        "Give it notify, escalate or rank.",
    ),
    "agreement_lacks": ("{record} has no {fields}.", "An agreement names both parties, services, targets and dates."),
    "not_on_services": (
        "{record} promises something about {found}, which is no work for a customer.",
        "A target of events is a parameter of its rule; agree targets on services.",
    ),
    "no_projections": (
        "The store {store} keeps no due times.",
        "Use one that implements itil4.storage.projections.KeepsDueTimes.",
    ),
    "tick_in_unit": (
        "A tick cannot run inside a unit of work: each thing that it does is a unit of its own.",
        "Call it on the service management itself.",
    ),
    "bad_every": ("--every is a number of seconds from 1 on, not {value!r}.", "Give such a number."),
    # change enablement
    "no_duration": ("{earlier} and {later} are the same moment, {value}.", "Give a later {later}."),
    "change_scope_fixed": (
        "{record} is in {state}, so what it affects is settled.",
        "Send it back to new, or log another change.",
    ),
    "task_circle": (
        "The tasks wait for each other in a circle: {circle}.",
        "Take one of the links between them away.",
    ),
    "task_over": ("The task {task!r} is {state} already, and stays so.", "Tell how another task went."),
    "task_waits": ("The task {task!r} waits for: {tasks}.", "Finish or skip those first."),
    "model_type": (
        "The change model {model!r} is for {type} changes, not for {value!r} ones.",
        "Leave the type out, or name another model.",
    ),
    "model_not_active": (
        "The change model {model!r} is not active: it is {state}.",
        "Let it be assessed and authorized, or log a normal change.",
    ),
    "no_standard_model": (
        "No standard change model is active.",
        "Log one with itsm.change_models.log(model=...), and let it be assessed and authorized.",
    ),
    "several_models": ("{type!r} does not say which change model is meant.", "Name one of: {models}."),
    "after_the_fact": (
        "The change model {model!r} does not let {event!r} be recorded after the fact.",
        "Leave the earlier time out, or take an emergency model.",
    ),
    # approvals
    "empty_authority": (
        "Nobody can be asked about {ballot!r}: {authority} leads to nobody.",
        "Name somebody there, or choose another authority.",
    ),
    "own_authority": (
        "Nobody but {people} could decide about {ballot!r}, and it is their own request.",
        "Add an authority, or let the policy say that they may (initiators).",
    ),
    "authority_too_small": (
        "{ballot!r} needs {needs} and cannot get it from those who are asked: {asked}.",
        "Ask more people, or ask for less; then ask for approval anew.",
    ),
    "no_longer_asked": (
        "{people} had a vote on {ballot!r} and have it no longer: they left, or have lost the authority.",
        "Withdraw the approval and ask anew where somebody else should be asked.",
    ),
    "votes_settled": (
        "Since somebody left, the votes on {ballot!r} amount to {result}, and a departure decides nothing.",
        "Let one of those who voted vote again, or ask for approval anew.",
    ),
    "approval_overdue": ("The time for votes ended at {at}.", "Let itsm.tick() run; it expires then."),
    "approval_decides": (
        "{event!r} comes from an approval only, and {record} is {state}.",
        "Ask for approval, and let those who are asked vote.",
    ),
    "under_approval": (
        "{field} does not change while the approval is {state}: others have decided, or decide, about what it says.",
        "Withdraw the approval or send the record back first.",
    ),
    "delegation_loop": ("The delegation goes in a circle: {people}.", "Give the vote to somebody outside it."),
    "unknown_rule": ("{practice} knows no rule {rule!r} for approvers.", "Let its method approvers answer it."),
    # configuration items and the change schedule
    "bad_needs": (
        "The group {group!r} has {size} members, of which {needs!r} cannot be needed.",
        "Give needs from 1 to the number of members.",
    ),
    "unknown_item": ("The graph has no item {item!r}.", "Did you mean {nearest}? Give the id of one that it has."),
    "not_reached": ("There is no way from {start} to {item}.", "Ask for the path of an item that was reached."),
    "item_over": ("{item} is {state}.", "Use an item that is in service, or reinstate this one."),
    "rests_on_gone": (
        "{item} is related by {relation!r} to {other}, which is {state}.",
        "Take the relation back, or reinstate {other}.",
    ),
    "types_unrelated": (
        "{relation!r} does not go from a {source} to a {target}.",
        "The policy lets it go from {allowed}.",
    ),
    "type_lacks_step": ("Items of the type {type} have no step {event!r}.", "Their steps: {steps}."),
    "needs_change": (
        "{item} is of the type {type}, which is changed in scope of an authorized change only.",
        "Name the change: update(item, change=...), or under(change).",
    ),
    "not_authorized": (
        "{change} is {state}, and lets no item be changed.",
        "Wait until it is in one of: {states}.",
    ),
    "out_of_scope": (
        "{item} is not in the scope of {change}.",
        "Link it before the change is authorized: link(change, 'affects', item).",
    ),
    "window_endless": ("The window that starts at {start} has no end.", "Give it an end, or a duration."),
    "window_never": ("A weekly window without hours is never there.", "Give it the hours of at least one day."),
    "window_backwards": (
        "The window ends at {end}, which is not after its start at {start}.",
        "Let it end after it starts.",
    ),
    "window_in_gap": (
        "{field} {value} does not exist in {zone}: the clocks skip it.",
        "Give a time before or after the change of the clocks.",
    ),
    "no_slot": (
        "There is no free window of {duration} for {work} until {until}: other work and blackouts leave {longest}.",
        "Look further ahead, or plan it in smaller pieces.",
    ),
    "no_slot_windows": (
        "No maintenance window until {until} has the {duration} that {work} needs: the longest has {longest}.",
        "Look further ahead, plan it in smaller pieces, or agree on a longer window.",
    ),
    "change_freeze": (
        "{change} may not start at {at}: the freeze {period!r}, from {start} to {end}, is about {item}.",
        "Plan it outside the freeze, or have it exempted there. An emergency change may start.",
    ),
    "schedule_conflict": (
        "{change} is in conflict from {start} to {end}: {text}.",
        "Plan it at another time: next_slot(change) proposes one.",
    ),
    "not_planned": ("{change} has no planned start and end.", "Plan both first, or tell a duration."),
    "assessment_birth": (
        "An impact assessment is not logged: it is computed.",
        "Call itsm.configuration_items.refresh_impacted(record).",
    ),
    "idle_members": (
        "{item} is not related to {members} of its group {group!r}, so they do not count.",
        "Relate them, or declare the group without them.",
    ),
    # service requests
    "no_request_model": (
        "A service request is for an entry of the request catalogue, and {value!r} is none that {actor} may request.",
        "Did you mean {nearest}? Free text is a query: ask the service desk, who find the record that it belongs in.",
    ),
    "not_requestable": (
        "The entry {model!r} of the request catalogue cannot be requested: it is {state}.",
        "Take another entry: catalogue() shows them. Or ask the service desk.",
    ),
    "not_asked": ("The request model {model!r} does not ask for {field}.", "It asks for: {asks}."),
    "change_not_foreseen": (
        "The request model {model!r} raises no change by {value!r}.",
        "It names: {changes}. Other work is no part of the request: log the change by itself and relate it.",
    ),
    "not_in_fulfilment": (
        "{record} is {state}, and changes are raised only while it is being fulfilled.",
        "Start it first; what needs approval starts when it is approved.",
    ),
    # relationships
    "no_contact": (
        "An account needs somebody to talk to.",
        "Give contact: one or several that are known, or the fields of a new one, which is a mapping with a name.",
    ),
    "last_contact": (
        "{contact} is the last contact that {account} has.",
        "Add another contact to the account first.",
    ),
    "contact_left": ("{contact} has left.", "Let them rejoin, or choose another contact."),
    "account_over": ("{account} is over: it is {state}.", "Win it back first."),
    "account_settled": ("{record} belongs to an account already.", "Log a new record for the other account."),
    "lead_converts": (
        "What {lead} becomes is made by its conversion, and stays so.",
        "Use itsm.leads.convert(lead); relate other records by relates_to.",
    ),
    "converted_already": (
        "{lead} became these before: {records}.",
        "Go on with those, and relate what else there is to them.",
    ),
    "off_scale": (
        "The score {value} does not lie on the scale {scale!r}.",
        "Give a whole number from {lowest} to {highest}.",
    ),
    "out_of_bounds": (
        "{field} is out of bounds: {value}.",
        "Give at least {lowest} and at most {highest}.",
    ),
    "bad_currency": (
        "{value!r} is not the currency of an amount.",
        "Give the amount the code of one currency in three capitals, such as EUR.",
    ),
    "bad_email": ("{value!r} is no e-mail address.", "Give one such as jo@acme.example."),
    "several_currencies": (
        "Amounts of different currencies have no sum: {currencies}.",
        'Ask with split="currency".',
    ),
}
