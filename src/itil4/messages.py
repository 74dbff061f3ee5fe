"""The one catalogue of what the library says to people: code -> sentence and remedy.

Code compares codes, never sentences. A host in another language renders the same reason
through its own catalogue:

>>> from itil4.errors import Reason
>>> reason = Reason.of("missing", event="resolve", fields=("resolution",))
>>> render(reason.code, reason.detail, {"missing": ("Es fehlt: {fields}.", "")})
('Es fehlt: resolution.', '')
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

Catalogue: TypeAlias = Mapping[str, tuple[str, str]]
"""Message code -> (what happened and why, what to do now), both with named values."""

ENGLISH: Catalogue = {
    # a step that is refused, in the order in which reasons are given
    "unknown_event": ("{lifecycle} has no step {event!r}.", "Did you mean {nearest}? Its steps: {events}."),
    "wrong_state": ("{event!r} is not possible from {state!r}, only from {sources}.", "Possible now: {events}."),
    "internal": ("{event!r} is fired by the system, not by {actor!r}.", "Let a system actor fire it."),
    "role": ("{event!r} is not for {actor!r} with the roles {has}.", "It needs one of: {needs}."),
    "denied": ("{event!r} is denied to {actor!r} as {denied}.", "Ask somebody who is not {denied}."),
    "ill_typed": ("{field} is {expected}, not {value!r}.", "Give {expected}."),
    "naive_datetime": (
        "{field} has no time zone: {value!r}.",
        "Give an aware datetime, such as one with tzinfo=timezone.utc.",
    ),
    "not_a_choice": ("{field} cannot be {value!r}.", "Did you mean {nearest}? Choose one of: {choices}."),
    "too_long": ("{field} has {length} characters, at most {limit} fit.", "Shorten it, or keep it as an attachment."),
    "control_character": ("{field} contains the character {character}, which is not text.", "Remove it."),
    "several_lines": (
        "{field} is one line, but the value has a line break.",
        "Put the details into a longer text field.",
    ),
    "blank": ("{field} is required and may not be empty.", "Give it a text."),
    "unknown_field": ("{record} has no field {field!r}.", "Did you mean {nearest}?"),
    "missing": ("{event!r} still needs: {fields}.", "Give the missing fields with the step."),
    "guard": ("{event!r} is held back by {guard}: {text}", "{remedy}"),
    "field_rule": ("{field} is {rule} here.", "{remedy}"),
    "stale": (
        "{record} has moved on: version {found} is stored, {expected} was expected; {changed_by} did {changed} last.",
        "Read it again and repeat what you want to do.",
    ),
    # records, history and links
    "reserved_name": ("{record} cannot have a field {field!r}: the verbs use that name.", "Choose another name."),
    "unsupported_type": ("{record}.{field} has the type {type}, which records cannot hold.", "Use {supported}."),
    "unresolved_type": (
        "{record}.{field}: the annotation cannot be resolved ({error}).",
        "Import the name at module level.",
    ),
    "tampered": (
        "The {record} passed in differs from the stored one in: {fields}.",
        "Change fields with update and state with a step, and pass what those return.",
    ),
    "foreign_record": ("{value} is no {record} of this practice.", "Pass the {record}, its number or its id."),
    "not_found": ("There is no {record} {value!r} that {actor} may see.", "Check the number or id."),
    "ambiguous_number": (
        "{value!r} names two records: {own} here, and {foreign} of {system}.",
        "Use the id, or {system}:{value} for the imported one.",
    ),
    "taken": ("{what} {value!r} is taken by {holder}.", "Use that record, or another {what}."),
    "once_differs": ("once={value!r} was used for {first}, not for {second}.", "Use one key for one step only."),
    "out_of_order": (
        "{event!r} at {at} lies before the last entry at {last}.",
        "Give a later time, or make a correction.",
    ),
    "future": ("{event!r} at {at} lies in the future; it is {now}.", "Give the time at which it happened."),
    "time_order": ("{earlier} ({earlier_at}) lies after {later} ({later_at}).", "Correct one of the two times."),
    "unknown_relation": ("There is no relation {relation!r}.", "Did you mean {nearest}? Relations: {relations}."),
    "self_link": ("{record} cannot be linked to itself.", "Link it to another record."),
    "link_ends": ("{relation!r} does not go from {source} to {target}.", "It goes {allowed}."),
    "link_exists": ("{source} already has the link {relation!r} to {target}.", "Nothing needs doing."),
    "link_missing": ("{source} has no link {relation!r} to {target}.", "Its links: see links()."),
    "link_single": ("{source} already has a {relation!r} link, and can have one only.", "Unlink that one first."),
    "link_cycle": ("{source} {relation} {target} closes a circle.", "Unlink one of the records in between."),
    "no_actor": ("Nobody stands behind {event!r}.", "Pass by=, or use acting(by=...) or unit(by=...)."),
    "not_active": ("{person!r} is not active.", "Choose somebody whom the directory knows as active."),
    "merged": ("{source} cannot be merged: {text}", "{remedy}"),
    "several_kinds": ("A record of kind {found!r} cannot stand where {expected!r} is needed.", "Pass a {expected}."),
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
    # definitions
    "definition": ("{where}: {text}", "{remedy}"),
    "unknown_name": ("{where} names the {what} {name!r}, which is not there.", "Did you mean {nearest}?"),
    "duplicate": ("{where} has {what} {name!r} twice.", "Keep one of them."),
    "slot_taken": (
        "{first} and {second} both fill the place {slot!r}.",
        "Give one of them its own kind, slot and prefix.",
    ),
    "broken_rule": ("{rule} failed for {record}: {error}", "Mend the rule; the record is untouched."),
    "cannot_import": ("{what} cannot be imported: {error}.", "Name it as package.module:Class, from the right folder."),
    "unknown_practice": ("There is no practice {name!r}.", "Did you mean {nearest}?"),
    # queries and figures
    "not_indexed": (
        "{record} cannot be found or ordered by {field!r}.",
        "Declare it in `indexed`. Indexed: {indexed}.",
    ),
    "bad_operator": ("{field} cannot be compared with {operator!r}.", "Use one of: {operators}."),
    "bad_cursor": (
        "The page mark {value!r} does not belong to this list.",
        "Take `next` or `previous` of the page before.",
    ),
    "bad_limit": ("limit is a whole number from 1 to {most}, not {value!r}.", "Give such a number."),
    # figures
    "nothing_measured": (
        "{figure} cannot be told: no record stands behind it, or none to compare with.",
        "Choose a longer period, and see what was left out.",
    ),
    "bad_period": ("The period ends at {until}, before it begins at {since}.", "Swap the two times."),
    "bad_split": (
        "{record} figures cannot be split by {field!r}.",
        "Did you mean {nearest}? Choose a field that holds one plain value.",
    ),
    "bad_figure": ("The figure {figure} cannot be {value!r}.", "Fold it to a {unit}: see `Figure`."),
    # stores
    "bad_url": ("{value!r} is not the address of a store.", "Use sqlite:///file.db, or pass a store."),
    "missing_extra": ("{what} needs the package {package}.", "Run: pip install 'itil4[{extra}]'"),
    "store_failed": ("The store could not {action}: {error}", "{remedy}"),
    "store_closed": ("The store is closed.", "Connect again."),
    "schema_too_new": ("{what} was written by a later version: schema {found}, known up to {known}.", "Upgrade itil4."),
    "unknown_kind": (
        "The store holds {kind} records, and no practice here knows them.",
        "Connect with practices=[...] that does.",
    ),
    "broken_row": ("The stored row of {record} cannot be read: {error}", "Give its fields a default or an upcaster."),
    # stores: batches, units and files
    "broken_batch": (
        "The entries of {record} do not lead to its version: {found} does not follow.",
        "Take every change through a practice.",
    ),
    "stale_links": (
        "The links of {record} have moved on: {changed_by} did {changed} last.",
        "Read it again and repeat what you want to do.",
    ),
    "unstorable": ("{record} cannot be stored: {error}", "Give {field} a value that it can hold."),
    "unit_over": ("The unit of work is over, and {action} would be lost.", "Open a new one with unit()."),
    "foreign_file": (
        "{path} is a SQLite file of something else; it has the tables {tables}.",
        "Give another path, or an empty file.",
    ),
    # foreign history
    "bad_file": ("{file} cannot be read as {format}: {error}", "{remedy}"),
    "missing_columns": (
        "{file} lacks the columns {columns}.",
        "Did you mean {nearest}? Name the right columns in a mapping file.",
    ),
    "bad_mapping": ("The mapping {file}: {text}", "{remedy}"),
    "bad_columns": ("The row has {found} columns, the header has {wanted}.", "Check the row's quotes and commas."),
    "foreign_state": ("The state {value!r} is not in the mapping.", "Add it to states. Did you mean {nearest}?"),
    "foreign_word": ("{column} is {value!r}, which is not in the mapping of {field}.", "Add it to its values."),
    "no_key": ("The row has no {column}, so it belongs to no record.", "Complete the row."),
    "bad_time": ("{value!r} is not a time of the form {form!r}.", "Correct it, or time_format in the mapping."),
    "skipped_time": ("{value!r} does not exist in {zone}: the clocks went forward.", "Check the zone."),
    "no_store": ("There is no store {url!r}.", "Import something first, or give another address."),
    "import_elsewhere": (
        "Another import of {file} into this store went on at the same time; what was added is kept.",
        "Wait for it to end, and run the same command again.",
    ),
    # value
    "negative": ("{field} cannot be negative: {value!r}.", "Give zero or more."),
    "not_positive": ("{field} must be more than zero, not {value!r}.", "Give a positive number."),
    "none_given": ("{field} is empty, and needs at least one.", "Give one or more."),
    "practice_taken": (
        "There is a practice {name!r} already ({holder}).",
        "Give your own practice another id and name; the 34 built in stay as they are.",
    ),
    "practice_built_in": (
        "{name!r} is one of the 34 practices of ITIL 4, which stay.",
        "Only your own can be taken out.",
    ),
    "overloaded": (
        "{arrivals} arrivals reach the {most} that a capacity of {servers} can do: the queue would grow for ever.",
        "Use a capacity of at least {enough}, or fewer arrivals.",
    ),
    "two_of_three": ("Two of {fields} are needed, not {given}.", "Give exactly two; the third follows."),
    "undefined": ("{wanted} cannot be told while {field} is zero.", "Give a {field} of more than zero."),
    "part_exceeds": ("{part} ({value}) is longer than {whole} ({limit}).", "Correct one of the two."),
    "two_steps": (
        "The state {state!r} of {practice} lies in two steps: {first!r} and {second!r}.",
        "Keep one of them.",
    ),
    "empty_window": ("The window from {start} to {end} has no time in it.", "Let it end after it starts."),
    "no_lead_time": (
        "{figure} is not known: no case finished in the window, or none took any time.",
        "Widen the window.",
    ),
    "more_than_lead": (
        "{figure} is not known: it would be more than the whole lead time.",
        "Check the recorded times.",
    ),
    "no_categories": ("{figure} is not known: part of the time is in places of no category.", "Give their categories."),
    "no_touches": ("{figure} is not known: no hands-on time was recorded.", "Record `touched` with observations."),
    "nobody_judged": ("{figure} is not known: no receiver judged what came.", "Record `accepted` with observations."),
    "no_stream": ("{figure} is not known: only a stream says which steps add value.", "Observe with a stream."),
    "out_of_time_order": (
        "{count} cases came out of time order and were sorted.",
        "Check how the history was recorded.",
    ),
    "equal_times": ("{count} observations share their time with the one before; their given order was kept.", ""),
    "no_step": (
        "The places {places} lie in no step of {stream!r}; each was taken as a place of its own.",
        "Name them in a step's states.",
    ),
    "no_states": (
        "The stream {stream!r} names no states of a practice that is here.",
        "Say with its steps in which states of whose records a case is there.",
    ),
    "bottleneck_queue": ("{share:.0%} of all time in queues is spent before {step!r}.", "Look there first."),
    "bottleneck_busy": ("{step!r} is busy {share:.0%} of the time, more than any other step.", "Look there first."),
    "bottleneck_time": ("{share:.0%} of all lead time is spent in {step!r}.", "Look there first."),
    "no_working_time": ("{step!r} of {stream!r} has no working time.", "Give one for each step in `service`."),
    "bad_odds": (
        "The odds of going on from {step!r} are {odds}.",
        "Each lies from 0 to 1, and their sum is at most 1.",
    ),
    "few_samples": (
        "{count} periods are too few to forecast from; {least} are needed.",
        "Count finished items over more periods, or over shorter ones.",
    ),
    "no_throughput": (
        "Nothing was finished in any of the {count} periods.",
        "Forecast from periods with finished items.",
    ),
    "one_question": ("A forecast answers one question, not: {given}.", "Give either items or periods."),
    "output_not_outcome": (
        "{output!r} is an output of {service!r}, which is not an outcome.",
        "Say what a stakeholder achieves with it.",
    ),
    "same_unit": ("{unit!r} cannot provide a service to itself.", "Name the units on the two sides."),
    "no_holder": ("Nobody in the agreement is {role}.", "Name one; one person may hold several roles."),
    "not_monitored": (
        "{monitor!r} of the directive {directive!r} has not been monitored since {since}.",
        "Look at it.",
    ),
    "not_consumer_side": (
        "{stakeholder!r} is on the side {side!r} and cannot confirm an outcome.",
        "Ask somebody on the consumer's side.",
    ),
    "unlike_units": ("{first} and {second} cannot be added.", "Convert one of them first, at a rate that you state."),
    "not_reversible": (
        "The posting {posting!r} cannot take back {reverses!r}.",
        "Take back an earlier posting once, with the same stakeholder, kind, amount and service.",
    ),
    "unknown_term": ("The glossary has no {name!r}.", "Did you mean {nearest}?"),
    "practice_in_use": ("{name!r} is still used by {users}.", "Change those first."),
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
    # the test kit
    "bad_story": ("The story {text!r} cannot be read at {place}.", "Expected there: {expected}."),
    "bad_policy": ("The policy {policy} cannot work: {text}.", "{remedy}"),
    "no_values": (
        "The test kit knows no value for the field {field!r} of {record}.",
        "Give some: domains={{'{field}': [...]}}, or examples = {{'{field}': [...]}} in the practice.",
    ),
    # strategies and contract of the test kit
    "no_strategy": (
        "{record}.{field} holds {type}, and nothing is known that makes such values.",
        "Call hypothesis.strategies.register_type_strategy({type}, ...), or pass values= with one for the field.",
    ),
    "no_practice": (
        "No practice keeps records of the type {record}.",
        "Write a Practice with record = {record}, or pass one: records(YourPractice).",
    ),
    "no_birth": (
        "No {record} can be recorded by {practice}.log: {error}",
        "Pass values= with strategies of fields that fit together, or roles= with roles that may.",
    ),
    "no_story": ("No sequence of steps leads a {record} to {state!r}.", "Reachable are: {states}."),
    # the outbox
    "no_outbox": (
        "The store {store} cannot keep an outbox.",
        "Use one that implements itil4.storage.outbox.KeepsOutbox and lists it among its capabilities.",
    ),
    "outbox_off": (
        "The store keeps no outbox, so there is nothing to hand out or to acknowledge.",
        "Connect with outbox=True: entries are kept for relays from then on.",
    ),
    "bad_lease": ("A lease takes some time, and no more than 366 days; {value!r} does not.", "Give such a timedelta."),
    # what becomes of records and history later: redaction, correction, the past, other versions
    "not_redactable": (
        "{field} has to hold something and is {type}, so it cannot be redacted.",
        "Correct it to a value that says nothing about anybody.",
    ),
    "redaction_alone": (
        "A redaction of {record} and another change of it cannot happen in one unit of work.",
        "Commit the one first.",
    ),
    "nothing_named": ("{event!r} says nothing to work on.", "Name at least one of: {choices}."),
    "broken_history": (
        "The history of {record} cannot be read: {error}",
        "Let upcasters read with get and pop(name, default): in history a field at its default may be missing.",
    ),
    "run_in_unit": (
        "A unit of work cannot be handed to a thread: this desk is in one.",
        "Call run on the service management itself.",
    ),
    "past": (
        "{event!r} is not possible: this desk shows how things stood at {moment}, and is for reading only.",
        "Do it on the service management itself.",
    ),
    "bad_moment": ("{moment} lies in the future; it is {now}.", "Give a moment that has been."),
    "states_in_the_way": (
        "{count} records of {kind} are in states that {lifecycle!r} no longer has ({states}), such as {records}.",
        "Say with state_mapping where they belong, on the practice or for connect(): dict(old='new').",
    ),
    "not_the_replay": (
        "{record} is not what its history rebuilds; they differ in: {fields}.",
        "See verify(), and correct the record first.",
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
    "unknown_item": ("The graph has no item {item!r}.", "Did you mean {nearest}?"),
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
    # databases
    "contended": (
        "Others were writing {record} or what it rests on at the same time, and the database let them go first.",
        "Read it again and repeat what you want to do.",
    ),
    "commit_unknown": (
        "The connection broke while the database was asked to commit, so it is not known whether it did: {error}",
        "Read the records again; a once= key makes repeating a step safe.",
    ),
    "unknown_dialect": (
        "There are no tables for the database {dialect}; there are for: {dialects}.",
        "Did you mean {nearest}? Give one of these.",
    ),
    "bad_prefix": (
        "{value!r} cannot stand in the names of tables.",
        "Use up to 30 letters, digits and underscores.",
    ),
    "tables_missing": (
        "The database lacks the tables or indexes {missing}, which its owner makes.",
        "Run what itil4.storage.ddl({dialect!r}, ...) returns in a migration, or leave out owned_by_host.",
    ),
    "join_what": (
        "{value} cannot be joined.",
        "Give a connection of SQLAlchemy, Django, psycopg, sqlite3 or PyMySQL.",
    ),
    "join_elsewhere": (
        "The connection is one to {found}, and this store is on {expected}.",
        "Give a connection to the database that has its tables.",
    ),
    "join_nothing": (
        "The store {store} has no tables in a host's database, so no transaction of a host can hold its writes.",
        "Connect to an itil4.storage.SqlAlchemyStore on that database.",
    ),
    "join_no_transaction": (
        "The connection is in no transaction, so there is nothing to join.",
        "Begin one first: transaction.atomic() in Django, begin() elsewhere.",
    ),
    "join_in_unit": ("A unit of work is open already on this desk.", "Call join() on the service management itself."),
    "committed_early": (
        "The joined unit has not ended, so nobody can be told yet what it wrote.",
        "Call committed() when the host's transaction has committed.",
    ),
    "retry_in_unit": (
        "Inside a unit of work a repetition would see the same records again.",
        "Call retry() on the service management itself, and let it open the unit.",
    ),
    "gave_up": ("It was tried {attempts} times.", "Try again later, or with more attempts."),
    "unknown_scheme": (
        "No backend opens addresses that begin with {scheme}://; known here are: {schemes}.",
        "Did you mean {nearest}? Install the package that has it, or pass a store.",
    ),
    "broken_backend": (
        "The backend {home} of {scheme}:// cannot be loaded: {error}",
        "Ask those who made the package, or pass a store.",
    ),
    "no_store": (
        "{value} is no store: it lacks {lacks}.",
        "Give an address such as sqlite:///file.db, or an object that keeps itil4.storage.protocols.Store.",
    ),
}


def render(code: str, detail: Mapping[str, Any], catalogue: Catalogue = ENGLISH) -> tuple[str, str]:
    """Return the sentence and the remedy of `code`, with its values filled in.

    A remedy that names a value which is not there (no near miss, say) loses that sentence and keeps
    the rest. A code that the catalogue lacks falls back on English, and then on the code itself.
    """
    text, remedy = catalogue.get(code) or ENGLISH.get(code) or (code, "")
    values = {name: _listed(value) for name, value in detail.items()}
    sentences = [part for part in remedy.replace("? ", "?\n").replace(". ", ".\n").split("\n") if part]
    kept = [part.format_map(values) for part in sentences if _complete(part, values)]
    return text.format_map(_Lenient(values)), " ".join(part for part in kept if part)


class _Lenient(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def _complete(sentence: str, values: Mapping[str, Any]) -> bool:
    names = [part.split("}")[0].split("!")[0] for part in sentence.split("{")[1:]]
    return all(values.get(name) not in (None, "") for name in names)


def _listed(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return ", ".join(str(item) for item in value) or "none"
    return value
