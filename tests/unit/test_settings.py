from pathlib import Path

import pytest

from kubeferry.errors import ConfigError
from kubeferry.settings import Settings


def test_without_an_environment_everything_has_its_default() -> None:
    assert Settings.from_environ({"PATH": "/bin"}) == Settings()


def test_every_setting_has_a_variable() -> None:
    found = Settings.from_environ(
        {
            "KUBEFERRY_NAMESPACE": "ferry",
            "KUBEFERRY_LOCAL_ROOT": "/vaults",
            "KUBEFERRY_SPOOL_DIR": "/spool",
            "KUBEFERRY_SPOOL_LIMIT": "20Gi",
            "KUBEFERRY_SYNC_PERIOD": "90s",
            "KUBEFERRY_MAX_TASKS": "2",
            "KUBEFERRY_MEMORY": "128Mi",
            "KUBEFERRY_ALLOWED_ENDPOINTS": "http://a:1, http://b:2,",
            "KUBEFERRY_ENDPOINT_ALIBABACLOUD": "http://127.0.0.1:7070",
            "KUBEFERRY_ENDPOINT_AWS": "http://127.0.0.1:7071",
        }
    )
    assert found.namespace == "ferry"
    assert (found.local_root, found.spool_dir) == (Path("/vaults"), Path("/spool"))
    assert (found.spool_limit, found.memory) == (20 << 30, 128 << 20)
    assert (found.sync_period, found.max_tasks) == (90.0, 2)
    assert found.allowed_endpoints == ("http://a:1", "http://b:2")
    assert dict(found.endpoints) == {
        "alibabacloud": "http://127.0.0.1:7070",
        "aws": "http://127.0.0.1:7071",
    }


def test_the_variables_of_a_service_are_none_of_ours() -> None:
    links = {
        "KUBEFERRY_METRICS_SERVICE_HOST": "10.96.0.7",
        "KUBEFERRY_METRICS_SERVICE_PORT": "8080",
        "KUBEFERRY_METRICS_SERVICE_PORT_HTTP": "8080",
        "KUBEFERRY_METRICS_PORT": "tcp://10.96.0.7:8080",
        "KUBEFERRY_METRICS_PORT_8080_TCP_ADDR": "10.96.0.7",
    }
    assert Settings.from_environ(links) == Settings()


@pytest.mark.parametrize(
    ("service", "name"),
    [
        pytest.param("", "KUBEFERRY_HEALTH_PORT", id="as a Service's port that is not there"),
        pytest.param("", "KUBEFERRY_API_SERVICE_PORT", id="as another one's"),
        pytest.param("KUBEFERRY", "KUBEFERRY_HEALTH_PORT", id="beside a Service called kubeferry"),
        pytest.param("KUBEFERRY_A", "KUBEFERRY_AB_PORT", id="beside one whose name begins it"),
    ],
)
def test_a_misspelt_setting_is_no_variable_of_a_service(service: str, name: str) -> None:
    environ = {f"{service}_SERVICE_HOST": "10.96.0.7", f"{service}_PORT": "tcp://10.96.0.7:80"}
    with pytest.raises(ConfigError, match="no such setting") as error:
        Settings.from_environ({**(environ if service else {}), name: "9999"})
    assert error.value.place == name


def test_protected_fields_are_a_list() -> None:
    environ = {"KUBEFERRY_PROTECTED_FIELDS": "pods:/spec/nodeName, *.example.com:/spec/a~1b"}
    fields = Settings.from_environ(environ).protected_fields
    assert fields == ("pods:/spec/nodeName", "*.example.com:/spec/a~1b")


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert Settings.from_environ({"KUBEFERRY_MAX_TASKS": "", "KUBEFERRY_X": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("KUBEFERRY_SYNC_PERIODE", "1m", id="a name that is no setting's"),
        pytest.param("KUBEFERRY_ENDPOINTS", "x", id="a field that has no variable of its own"),
        pytest.param("KUBEFERRY_ENDPOINT_AZURE", "http://x", id="a provider there is not"),
        pytest.param("KUBEFERRY_LOCAL_ROOT", "vaults", id="a path that is not absolute"),
        pytest.param("KUBEFERRY_MAX_TASKS", "0", id="no tasks at all"),
        pytest.param("KUBEFERRY_SPOOL_LIMIT", "20GiB", id="what is no size"),
        pytest.param("KUBEFERRY_MAX_TASKS", "many", id="what is no number"),
        pytest.param("KUBEFERRY_SYNC_PERIOD", "1 minute", id="what is no duration"),
        pytest.param("KUBEFERRY_PROTECTED_FIELDS", "pods:spec/x", id="what is no field"),
    ],
)
def test_what_cannot_be_is_refused_by_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as error:
        Settings.from_environ({name: value})
    assert error.value.place == name
