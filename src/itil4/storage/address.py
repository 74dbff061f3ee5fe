"""Addresses of stores, as they may be shown."""

import re


def shown(url: str) -> str:
    """Return an address as it may be shown: without a password.

    >>> shown("postgresql://desk:secret@host/db")
    'postgresql://desk:***@host/db'
    """
    return re.sub(r"(?<=://)([^/@]*?):[^/]*@", r"\1:***@", url)
