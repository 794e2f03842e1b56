import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeferry.kube.names import Identity
from kubeferry.restore.spool import Spool

A = Identity("configmaps", "shop", "a")
B = Identity("configmaps", "shop", "b")
OTHER = Identity("configmaps", "other", "a")
POD = Identity("pods", "shop", "a")
NAMESPACE = Identity("namespaces", "", "shop")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        yield opened


def test_objects_are_walked_by_namespace_and_name_whatever_their_order(spool: Spool) -> None:
    for identity in (B, POD, OTHER, A):
        spool.add(identity, str(identity).encode())
    assert list(spool.walk("configmaps")) == [
        (OTHER, b"configmaps other/a"),
        (A, b"configmaps shop/a"),
        (B, b"configmaps shop/b"),
    ]
    assert list(spool.walk("secrets")) == []
    assert spool.count() == 4


def test_of_two_entries_of_one_object_the_last_one_wins(spool: Spool) -> None:
    spool.add(A, b"first")
    spool.add(B, b"between")
    spool.add(A, b"second, and longer")
    assert spool.get(A) == b"second, and longer"
    assert spool.get(B) == b"between"
    assert spool.count() == 2


def test_what_is_added_after_a_read_is_read_too(spool: Spool) -> None:
    spool.add(A, b"a")
    assert spool.get(A) == b"a"
    spool.add(B, b"b")
    assert spool.get(B) == b"b"
    assert spool.get(POD) is None


def test_kinds_come_in_the_restore_s_order(spool: Spool) -> None:
    for kind in ("deployments.apps", "pods", "namespaces", "zebras.x", "secrets"):
        spool.add(Identity(kind, "", "x"), b"{}")
    assert spool.kinds() == ["namespaces", "secrets", "pods", "deployments.apps", "zebras.x"]


def test_namespaces_are_those_that_objects_are_in(spool: Spool) -> None:
    for identity in (A, OTHER, NAMESPACE):
        spool.add(identity, b"{}")
    assert spool.namespaces() == {"shop", "other"}
    assert list(spool.names("namespaces")) == [("", "shop")]


def test_namesakes_are_of_one_kind_and_name_in_two_namespaces(spool: Spool) -> None:
    for identity in (A, B, OTHER, POD):
        spool.add(identity, b"{}")
    assert list(spool.namesakes(["other", "shop"])) == [OTHER, A]
    assert list(spool.namesakes(["shop", "nowhere"])) == []
    many = [f"ns-{number}" for number in range(40_000)]
    assert list(spool.namesakes(["other", "shop", *many])) == [OTHER, A]


def test_objects_are_found_by_how_their_names_begin(spool: Spool) -> None:
    names = ("web", "web-1", "web-10", "web1", "we", "web-\u00e9")
    for identity in (A, *(A._replace(name=name) for name in names)):
        spool.add(identity, b"{}")
    spool.add(OTHER._replace(name="web-2"), b"{}")
    found = spool.namesakes_of("configmaps", "shop", "web-")
    assert [one.identity.name for one in found] == ["web-1", "web-10", "web-\u00e9"]
    assert list(spool.namesakes_of("pods", "shop", "web-")) == []


def test_what_was_written_and_is_not_seen_again_is_found(spool: Spool) -> None:
    written = ("created", "updated")
    for kind, where, action in (
        ("v1/Pod", "shop/a", "created"),
        ("v1/Pod", "shop/b", "updated"),
        ("v1/Pod", "shop/c", "skipped"),
        ("v1/Secret", "shop/a", "failed"),
    ):
        spool.note_result(kind, where, action)
    assert spool.written_types(written) == ["v1/Pod"]
    spool.see("v1/Pod", "shop/a")
    spool.see("v1/Pod", "shop/elsewhere")
    assert spool.unseen("v1/Pod", written) == [("shop/b", "updated")]
    spool.correct_result("v1/Pod", "shop/b", "failed")
    assert spool.unseen("v1/Pod", written) == []
    assert ("v1/Pod", "shop/b", "failed") in list(spool.results())


def test_what_an_earlier_run_did_is_remembered(spool: Spool) -> None:
    assert spool.done(A) is None
    spool.mark_done(A, "created")
    spool.mark_done(A, "skipped")
    assert spool.done(A) == "created"
    assert spool.done(POD) is None


def test_hooks_of_an_earlier_run_are_counted_once(spool: Spool) -> None:
    assert spool.hooks_done(POD) == 0
    assert [spool.note_hook(POD, number) for number in (0, 1, 0)] == [True, True, False]
    assert spool.hooks_done(POD) == 2
    assert spool.hooks_done(POD._replace(namespace="elsewhere")) == 0


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    with Spool(parent=tmp_path) as spool:
        spool.add(A, b"x")
        assert [path for path in tmp_path.rglob("*") if path.is_file()]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from kubeferry.restore.spool import Spool\n"
        "spool = Spool(parent=Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    [dead] = tmp_path.iterdir()
    with Spool(parent=tmp_path):
        assert not dead.exists()
        [living] = tmp_path.iterdir()
        with Spool(parent=tmp_path):
            assert living.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_kept_is_still_known_by_kind_and_name(spool: Spool) -> None:
    kept, left = Identity("pods", "a", "web"), Identity("pods", "b", "web")
    for one in (kept, left, Identity("secrets", "a", "x")):
        spool.add(one, str(one).encode())
    assert list(spool.dropped("pods", "web")) == []
    spool.keep(kept)
    spool.drop_others()
    assert spool.count_dropped() == 2
    assert spool.dropped_kinds() == ["pods", "secrets"]
    assert list(spool.dropped("pods", "web")) == [(left, str(left).encode())]
    assert list(spool.dropped("configmaps", "web")) == []
    assert spool.get(left) is None


def test_what_a_retry_forgets_is_still_known_by_what_became_of_it(spool: Spool) -> None:
    for name, action in {"web-0": "created", "web-1": "skipped", "web-2": "failed"}.items():
        spool.add(Identity("pods", "a", name), name.encode())
        spool.hint(Identity("pods", "a", name), action)
    spool.add(Identity("secrets", "a", "web-0"), b"another kind")
    assert spool.forget_hinted({"failed"}) == 1
    assert [one.body for one in spool.namesakes_of("pods", "a", "web-")] == [b"web-2"]
    assert spool.forgotten(Identity("pods", "a", "web-1")) == b"web-1"
    assert spool.forgotten(Identity("pods", "a", "web-2")) is None
    made = list(spool.forgotten_namesakes_of("pods", "a", "web-", {"created"}))
    assert made == [(Identity("pods", "a", "web-0"), b"web-0")]
    assert list(spool.forgotten_namesakes_of("secrets", "a", "web-", {"created"})) == []
    assert list(spool.forgotten_namesakes_of("pods", "a", "db-", {"created"})) == []
