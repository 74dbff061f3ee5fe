"""Finding by words: one answer in memory, in SQLite with FTS5 and without it, whatever is typed."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problem_kit import DESK, Ticking, keeper, known_error, opened

from itil4 import InvalidInput, MemoryStore, SqliteStore
from itil4.practices.known_errors import TEXTS, question
from itil4.storage.query import Compare, Query
from itil4.storage.text_search import PlainWords, finds_words, store_of_words, words_of

WORDS = ["mail", "relay", "noon", "slow", "printer", "jam", "élan", "naïve", "東京", "Größe"]
WORDS += ["ﬁle", "a1", "x-ray", "don't", "हिन्दी"]


def stores(folder: Path) -> list[Any]:
    """A store of each kind: in memory, with FTS5, and with lines of words alone."""
    plain = SqliteStore(folder / "plain.db")
    plain.uses_fts5 = False
    return [MemoryStore(), SqliteStore(folder / "fts.db"), plain]


def filled(folder: Path, texts: list[str], mode: Any = "state") -> list[Any]:
    """The same known errors on each store."""
    made = []
    for store in stores(folder):
        itsm = opened(mode, store)
        for text in texts:
            known_error(itsm, summary=text)
        made.append(itsm)
    return made


def summaries(itsm: Any, text: str, **more: Any) -> list[str]:
    """What a search finds, in order."""
    return [each.summary for each in itsm.known_errors.search(text, **more)]


def test_all_ways_of_searching_give_the_same_set(tmp_path: Path, mode: Any) -> None:
    """Memory, FTS5 and the plain fallback find the same, also after changes and with a limit."""
    pick = random.Random(3)
    texts = [" ".join(pick.choices(WORDS, k=pick.randint(1, 5))) for _ in range(40)]
    made = filled(tmp_path, texts, mode)
    assert [each.house.store.uses_fts5 for each in made[1:]] == [None, False]
    for word in WORDS:
        for asked in (word, word.upper(), f"{word} {pick.choice(WORDS)}"):
            answers = [summaries(each, asked, limit=7) for each in made]
            assert answers[0] == answers[1] == answers[2], asked
    assert made[1].house.store.uses_fts5 is True
    assert summaries(made[0], "relay")
    for itsm in made:
        found = itsm.known_errors.search("printer", limit=1)[0]
        keeper(itsm, found).update(found, summary="Something else entirely", by=DESK)
        known_error(itsm, summary="A printer that is new")
    assert summaries(made[0], "printer") == summaries(made[1], "printer") == summaries(made[2], "printer")
    assert [summaries(each, "entirely") for each in made] == [["Something else entirely"]] * 3
    for itsm in made:
        itsm.close()


HOSTILE = [
    '"', "'", "mail*", "NEAR(mail relay)", "mail OR relay", "-mail", "summary:mail", "mail AND", '"mail', "^mail", "(",
    ")", "mail; DROP TABLE record", "{mail relay}", "%", "_", "\\", "mail\x00relay", "\ud800mail", "a" * 9_999,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_the_syntax_of_a_search_language_means_nothing(tmp_path: Path, text: str) -> None:
    """Whatever is typed is words; the answer is the same on every store, and nothing fails."""
    made = filled(tmp_path, ["mail relay", "relay only", "mail or relay"])
    answers = [summaries(each, text) for each in made]
    assert answers[0] == answers[1] == answers[2]
    assert made[1].known_errors.count() == made[0].known_errors.count()
    for itsm in made:
        itsm.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
def test_no_text_breaks_a_search(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text at all is answered, by both stores alike."""
    cached = getattr(test_no_text_breaks_a_search, "made", None)
    if cached is None:
        cached = filled(tmp_path_factory.mktemp("any"), ["mail relay", "x 1", "Größe"])
        test_no_text_breaks_a_search.made = cached  # type: ignore[attr-defined]
    answers = [summaries(each, text) for each in cached]
    assert answers[0] == answers[1] == answers[2]


def test_a_question_of_ten_megabytes_is_refused_at_once(tmp_path: Path) -> None:
    """A text too long to be a question is refused with its length, before any store sees it."""
    (itsm, *others) = filled(tmp_path, ["mail"])
    for each in (itsm, *others):
        with pytest.raises(InvalidInput, match="10000000 characters, at most 10000 fit"):
            each.known_errors.search("mail " * 2_000_000)
        with pytest.raises(InvalidInput, match="a text"):
            each.known_errors.search(b"mail")
        each.close()
    assert len(question("ab " * 3_000)) == 1


@pytest.mark.parametrize(
    "typed", ["ma\u200bil", "ma\u00adil", "\ufeffmail", "\uff4d\uff41\uff49\uff4c", "MAIL", "m\u2060a\u200di\u200cl"]
)
def test_characters_that_nobody_sees_change_nothing(tmp_path: Path, typed: str) -> None:
    """Zero-width and soft characters, width and case are not part of a word, in the question or in the record."""
    for itsm in filled(tmp_path, ["The mail is down", f"{typed} again"]):
        assert summaries(itsm, typed) == summaries(itsm, "mail") == [f"{typed} again", "The mail is down"]
        itsm.close()


def test_a_question_without_words_finds_nothing_and_no_question_lists_all(tmp_path: Path) -> None:
    """Marks alone are no question; without a text the filters alone decide."""
    for itsm in filled(tmp_path, ["mail", "relay"]):
        assert summaries(itsm, "***") == summaries(itsm, "\u200b") == []
        assert len(itsm.known_errors.search()) == 2
        assert itsm.known_errors.search(service="nothing") == ()
        itsm.close()


def test_filters_go_with_the_words(itsm: Any) -> None:
    """Category, service and item narrow the search, and a value of the wrong type is refused."""
    for service, item in (("mail", "relay-1"), ("mail", "relay-2"), ("print", None)):
        known_error(itsm, summary="It is slow", service=service, item=item)
    assert [each.item for each in itsm.known_errors.search("slow", service="mail")] == ["relay-2", "relay-1"]
    assert [each.item for each in itsm.known_errors.search("slow", item="relay-1")] == ["relay-1"]
    assert len(itsm.known_errors.search("slow", category="software")) == 3
    assert [each.item for each in itsm.known_errors.search("relay 1")] == ["relay-1"]
    with pytest.raises(InvalidInput):
        itsm.known_errors.search("slow", service=7)
    with pytest.raises(InvalidInput):
        itsm.known_errors.search("slow", limit=0)


def test_a_file_that_was_searched_keeps_its_words_whoever_writes(tmp_path: Path) -> None:
    """The words are kept by the file itself: another connection that never searched writes, and is found."""
    first = opened("state", f"sqlite:///{tmp_path}/desk.db", Ticking())
    known_error(first, summary="mail")
    assert summaries(first, "mail") == ["mail"]
    second = opened("state", f"sqlite:///{tmp_path}/desk.db", Ticking())
    known_error(second, summary="mail again")
    assert summaries(first, "mail") == ["mail again", "mail"]
    first.close()
    third = opened("state", f"sqlite:///{tmp_path}/desk.db", Ticking())
    store = third.house.store
    assert finds_words(store)
    rows = store_of_words(store).find_words("", Query("problem"), ("summary",), ("again",))
    assert len(rows) == 1
    assert summaries(third, "software mail") == ["mail again", "mail"]
    second.close()
    third.close()


def test_no_search_crosses_the_tenant(tmp_path: Path) -> None:
    """Words of one organization are not found, nor counted, by another on the same file."""
    import itil4

    ours, theirs = (itil4.connect(f"sqlite:///{tmp_path}/desk.db", tenant=name) for name in ("ours", "theirs"))
    known_error(ours, summary="mail")
    assert len(ours.known_errors.search("mail")) == 1
    assert theirs.known_errors.search("mail") == ()
    for store in (store_of_words(theirs.house.store), PlainWords(theirs.house.store)):
        assert dict(store.count_words("theirs", "problem", TEXTS, ("mail",), 9)) == {"mail": 0}
        assert dict(store.count_words("ours", "problem", TEXTS, ("mail", "x"), 9)) == {
            "mail": 1,
            "x": 0,
        }
    ours.close()
    theirs.close()


def test_words_are_what_people_read() -> None:
    """Letters with their marks stay together; everything else separates; each word counts once."""
    assert words_of("Don't x-ray हिन्दी, हिन्दी!") == ("don", "t", "x", "ray", "हिन्दी")
    assert words_of("E\u0301lan") == words_of("élan") == ("élan",)


def test_a_store_that_cannot_find_words_is_read_through() -> None:
    """The plain way works for any store, and keeps the conditions of the query."""
    itsm = opened("state")
    known_error(itsm, summary="mail")
    found = store_of_words(itsm.house.store)
    assert isinstance(found, PlainWords)
    where = Compare("state", "eq", "closed")
    assert found.find_words("", Query("problem", where), TEXTS, ("mail",)) == []
