"""What Hypothesis runs when it is imported: it lets `st.from_type` make records of itil4.

It stands beside the package and imports nothing of it, so that `import hypothesis` works, at no cost,
wherever itil4 is installed, even where itil4 itself is broken. The strategies are read when somebody
asks for a type of itil4, or for a type that extends one.
"""


def register() -> None:
    """Ask Hypothesis to ask itil4 about types that it does not know, once itil4 has been imported."""
    try:
        from hypothesis.strategies._internal import types

        types._global_extra_lookup["itil4"] = resolve
    except Exception:  # another version of Hypothesis: itil4.testing.strategies still works when called by name
        return


def resolve(thing: object) -> object:
    """Return the strategy for a type of itil4, or None for any other type."""
    if not isinstance(thing, type) or not any(base.__module__.startswith("itil4.") for base in thing.__mro__):
        return None
    from itil4.testing.strategies import strategy_of

    return strategy_of(thing)
