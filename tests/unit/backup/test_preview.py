import asyncio

from kubeferry.backup.preview import Counted, Preview
from kubeferry.kube.names import Identity
from kubeferry.vault.writer import Entry

A, B = Identity("pods", "shop", "a"), Identity("persistentvolumes", "", "b")


def entry(one: Identity, body: bytes, *, preferred: bool = True) -> Entry:
    return Entry(one.group_resource, "v1", "v1/Kind", one.namespace, one.name, body, "", preferred)


def test_a_preview_counts_objects_once_and_other_versions_apart() -> None:
    with Preview() as preview:
        preview.add(entry(A, b"12345"))
        preview.add(entry(A, b"123", preferred=False))
        preview.add(entry(B, b"1"))
        assert preview.kinds == {"pods": Counted(1, 5, 3), "persistentvolumes": Counted(1, 1)}
        assert (preview.objects, preview.preferred_bytes, preview.other_bytes) == (2, 6, 3)
        told = preview.told()
    assert [(one.kind, one.objects, one.bytes) for one in told.kinds] == [
        ("persistentvolumes", 1, 1),
        ("pods", 1, 5),
    ]


def test_a_status_names_the_kinds_with_the_most_objects() -> None:
    with Preview() as preview:
        for number in range(600):
            preview.add(entry(Identity(f"kind-{number}", "shop", "a"), b"1"))
        preview.add(entry(Identity("kind-599", "shop", "b"), b"1"))
        told = preview.told()
    assert (len(told.kinds), told.kinds[0].kind, told.objects) == (500, "kind-599", 601)


def test_why_objects_came_in_is_told_in_order_and_in_a_status_for_some() -> None:
    with Preview() as preview:
        for number in range(150):
            preview.came_in(Identity("secrets", "shop", f"s{number}"), A)
        asyncio.run(preview.flush())
        assert [one.name for one, _ in preview.related()] == [f"s{n}" for n in range(150)]
        told = preview.told().related
    assert len(told) == 100
    assert (told[0].object, told[0].because) == ("secrets shop/s0", "pods shop/a")
