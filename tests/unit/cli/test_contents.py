import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kubeferry import codec
from kubeferry.cli.contents import How, Wanted, find, narrow, object_lines, parse_name
from kubeferry.cli.kindwords import KindWord
from kubeferry.errors import ArchiveDamaged, ObjectMissing
from kubeferry.kube.names import Identity
from kubeferry.restore.spool import Spool
from kubeferry.vault.inventory import Inventory
from tests.builders import Built, config_map, obj

SETTINGS = Identity("configmaps", "shop", "settings")
SECRET = Identity("secrets", "shop", "settings")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as made:
        made.add(SETTINGS, config_map("shop/settings", a="1").json)
        made.add(SETTINGS._replace(namespace="other"), config_map("other/settings", a="2").json)
        made.add(SECRET, secret().json)
        yield made


def secret() -> Built:
    return obj("v1/Secret", "shop/settings").with_(data={"key": "c2VjcmV0"})


@pytest.mark.parametrize("text", ["", "web", "deployment/", "/web", "deployment/web/x"])
def test_what_names_no_object_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="write KIND/NAME"):
        parse_name(text)


def test_who_writes_the_namespace_in_between_is_told_where_it_goes() -> None:
    with pytest.raises(click.UsageError, match="deploy/web --in-namespace shop"):
        parse_name("deploy/shop/web")


def test_a_name_has_its_kind_before_it() -> None:
    assert parse_name("deployments.apps/web") == ("deployments.apps", "web")


def test_an_object_is_found_in_every_namespace_that_has_it(spool: Spool) -> None:
    wanted = [Wanted(KindWord("secret"), "settings"), Wanted(KindWord("ConfigMap"), "settings")]
    found = find(spool, wanted, backup="b")
    assert found == [SECRET, SETTINGS._replace(namespace="other"), SETTINGS]


def test_an_object_that_is_named_twice_is_shown_once(spool: Spool) -> None:
    wanted = [Wanted(KindWord(word), "settings") for word in ("secret", "secrets")]
    assert find(spool, wanted, backup="b") == [SECRET]


def test_a_named_object_that_is_not_in_it_is_an_error(spool: Spool) -> None:
    with pytest.raises(ObjectMissing, match="holds no pod/settings"):
        find(spool, [Wanted(KindWord("pod"), "settings")], backup="b")


def test_objects_as_yaml(spool: Spool) -> None:
    other = SETTINGS._replace(namespace="other")
    text = "\n".join(object_lines(spool, [SETTINGS, other], How(), []))
    assert list(codec.load_yaml_documents(text)) == [
        config_map("shop/settings", a="1"),
        config_map("other/settings", a="2"),
    ]


def test_several_objects_as_json_are_a_list_and_one_is_itself(spool: Spool) -> None:
    one = json.loads("\n".join(object_lines(spool, [SETTINGS], How("json"), [])))
    assert one == config_map("shop/settings", a="1")
    both = json.loads("\n".join(object_lines(spool, [SETTINGS, SECRET], How("json"), [])))
    assert both["kind"] == "List"
    assert [item["kind"] for item in both["items"]] == ["ConfigMap", "Secret"]


def test_secrets_are_masked_and_it_is_known_which(spool: Spool) -> None:
    for output in ("", "json"):
        hidden: list[Identity] = []
        lines = object_lines(spool, [SETTINGS, SECRET], How(output), hidden)
        assert "c2VjcmV0" not in "\n".join(lines)
        assert hidden == [SECRET]


def test_secrets_are_shown_to_who_asks_for_them(spool: Spool) -> None:
    hidden: list[Identity] = []
    lines = object_lines(spool, [SECRET], How(show_secrets=True), hidden)
    assert "c2VjcmV0" in "\n".join(lines)
    assert not hidden


@pytest.mark.parametrize("body", [b"{", b"[1]"])
def test_what_is_no_object_is_named(spool: Spool, body: bytes) -> None:
    spool.add(SETTINGS, body)
    with pytest.raises(ArchiveDamaged, match="configmaps shop/settings"):
        list(object_lines(spool, [SETTINGS], How(), []))


def test_a_list_is_narrowed_and_what_matches_nothing_is_said() -> None:
    with Inventory() as inventory:
        inventory.add(SETTINGS, config_map("shop/settings").json)
        inventory.add(SECRET, secret().json)
        words = [KindWord("secre*"), KindWord("nix"), KindWord("secert")]
        idle = narrow(inventory, words, ["sh*", "nowhere"])
        assert [held.identity for held in inventory.objects()] == [SECRET]
    assert idle == [
        "the backup holds nothing of kind nix",
        "the backup holds nothing of kind secert; did you mean Secret?",
        "the backup holds nothing in namespace nowhere",
    ]
