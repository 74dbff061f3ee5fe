"""What every store promises, as tests that a backend's author subclasses."""


class StoreContract:
    """Subclass it with a `make_store` fixture."""
