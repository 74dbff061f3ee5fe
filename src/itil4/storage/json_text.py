"""JSON text: by the standard library, or by orjson where that is installed (`itil4[fast]`); the values are the same.

What orjson would write or read differently goes to the standard library: whole numbers beyond 64 bits,
and whatever it cannot write, so that refusals are the same, too.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_LONG = b"0" * 19
"""A whole number of 19 digits may not fit 64 bits, and orjson would read a floating one."""


class Json(NamedTuple):
    """How values are written and read."""

    dumps: Callable[[Any], str]
    loads: Callable[[str], Any]


def standard() -> Json:
    """Return the standard library's, with the encoder of C made once; `JSONEncoder.encode` makes it at every call."""
    slow = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
    loads = json.JSONDecoder().decode
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return Json(slow.encode, loads)
    fast = make(None, slow.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return Json(lambda value: "".join(fast(value, 0)), loads)


def fastest() -> Json:
    """Return orjson's where it is installed, or else the standard library's."""
    try:
        import orjson
    except ImportError:
        return standard()
    write, read = orjson.dumps, orjson.loads
    options = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
    slow_dumps, slow_loads = standard()

    def dumps(value: Any) -> str:
        try:
            return str(write(value, _plain, options), "utf-8")
        except TypeError:
            return slow_dumps(value)

    def loads(text: str) -> Any:
        encoded = text.encode()
        return slow_loads(text) if _LONG in encoded.translate(_DIGITS) else read(encoded)

    return Json(dumps, loads)


def _plain(value: Any) -> Any:
    """Return a frozen mapping or a named tuple as what it is of."""
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, tuple):
        return tuple(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{value!r} is not plain")
