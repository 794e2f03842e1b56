import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from kubeferry.backup.preview import Preview
from kubeferry.cli.plan_view import Look
from kubeferry.cli.preview_view import Found, preview_json, preview_lines, related_lines
from kubeferry.cli.prospects import Prospects
from kubeferry.kube.names import Identity
from kubeferry.report import Problem
from kubeferry.vault.writer import Entry

FOUND = Found(
    backup="shop-1",
    vault="vault",
    cluster="here",
    namespaces=["shop"],
    left_out={"being deleted": 2, "made by others": 1200},
    problems=[
        Problem("warning", "NothingSelected", "selects nothing", "", "x*"),
        Problem("error", "Forbidden", "could not be read", "shop", "secrets"),
    ],
    kinds_left_out=[
        *((f"k{number}.x.io", "cluster-scoped") for number in range(6)),
        ("events", "made by others"),
    ],
)
CLAIM = Identity("persistentvolumeclaims", "shop", "data")
VOLUME = Identity("persistentvolumes", "", "pv-1")


@pytest.fixture
async def preview() -> AsyncIterator[Preview]:
    with Preview() as counted:
        for name in ("a", "b"):
            counted.add(entry("pods", name, 1024))
        counted.add(entry("persistentvolumes", "pv-1", 48))
        counted.add(entry("pods", "a", 1500)._replace(preferred=False))
        counted.names = {"persistentvolumes": "PersistentVolume"}
        counted.came_in(VOLUME, CLAIM)
        await counted.flush()
        yield counted


def entry(kind: str, name: str, size: int) -> Entry:
    return Entry(kind, "v1", f"v1/{kind}", "shop", name, b" " * size)


def test_what_would_be_in_it_and_why(preview: Preview) -> None:
    assert list(preview_lines(FOUND, preview, Look())) == [
        "Dry run: backup shop-1 of cluster here into vault vault",
        "",
        "Would be in it  3 objects of 2 kinds, 2.0 KiB + 1.5 KiB in other versions",
        "  pods                        2      2.0 KiB",
        "  persistentvolumes           1         48 B",
        "",
        "Namespaces  shop",
        "",
        "Needed by others",
        "  PersistentVolume pv-1   for persistentvolumeclaims shop/data",
        "",
        "Left out",
        "      1,200   made by others",
        "          2   being deleted",
        "",
        "Problems  1 error, 1 warning",
        "  ! warning: x*: NothingSelected: selects nothing",
        "  ! error: secrets: Forbidden: could not be read",
        "The backup would end PartiallyFailed",
        "",
        "7 kinds are not taken: -o json names them",
        "",
        "Nothing was written. Without --dry-run it is done.",
    ]


def test_what_does_not_fit_into_a_line_takes_two(preview: Preview) -> None:
    lines = list(preview_lines(FOUND, preview, Look(width=58)))
    at = lines.index("  PersistentVolume pv-1")
    assert lines[at + 1] == "      for persistentvolumeclaims shop/data"
    assert max(map(len, lines[at:])) <= 58


def test_the_objects_that_come_in_are_in_one_column() -> None:
    pairs = [("Pod a/b", "Pod a/c"), ("PersistentVolume pv-1", "Pod a/c")]
    assert list(related_lines(pairs, Look()))[2:] == [
        "  Pod a/b                 for Pod a/c",
        "  PersistentVolume pv-1   for Pod a/c",
    ]


def test_what_stands_in_the_way_is_told_and_not_that_it_is_done() -> None:
    ahead = Prospects(("no vault is registered as 'x'",), ("whether it may be created: no",))
    with Preview() as nothing:
        lines = list(preview_lines(replace(FOUND, ahead=ahead), nothing, Look()))
    assert lines[-3:] == [
        "Nothing was written, and without --dry-run nothing would be:",
        "  ! no vault is registered as 'x'",
        "  ! not looked at: whether it may be created: no",
    ]


def test_where_there_is_nothing_to_say_nothing_is_said() -> None:
    silent = replace(FOUND, left_out={}, kinds_left_out=(), problems=[])
    with Preview() as nothing:
        lines = list(preview_lines(silent, nothing, Look()))
    assert lines[2:] == [
        "Would be in it  0 objects of 0 kinds, 0 B",
        "",
        "Namespaces  shop",
        "",
        "Nothing was written. Without --dry-run it is done.",
    ]


def test_of_many_namespaces_some_are_named(preview: Preview) -> None:
    many = replace(FOUND, namespaces=[f"n{number}" for number in range(1020)])
    [line] = [one for one in preview_lines(many, preview, Look()) if one.startswith("Namespaces")]
    assert line.startswith("Namespaces  n0, n1, ")
    assert line.endswith("n19 and 1,000 more")


def test_the_same_for_programs(preview: Preview) -> None:
    said = json.loads("\n".join(preview_json(FOUND, preview)))
    assert (said["objects"], said["bytes"]) == (3, 2096)
    assert said["kinds"] == [
        {"type": "persistentvolumes", "objects": 1, "bytes": 48, "otherVersionsBytes": 0},
        {"type": "pods", "objects": 2, "bytes": 2048, "otherVersionsBytes": 1500},
    ]
    assert said["otherVersionsBytes"] == 1500
    assert (said["obstacles"], said["notLookedAt"]) == ([], [])
    assert said["leftOut"] == FOUND.left_out
    assert said["kindsLeftOut"] == dict(FOUND.kinds_left_out)
    assert [one["level"] for one in said["problems"]] == ["warning", "error"]
    assert said["related"] == [
        {
            "object": {"type": "persistentvolumes", "namespace": "", "name": "pv-1"},
            "because": {"type": "persistentvolumeclaims", "namespace": "shop", "name": "data"},
        }
    ]
