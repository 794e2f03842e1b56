from collections import Counter

from kubeferry.reasons import OF_OBJECTS, OF_TASKS, advice, meaning


def test_a_reason_is_there_once() -> None:
    for table in (OF_TASKS, OF_OBJECTS):
        assert [
            name for name, times in Counter(one.name for one in table).items() if times > 1
        ] == []


def test_every_error_and_warning_says_what_to_do() -> None:
    silent = [
        one.name
        for one in OF_OBJECTS
        if one.level.startswith(("error", "warning")) and not one.advice
    ]
    assert silent == []


def test_advice_on_a_terminal_is_plain_text() -> None:
    assert advice("StorageClassMissing") == "make one of that name, or say storageClassMapping"
    assert advice("NodesUnmatched") == "change the selector by a modifier, or label nodes"
    assert "docs" not in meaning("OtherProvider")
    assert not any(mark in advice(one.name) for one in OF_OBJECTS for mark in ("`", "]("))


def test_of_an_unknown_reason_nothing_is_said() -> None:
    assert (advice("Nonsense"), meaning("Nonsense")) == ("", "")
