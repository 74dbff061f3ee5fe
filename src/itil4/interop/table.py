"""Tables of other systems: CSV files, plain or gzipped, read row by row after they were checked as a whole."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs

from itil4.errors import InvalidInput, nearest

_FORMAT = "CSV"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@attrs.frozen
class Table:
    """A CSV file with a header. Nothing is held but the row that is read.

    Attributes:
        path: a `.csv` or `.csv.gz` file.
        encoding: of its text; a byte order mark of UTF-8 is taken away.
        delimiter: between its columns.
    """

    path: Path
    encoding: str = "utf-8"
    delimiter: str = ","

    def check(self) -> tuple[tuple[str, ...], int]:
        """Read it once from end to end; return its header and how many rows follow.

        So a file that breaks somewhere is refused before anything of it is stored.

        Raises:
            InvalidInput: it is no file, empty, not text in that encoding, cut off, or its quotes do not match.
        """
        with self._reading() as rows:
            header = next(rows, None)
            if header is None or not any(header):
                raise self._bad("it is empty.", "Give a file with a header and rows.")
            twice = {name for name in header if header.count(name) > 1}
            if twice:
                raise self._bad(f"the column {sorted(twice)[0]!r} stands there twice.", "Rename one of them.")
            return tuple(header), sum(1 for _ in rows)

    def rows(self) -> Iterator[list[str]]:
        """Go through the rows behind the header."""
        with self._reading() as rows:
            next(rows, None)
            yield from rows

    def columns(self, header: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of the wanted columns.

        Raises:
            InvalidInput: the header lacks some of them.
        """
        lacking = [name for name in wanted if name not in header]
        if lacking:
            raise InvalidInput.of(
                "missing_columns", file=str(self.path), columns=lacking, found=header,
                nearest=nearest(lacking[0], header),
            )  # fmt: skip
        return tuple(map(header.index, wanted))

    @contextmanager
    def _reading(self) -> Iterator[Iterator[list[str]]]:
        try:
            with self._opened() as file:
                rows = csv.reader(file, delimiter=self.delimiter, strict=True)
                try:
                    yield (row for row in rows if row)
                except csv.Error as error:
                    what = str(error).removesuffix(".")
                    raise self._bad(
                        f"line {rows.line_num}: {what}.", "Mend the quotes there, and double those inside a text."
                    ) from error
        except UnicodeDecodeError as error:
            raise self._bad(
                f"line {self._undecodable()} is not {self.encoding} text.",
                "Save it as UTF-8, or name its encoding in a mapping file.",
            ) from error
        except UnicodeError as error:  # a stream without the mark that its encoding begins with
            raise self._bad(f"it is not {self.encoding} text ({error}).", "Name its encoding.") from error
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise self._bad(f"it is no whole gzip file ({error}).", "Fetch it again.") from error
        except LookupError as error:
            raise self._bad(f"{error}.", "Name a known encoding in the mapping file.") from error
        except OSError as error:
            raise self._bad(f"{error.strerror or error}.", "Give a .csv or .csv.gz file that can be read.") from error

    def _opened(self) -> IO[str]:
        encoding = "utf-8-sig" if self.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else self.encoding
        if self._zipped():
            return gzip.open(self.path, "rt", encoding=encoding, newline="")
        return self.path.open(encoding=encoding, newline="")

    def _zipped(self) -> bool:
        with self.path.open("rb") as file:
            start = file.read(2)
        if start in _UTF16 and not self.encoding.lower().replace("_", "-").startswith("utf-16"):
            raise self._bad("it is UTF-16 text.", "Save it as UTF-8, or name its encoding in a mapping file.")
        return start == b"\x1f\x8b"

    def _undecodable(self) -> int:
        """Return the number of the first line that is not text in the encoding."""
        with gzip.open(self.path, "rb") if self._zipped() else self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode(self.encoding)
                except UnicodeDecodeError:
                    return number
        return number

    def _bad(self, error: str, remedy: str) -> InvalidInput:
        return InvalidInput.of("bad_file", file=str(self.path), format=_FORMAT, error=error, remedy=remedy)
