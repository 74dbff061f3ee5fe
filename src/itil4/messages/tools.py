"""What is said about value, foreign history and the test kit. See `itil4.messages` for the form."""

TOOLS: dict[str, tuple[str, str]] = {
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
    "no_store": ("There is no store {url!r}.", "Give another address; an import, or connect(), makes one."),
    "page_of_all": (
        "The page of --html has all targets and all records; --target and --by do not apply to it.",
        "Leave them out, or choose --csv or --json.",
    ),
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
    "unknown_term": ("The glossary has no {name!r}.", "Did you mean {nearest}? Ask for one of its terms."),
    "practice_in_use": ("{name!r} is still used by {users}.", "Change those first."),
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
}
