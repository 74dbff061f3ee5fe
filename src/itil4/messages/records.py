"""What is said about records, steps, history and definitions. See `itil4.messages` for the form."""

RECORDS: dict[str, tuple[str, str]] = {
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
    "invalid_value": ("{field} cannot hold {value!r}: {error}.", "Give a value that the rules of its class allow."),
    "unknown_field": (
        "{record} has no field {field!r}.",
        "Did you mean {nearest}? Leave it out, or add it by a subclass or a FieldSet.",
    ),
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
    "several_kinds": (
        "A record of kind {found!r} cannot stand where {expected!r} is needed.",
        "Pass one of kind {expected!r}.",
    ),
    # definitions
    "definition": ("{where}: {text}", "{remedy}"),
    "unknown_name": (
        "{where} names the {what} {name!r}, which is not there.",
        "Did you mean {nearest}? Use one that is there, or define it.",
    ),
    "duplicate": ("{where} has {what} {name!r} twice.", "Keep one of them."),
    "slot_taken": (
        "{first} and {second} both fill the place {slot!r}.",
        "Give one of them its own kind, slot and prefix.",
    ),
    "broken_rule": ("{rule} failed for {record}: {error}", "Mend the rule; the record is untouched."),
    "cannot_import": ("{what} cannot be imported: {error}.", "Name it as package.module:Class, from the right folder."),
    "unknown_practice": (
        "There is no practice {name!r}.",
        "Did you mean {nearest}? Name one that is there, or give its class to connect(practices=...).",
    ),
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
}
