"""What is said about stores, questions to them, and databases. See `itil4.messages` for the form."""

STORES: dict[str, tuple[str, str]] = {
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
    "not_a_store": (
        "{value} is no store: it lacks {lacks}.",
        "Give an address such as sqlite:///file.db, or an object that keeps itil4.storage.protocols.Store.",
    ),
}
