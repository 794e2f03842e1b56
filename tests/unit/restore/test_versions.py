from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.spool import Spool
from kubeferry.restore.versions import Versions, compile_priorities
from kubeferry.vault.reader import EntryPath

GADGET = Identity("gadgets.x.io", "shop", "a")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        yield opened


def serving(*versions: str) -> Discovery:
    return Discovery(
        tuple(Resource("x.io", version, "gadgets", "Gadget", True) for version in versions)
    )


def read(
    spool: Spool, served: list[str], *entries: str, wanted: tuple[str, ...] = ()
) -> tuple[str, list[str]]:
    """The body that is left, which is its version's name, and what is told; the entries come in
    this order: ``v1`` is a copy, ``v1!`` the preferred version's.
    """
    priorities = {GADGET.group_resource: wanted} if wanted else {}
    versions = Versions(spool, serving(*served), priorities)
    preferred = next(one for one in entries if one.endswith("!")).removesuffix("!")
    spool.add(GADGET, preferred.encode())
    for text in entries:
        version = text.removesuffix("!")
        entry = EntryPath(GADGET, version, is_preferred=text.endswith("!"))
        if versions.wants(entry):
            versions.add(entry, version.encode())
    notes = versions.settle()
    body = spool.get(GADGET)
    assert body is not None
    assert spool.count() == 1
    return body.decode(), [note.message for note in notes]


@pytest.mark.parametrize(
    ("entries", "served", "restored"),
    [
        pytest.param(["v2!", "v1"], ["v2", "v1"], "v2", id="the source's, where it is served"),
        pytest.param(["v1!", "v2"], ["v2", "v1"], "v1", id="though the target prefers another"),
        pytest.param(["v1", "v2!"], ["v2", "v1"], "v2", id="in whatever order they come"),
        pytest.param(["v2!", "v1"], ["v1"], "v1", id="the one that both have"),
        pytest.param(["v1", "v2!"], ["v1"], "v1", id="that one, in whatever order"),
        pytest.param(
            ["v3!", "v1alpha1", "v1", "v1beta1"], ["v1beta1", "v1"], "v1", id="the highest of them"
        ),
        pytest.param(["v2!", "v1"], ["v3"], "v2", id="the source's, where none is served"),
        pytest.param(["v2!", "v1"], [], "v2", id="or nobody serves the kind yet"),
    ],
)
def test_the_version_that_is_restored(
    spool: Spool, entries: list[str], served: list[str], restored: str
) -> None:
    body, told = read(spool, served, *entries)
    assert body == restored
    assert len(told) == (f"{restored}!" not in entries)


def test_what_is_told_names_the_kind_and_both_versions(spool: Spool) -> None:
    _, [told] = read(spool, ["v1"], "v2!", "v1")
    assert told == (
        "the target does not serve gadgets.x.io in v2: they are restored from the backup's copies "
        "of version v1"
    )


@pytest.mark.parametrize(
    ("wanted", "served", "restored"),
    [
        pytest.param(("v1",), ["v2", "v1"], "v1", id="the wanted one, though both have the other"),
        pytest.param(("v3", "v1"), ["v2", "v1"], "v1", id="the first that the backup has"),
        pytest.param(("v1beta1", "v1"), ["v2", "v1"], "v1", id="and that the target serves"),
        pytest.param(("v2", "v1"), ["v2", "v1"], "v2", id="the source's preferred one is one too"),
        pytest.param(("v3",), ["v2", "v1"], "v2", id="none of them: as without"),
        pytest.param(("v1beta1",), ["v1beta1", "v1"], "v1beta1", id="before a higher one"),
        pytest.param(("v3",), ["v1beta1", "v1"], "v1", id="none of them: the highest"),
    ],
)
@pytest.mark.parametrize("entries", [["v2!", "v1", "v1beta1"], ["v1beta1", "v1", "v2!"]])
def test_versions_that_are_wanted_come_first(
    spool: Spool, entries: list[str], wanted: tuple[str, ...], served: list[str], restored: str
) -> None:
    body, told = read(spool, served, *entries, wanted=wanted)
    assert body == restored
    assert len(told) == (restored != "v2")


def test_what_was_wanted_is_told(spool: Spool) -> None:
    _, [told] = read(spool, ["v2", "v1"], "v2!", "v1", wanted=("v1",))
    assert told == (
        "the ConfigMap enableapigroupversions prefers another version of gadgets.x.io to v2: they "
        "are restored from the backup's copies of version v1"
    )


def lines(*written: str) -> dict[str, tuple[str, ...]]:
    data = {"restoreResourcesVersionPriority": "\n".join(written)}
    return dict(compile_priorities(data, place="configmap csdr/enableapigroupversions"))


def test_priorities_are_a_line_a_kind() -> None:
    assert lines("gadgets.x.io=v1, v2", "", " pods = v1 ") == {
        "gadgets.x.io": ("v1", "v2"),
        "pods": ("v1",),
    }
    assert compile_priorities({}, place="configmap") == {}


@pytest.mark.parametrize("line", ["gadgets.x.io", "gadgets.x.io=", "=v1", "gadgets.x.io=v1,,v2"])
def test_what_is_no_priority_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(InvalidInput, match=r"line 2, .* is no priority") as caught:
        lines("pods=v1", line)
    assert caught.value.place.endswith("data.restoreResourcesVersionPriority")


def test_a_kind_has_one_line() -> None:
    with pytest.raises(InvalidInput, match=r"line 2, .* names pods a second time"):
        lines("pods=v1", "pods=v2")


def test_a_copy_of_what_the_archive_has_not_is_no_object(spool: Spool) -> None:
    versions = Versions(spool, serving("v1"))
    versions.add(EntryPath(GADGET, "v1", is_preferred=False), b"v1")
    versions.settle()
    assert spool.count() == 0
