import pytest

from kubeferry.sandbox.protobuf import read_object


def field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2, len(data)]) + data


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    about = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\x00" + field(1, about) + field(2, raw)


def test_an_object_is_read_as_its_json() -> None:
    meta = field(1, field(1, b"settings") + field(11, field(1, b"app") + field(2, b"web")))
    data = field(2, field(1, b"key") + field(2, b"value"))
    assert read_object(body("v1", "ConfigMap", meta + data)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "labels": {"app": "web"}},
        "data": {"key": "value"},
    }


def test_zero_is_kept_only_where_go_has_a_pointer() -> None:
    port = field(1, b"") + bytes([3 << 3, 80]) + field(4, bytes([2 << 3, 80])) + bytes([5 << 3, 0])
    service = read_object(body("v1", "Service", field(2, field(1, port))))
    assert service["spec"] == {"ports": [{"port": 80, "targetPort": 80}]}
    deployment = read_object(body("apps/v1", "Deployment", field(2, bytes([1 << 3, 0]))))
    assert deployment["spec"] == {"replicas": 0}


def test_an_embedded_struct_is_the_holders_own() -> None:
    volume = field(1, b"data") + field(2, field(2, b""))
    pod = read_object(body("v1", "Pod", field(2, field(1, volume))))
    assert pod["spec"] == {"volumes": [{"name": "data", "emptyDir": {}}]}


@pytest.mark.parametrize("data", [b"", b"{}", body("v1", "Nothing", b""), b"k8s\x00\x0a\x7f"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        read_object(data)
