from kubeferry.transform.comparison import comparable, compare
from tests.builders import Built, obj


def deployment(*, replicas: int = 1) -> Built:
    return obj("apps/v1/Deployment", "shop/web").with_(spec={"replicas": replicas})


def test_a_field_that_somebody_wrote_counts() -> None:
    [found] = compare(deployment(), deployment(replicas=2))
    assert found == ("/spec/replicas", 1, 2)


def test_labels_annotations_and_owners_count() -> None:
    new = deployment().label(a="b").meta(ownerReferences=[{"name": "x", "uid": "1"}])
    assert [one.pointer for one in compare(deployment(), new)] == [
        "/metadata/labels",
        "/metadata/ownerReferences",
    ]


def test_what_the_server_writes_does_not_count() -> None:
    one, other = deployment(), deployment()
    for number, made in enumerate((one, other)):
        made.meta(
            uid=f"u{number}",
            resourceVersion=str(number),
            generation=number,
            creationTimestamp=f"2026-01-0{number + 1}T00:00:00Z",
            managedFields=[{"manager": str(number)}],
            selfLink=f"/{number}",
            ownerReferences=[{"kind": "App", "name": "shop", "uid": f"u{number}"}],
        ).with_(status={"replicas": number})
    assert compare(one, other) == []


def test_the_status_counts_where_it_is_asked_for() -> None:
    one, other = deployment(), deployment().with_(status={"replicas": 1})
    assert [found.pointer for found in compare(one, other, status=True)] == ["/status"]


def test_another_version_is_a_difference() -> None:
    other = obj("apps/v1beta1/Deployment", "shop/web").with_(spec={"replicas": 1})
    assert [found.pointer for found in compare(deployment(), other)] == ["/apiVersion"]


def test_odd_objects_are_compared_too() -> None:
    odd = {"metadata": {"ownerReferences": [1, None]}, "spec": None}
    assert comparable(odd) == odd
    assert comparable({"metadata": "x"}) == {"metadata": "x"}
    assert comparable({"metadata": {"ownerReferences": "x"}})["metadata"] == {
        "ownerReferences": "x"
    }


def test_the_objects_stay_as_they_are() -> None:
    one = deployment().meta(uid="u").with_(status={})
    before = repr(one)
    compare(one, one)
    assert repr(one) == before
