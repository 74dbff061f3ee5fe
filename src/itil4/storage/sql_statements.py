"""The statements that write and read rows in the tables of one database, put together once for each store."""

from itil4.storage.projections import DueRow
from itil4.storage.protocols import EntryRow, LinkRow, RecordRow
from itil4.storage.tables import Names


class Statements:
    """Every statement with fixed words. Parameters stand in the order of the columns that are named."""

    def __init__(self, names: Names) -> None:
        words = names.words
        quote, mark = words.quote, words.mark
        record, entry, link = names("record"), names("entry"), names("link")
        series, once, due = names("series"), names("once"), names("due")

        def listed(columns: tuple[str, ...]) -> str:
            return ", ".join(map(quote, columns))

        def insert(table: str, columns: tuple[str, ...]) -> str:
            return f"INSERT INTO {table} ({listed(columns)}) VALUES ({', '.join([mark] * len(columns))})"

        def where(*columns: str) -> str:
            return "WHERE " + " AND ".join(f"{quote(each)} = {mark}" for each in columns)

        self.record_columns = listed(RecordRow._fields[:-1])
        self.insert_record = insert(record, ("tenant", *RecordRow._fields[:-1], "folded"))
        self.insert_entry = insert(entry, ("tenant", *EntryRow._fields, "origin_place"))
        self.insert_link = insert(link, ("tenant", *LinkRow._fields))
        self.insert_once = insert(once, ("tenant", "key", "record_id", "seq", "mark"))
        changed = ("state", "category", "version", "updated_at", "schema", "body", "folded")
        sets = ", ".join(f"{quote(each)} = {mark}" for each in changed)
        self.update_record = f"UPDATE {record} SET {sets} {where('tenant', 'id', 'version')}"
        self.redact_entry = (
            f"UPDATE {entry} SET {quote('by')} = {mark}, details = {mark} {where('tenant', 'record_id', 'seq')}"
        )
        self.redact_author = f"UPDATE {record} SET created_by = {mark} {where('tenant', 'id')}"
        self.delete_link = f"DELETE FROM {link} {where('tenant', 'source', 'relation', 'target')}"
        self.bump_links = f"UPDATE {record} SET links = links + {mark} {where('tenant', 'id')}"
        self.load = f"SELECT {self.record_columns} FROM {record} {where('tenant')} AND "
        self.load_one = f"SELECT {self.record_columns} FROM {record} {where('tenant', 'id')}"
        self.held = f"SELECT id, version, links FROM {record} {where('tenant')} AND "
        self.held_order = f" ORDER BY id{words.locking}"
        self.version = f"SELECT version, links FROM {record} {where('tenant', 'id')}"
        self.by_number = f"SELECT id FROM {record} {where('tenant', 'number')}"
        self.entry_columns = listed(EntryRow._fields)
        self.history = f"SELECT {self.entry_columns} FROM {entry} {where('tenant')}"
        self.history_of = f"{self.history} AND record_id = {mark} ORDER BY record_id, seq"
        self.history_of_kind = f"{self.history} AND kind = {mark} ORDER BY record_id, seq"
        self.history_of_all = f"{self.history} ORDER BY record_id, seq"
        self.newest = f"SELECT max(seq) FROM {entry} {where('tenant', 'record_id')}"
        self.origin = (
            f"SELECT origin_system, origin_key, origin_row, record_id FROM {entry} "
            f"{where('tenant', 'origin_system')} AND origin_place IS NOT NULL AND "
        )
        self.links = f"SELECT {listed(LinkRow._fields)} FROM {link} {where('tenant')} AND "
        self.one_link = f"SELECT 1 FROM {link} {where('tenant', 'source', 'relation', 'target')}"
        self.once = f"SELECT {listed(('key', 'record_id', 'seq', 'mark'))} FROM {once} {where('tenant')} AND "
        last = quote("last")
        if words.dialect == "mysql":
            number = f"{insert(series, ('tenant', 'prefix', 'last'))} ON DUPLICATE KEY UPDATE"
            self.next_numbers = f"{number} {last} = {last} + VALUES({last})"
        else:
            number = insert(f"{series} AS held", ("tenant", "prefix", "last"))
            self.next_numbers = (
                f"{number} ON CONFLICT (tenant, prefix) DO UPDATE SET {last} = held.{last} + excluded.{last} "
                f"RETURNING {last}"
            )
        self.last_number = f"SELECT {last} FROM {series} {where('tenant', 'prefix')}"

        columns = listed(DueRow._fields)
        put = insert(due, ("tenant", *DueRow._fields))
        if words.dialect == "mysql":
            self.put_due = put.replace("INSERT INTO", "REPLACE INTO", 1)
        else:
            key = ("record_id", "sort", "name")
            rest = ", ".join(f"{quote(each)} = excluded.{quote(each)}" for each in DueRow._fields if each not in key)
            self.put_due = f"{put} ON CONFLICT (tenant, {listed(key)}) DO UPDATE SET {rest}"
        self.drop_due = f"DELETE FROM {due} {where('tenant', 'record_id')} AND sort IN ('clock', 'timer')"
        self.settle_due = f"DELETE FROM {due} {where('tenant', 'record_id', 'sort', 'name')}"
        self.due_between = (
            f"SELECT {columns} FROM {due} {where('tenant')} AND due_at >= {mark} AND due_at < {mark} "
            "ORDER BY due_at, record_id"
        )
        self.due_falling = (
            f"SELECT {columns} FROM {due} {where('tenant')} AND next_at <= {mark} AND next_at IS NOT NULL "
            f"AND (next_at, record_id, sort, name) > ({', '.join([mark] * 4)}) "
            f"ORDER BY next_at, record_id, sort, name LIMIT {mark}"
        )
        self.due_of = f"SELECT {columns} FROM {due} {where('tenant', 'record_id')} ORDER BY sort, name"
        other = (
            f"SELECT record_id, kind FROM {due} {where('tenant')} AND stamp {{}} {mark} AND record_id > {mark} "
            "AND sort IN ('clock', 'timer')"
        )
        self.due_differing = f"{other.format('<')} UNION {other.format('>')} ORDER BY record_id LIMIT {mark}"
