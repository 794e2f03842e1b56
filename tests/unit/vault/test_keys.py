import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubeferry.controller.vaultkeys import KeySecret
from kubeferry.errors import InvalidInput
from kubeferry.vault.keys import (
    KEY_BYTES,
    Key,
    KeyRing,
    Trust,
    _decoded,
    export_document,
    new_key,
    read_export,
    read_ring,
    ring_document,
    with_keys,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = bytes(range(KEY_BYTES))
KEY = Key("1f2e3d4c", SECRET, NOW)
LATER = Key("00000000", bytes(KEY_BYTES), NOW + timedelta(days=1))


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1f2e3d4c",
        "key": base64.b64encode(SECRET).decode(),
        "created": "2026-01-02T03:04:05Z",
    } | changes


def test_a_ring_is_read_as_it_was_written() -> None:
    for ring in (KeyRing((KEY, LATER)), KeyRing((KEY,), allow_unsigned=True)):
        assert read_ring(ring_document(ring), place="p") == ring


def test_what_is_written_is_the_documented_form() -> None:
    written = json.loads(ring_document(KeyRing((KEY,), allow_unsigned=True)))
    assert written == {"keys": [entry()], "allowUnsigned": True}


def test_an_exported_ring_takes_along_what_is_the_keys_alone() -> None:
    exported = export_document(KeyRing((KEY,), allow_unsigned=True), vault="minio")
    assert read_export(exported, place="p") == ("minio", KeyRing((KEY,)))


def test_the_newest_key_signs_whatever_its_place() -> None:
    ring = read_ring(ring_document(KeyRing((LATER, KEY))), place="p")
    assert ring.newest == LATER
    assert ring.find(KEY.id) == KEY
    assert ring.find("other") is None


def test_new_keys_are_nobody_elses() -> None:
    keys = [new_key(clock=lambda: NOW) for _ in range(20)]
    assert len({key.secret for key in keys}) == len({key.id for key in keys}) == 20
    assert {len(key.secret) for key in keys} == {KEY_BYTES}


def test_of_two_keys_of_one_second_the_later_one_signs() -> None:
    second = replace(LATER, created=NOW)
    ring = with_keys(KeyRing((KEY,)), [second], place="p")
    assert read_ring(ring_document(ring), place="p").newest == second


@pytest.mark.parametrize("late", [timedelta(), timedelta(seconds=0.9), timedelta(days=-9)])
def test_a_new_key_signs_though_the_clock_is_behind(late: timedelta) -> None:
    ring = KeyRing((KEY, LATER))
    made = new_key(clock=lambda: LATER.created + late, after=ring)
    after = with_keys(ring, [made], place="p")
    assert after.newest == made
    assert read_ring(ring_document(after), place="p") == after


def test_a_key_that_is_there_is_not_there_twice() -> None:
    ring = KeyRing((KEY,), allow_unsigned=True)
    assert with_keys(ring, [KEY], place="p") == ring
    assert with_keys(ring, [LATER, KEY], place="p").keys == (KEY, LATER)


def test_one_id_cannot_mean_two_keys() -> None:
    with pytest.raises(InvalidInput, match="another key has the id 1f2e3d4c"):
        with_keys(KeyRing((KEY,)), [replace(LATER, id=KEY.id)], place="p")


def test_what_is_printed_shows_no_key() -> None:
    document = ring_document(KeyRing((KEY,)))
    as_read = _decoded(document, "p")
    stored = KeySecret("csdr", {"vault": document}, "1")
    for shown in (repr(Trust(KeyRing((KEY,)))), repr(as_read), repr(stored)):
        assert "secret=" not in shown
        assert base64.b64encode(SECRET).decode() not in shown
    assert "1f2e3d4c" in repr(as_read)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"[]", id="another form"),
        pytest.param({"keys": []}, id="no key"),
        pytest.param({"keys": [entry(key="c2hvcnQ=")]}, id="a short one"),
        pytest.param({"keys": [entry(key="?" * 44)]}, id="one that is no base64"),
        pytest.param({"keys": [entry(id="")]}, id="one without an id"),
        pytest.param({"keys": [entry(id="a\nb")]}, id="an id that breaks a line"),
        pytest.param({"keys": [entry(created="yesterday")]}, id="no time"),
        pytest.param({"keys": [entry(), entry()]}, id="two of one id"),
        pytest.param({"keys": [entry(key=[base64.b64encode(SECRET).decode()])]}, id="a list"),
    ],
)
def test_what_is_no_ring_is_refused_and_not_quoted(document: object) -> None:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(InvalidInput) as error:
        read_ring(data, place="secret csdr/csdr-vault-keys, vault minio")
    text = str(error.value)
    assert text.startswith("secret csdr/csdr-vault-keys, vault minio: ")
    assert base64.b64encode(SECRET).decode() not in text
    assert "c2hvcnQ=" not in text
