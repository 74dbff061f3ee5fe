"""Plain data: files in, files out, names resolved in a registry, nothing hostile gets further."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itil4.errors import DefinitionError
from itil4.lifecycle import (
    Chosen,
    FieldRule,
    FollowUp,
    In,
    Lifecycle,
    Registry,
    State,
    Timer,
    Transition,
    from_dict,
    guard,
    json_schema,
    load,
    loads,
)


@guard(reads="port")
def in_port(ticket: Any, ctx: Any) -> bool:
    return ticket.port == "Genoa"


def stamp(ticket: Any, ctx: Any) -> dict[str, Any]:
    return {"stamped": True}


FULL = Lifecycle(
    "full", ["a", "b"],
    [
        State("a", "new", label="Ay",
              fields={"x": "mandatory|must_prompt", "*": FieldRule("read_only", exempt="admin")}),
        State("b", "waiting", kind_from="x", fields_from="a",
              timers=[Timer("go", after=timedelta(days=1, hours=4, seconds=1.5), time="service", since="step"),
                      Timer("end", at="due_at")]),
        State("c", "closed", final=True, kind="x",
              fields={"y": [FieldRule("hidden", when={"x": [1, True, "z"]}), FieldRule("read_only", when=in_port)]}),
    ],
    [
        Transition("go", ["a", In("waiting")], "b", roles={"lead", "agent"}, denied="user", requires=["x", "y"],
                   guards=[in_port], effects=[stamp], facts=["links.children"], internal=True, label="Go on",
                   fields={"y": "must_change"},
                   follow_ups=[FollowUp("close", "links.parent_of", "refuse", {"solution": "x"}, ("a",))]),
        Transition("end", "*", Chosen("to", among=["a", "c"])),
    ],
    field="phase", events=["go", "end", "rest"],
)  # fmt: skip
RULES = Registry(guards=[in_port], effects=[stamp])


def test_everything_that_a_definition_says_survives_json() -> None:
    """What is read back is equal, has the same digest and the same plain form."""
    text = json.dumps(FULL.to_dict())
    again = loads(text, "json", RULES)
    assert again == FULL
    assert again.to_dict() == FULL.to_dict()
    assert again.digest == FULL.digest
    assert Lifecycle.from_dict(json.loads(text), FULL) == FULL


@pytest.mark.parametrize(
    "flow",
    [
        Lifecycle("t", "a", [State("a", fields={"x": FieldRule("hidden", when={"y": None})})]),
        Lifecycle("t", "a", [State("a", fields={"x": FieldRule("hidden", when={"y": [None, 0, False]})})]),
        Lifecycle("t", "a", [State("a", fields={"x": FieldRule("hidden", when={})})]),
        Lifecycle("t", "a", [State("a")], [Transition("go", "a", "a", denied=())]),
    ],
)
def test_what_says_nothing_or_asks_for_nothing_survives_json_too(flow: Lifecycle) -> None:
    """A condition may want a field to be empty; no condition and nobody denied are one thing, however written."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    plain = json.loads(json.dumps(flow.to_dict()))
    jsonschema.validate(plain, json_schema())
    assert from_dict(plain) == flow


def test_a_condition_on_what_json_has_no_word_for_is_named() -> None:
    """It would come out as something else, or not at all."""
    flow = Lifecycle("t", "a", [State("a", fields={"x": FieldRule("hidden", when={"due": date(2026, 3, 2)})})])
    with pytest.raises(DefinitionError, match="'x' under 'due'"):
        flow.to_dict()
    assert flow.digest  # which only marks it


def test_a_byte_order_mark_is_no_part_of_a_definition() -> None:
    """Some editors write one in front of every file."""
    text = '\ufeff{"name": "t", "initial": "a", "states": [{"name": "a"}]}'
    assert loads(text) == loads(text.encode()) == Lifecycle("t", "a", [State("a")])


def test_the_plain_form_matches_the_published_schema() -> None:
    """The schema takes what `to_dict` gives, and refuses what `from_dict` refuses."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    assert list(checker.iter_errors(FULL.to_dict())) == []
    for path, value in BAD:
        data = json.loads(json.dumps(FULL.to_dict()))
        put(data, path, value)
        assert list(checker.iter_errors(data)), (path, value)


BAD: list[tuple[tuple[Any, ...], Any]] = [
    (("name",), None), (("name",), 7), (("name",), ""), (("colour",), "red"), (("format",), 2), (("states",), []),
    (("states", 0, "categry"), "new"), (("states", 0, "category"), "actve"), (("states", 0, "final"), "yes"),
    (("states", 0, "fields", "x"), "mandtory"), (("states", 0, "fields", "x"), 7),
    (("states", 0, "fields", "x"), []), (("states", 0, "fields", "*", 0, "exempt"), ""),
    (("states", 2, "fields", "y", 0, "when"), None), (("states", 1, "timers", 0, "after"), "P1DT"),
    (("states", 1, "timers", 0, "after"), "4h"),
    (("states", 1, "timers", 0, "at"), "due_at"), (("transitions", 0, "to"), ["a"]), (("transitions", 0, "from"), []),
    (("transitions", 0, "from"), [{"category": "opn"}]), (("transitions", 0, "guards"), [7]),
    (("transitions", 0, "follow_ups", 0, "on_refusal"), "maybe"), (("transitions", 0, "internal"), 1),
]  # fmt: skip


def put(data: Any, path: tuple[Any, ...], value: Any) -> None:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = value


@pytest.mark.parametrize(("path", "value"), BAD, ids=repr)
def test_a_wrong_key_type_or_word_is_refused_by_name(path: Any, value: Any) -> None:
    """Strict: nothing is coerced, ignored or guessed."""
    data = json.loads(json.dumps(FULL.to_dict()))
    put(data, path, value)
    with pytest.raises(DefinitionError):
        from_dict(data, RULES)


def test_a_rule_is_looked_up_in_the_registry_and_nowhere_else() -> None:
    """A name that the host did not register is unknown, though it may be an import path that exists."""
    data = FULL.to_dict()
    for name in ("os.system", "in_prt", "__import__", "itil4.lifecycle.plain.load"):
        data["transitions"][0]["guards"] = [name]
        with pytest.raises(DefinitionError) as caught:
            from_dict(data, RULES)
        assert caught.value.detail["name"] == name
    data["transitions"][0]["guards"] = ["in_port"]
    with pytest.raises(DefinitionError, match="in_port"):
        from_dict(data)


def test_two_rules_of_one_name_cannot_be_told_apart() -> None:
    """Neither a registry nor a plain form takes them."""
    twice = [Transition("go", "a", "a", guards=[lambda t, c: True, lambda t, c: False])]
    with pytest.raises(DefinitionError, match="<lambda>"):
        Lifecycle("t", "a", [State("a")], twice).to_dict()


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("", "json"), ("[", "json"), ("[" * 100_000, "json"), ("[]", "json"), ("null", "json"),
        ('{"name": NaN}', "json"),
        ('{"name": "a", "name": "b"}', "json"), ("1" * 5_000, "json"), (b"\xff\xfe", "json"), ("name = ", "toml"),
        ("a = 1\na = 2", "toml"), ("x", "yaml"), (" " * (16 * 1024 * 1024 + 1), "json"),
    ],
    ids=str,
)  # fmt: skip
def test_a_text_that_is_no_definition_is_refused_with_a_reason(text: Any, format_: str) -> None:
    """Broken, nested without end, doubled keys, numbers without end, other encodings, too large."""
    with pytest.raises(DefinitionError):
        loads(text, format_)


def test_a_small_file_cannot_make_a_huge_lifecycle() -> None:
    """The arrows that stars and choices would make are counted before any is made."""
    names = [f"s{number}" for number in range(2_000)]
    data = {
        "name": "bomb", "initial": names[0], "states": [{"name": name} for name in names],
        "transitions": [{"event": f"e{n}", "from": "*", "to": {"chosen": "to", "among": names}} for n in range(9)],
    }  # fmt: skip
    with pytest.raises(DefinitionError, match="too large"):
        from_dict(data)
    with pytest.raises(DefinitionError, match="too large"):
        from_dict({"name": "x", "initial": "s", "states": [{"name": "s"}] * 20_001})


def test_json_and_toml_files_load(tmp_path: Path) -> None:
    """The suffix says which; both give the same lifecycle."""
    text = '{"name": "t", "initial": "a", "states": [{"name": "a"}]}'
    (tmp_path / "flow.json").write_text(text, encoding="utf-8")
    (tmp_path / "flow.toml").write_text('name = "t"\ninitial = "a"\n[[states]]\nname = "a"\n', encoding="utf-8")
    assert load(tmp_path / "flow.json") == load(str(tmp_path / "flow.toml")) == Lifecycle("t", "a", [State("a")])
    with pytest.raises(DefinitionError, match="a Registry"):
        load(tmp_path / "flow.json", 7)
    (tmp_path / "flow.yaml").write_text("a", encoding="utf-8")
    with pytest.raises(DefinitionError):
        load(tmp_path / "flow.yaml")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("name", "initial", "states", "transitions", "events", "field", "format")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), anything) | anything)
def test_whatever_json_brings_it_is_a_lifecycle_or_a_definition_error(data: Any) -> None:
    """No other exception leaves the reader."""
    try:
        assert isinstance(from_dict(data), Lifecycle)
    except DefinitionError as error:
        assert error.reasons  # noqa: PT017 - any other error fails the test


def test_a_key_that_is_there_twice_is_named() -> None:
    """JSON would let the later one win without a word."""
    text = '{"name": "t", "initial": "a", "states": [], "transitions": [], "initial": "b"}'
    with pytest.raises(DefinitionError) as caught:
        loads(text)
    assert caught.value.reasons[0].detail["name"] == "initial"
