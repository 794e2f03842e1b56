from typing import Any

import pytest
from click.testing import CliRunner

from kubeferry import codec
from kubeferry.cli.main import root
from kubeferry.settings import Settings


def install(*args: str) -> Any:
    return CliRunner().invoke(root, ["install", *args], prog_name="kubeferry")


def deployment(*args: str) -> dict[str, Any]:
    result = install(*args)
    assert result.exit_code == 0, result.output
    documents = codec.load_yaml_documents(result.stdout, place="install")
    [found] = [one for one in documents if isinstance(one, dict) and one["kind"] == "Deployment"]
    return found


def settings(*args: str) -> Settings:
    """The controller's settings, as it reads them in its pod."""
    [container] = deployment(*args)["spec"]["template"]["spec"]["containers"]
    environ = {one["name"]: one.get("value", "csdr") for one in container["env"]}
    return Settings.from_environ(environ)


def test_settings_are_printed_as_they_are_read():
    found = settings(
        "--endpoint=alibabacloud=http://10.250.1.254:7070",
        "--allow-endpoint=http://a.example:9000,http://b.example:9000",
        "--allow-endpoint=http://c.example",
        "--spool=3Gi",
        "--cluster-name=staging",
        "--set-env=KUBEFERRY_MAX_TASKS=8",
        "--set-env=KUBEFERRY_SYNC_PERIOD=5s",
    )
    assert found.endpoints == {"alibabacloud": "http://10.250.1.254:7070"}
    assert found.allowed_endpoints == (
        "http://a.example:9000",
        "http://b.example:9000",
        "http://c.example",
    )
    assert (found.spool_limit, found.max_tasks, found.sync_period) == (3 << 30, 8, 5.0)
    assert found.cluster_name == "staging"


def test_where_nothing_is_said_the_settings_are_the_usual_ones():
    found, usual = settings(), Settings()
    assert (found.endpoints, found.allowed_endpoints) == ({}, ())
    assert (found.max_tasks, found.sync_period) == (usual.max_tasks, usual.sync_period)


def test_json_is_one_list():
    result = install("-o", "json")
    printed = codec.decode(result.stdout.encode())
    assert printed["kind"] == "List"
    assert printed["items"][0]["kind"] == "Namespace"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(("--image", ""), "--image: '' names no image", id="no image"),
        pytest.param(("--image", "a b"), "--image: 'a b' names no image", id="no image's name"),
        pytest.param(("-n", "A"), "--namespace: 'A' cannot be", id="no namespace's name"),
        pytest.param(("-n", "default"), "--namespace: 'default' cannot be", id="everybody's"),
        pytest.param(("-n", "kube-system"), "cannot be kubeferry's namespace", id="the cluster's"),
        pytest.param(("--memory", "much"), "--memory: 'much' is no size", id="no size"),
        pytest.param(("--memory", "64Mi"), "--memory: 64Mi is not enough", id="too little"),
        pytest.param(("--spool", "0"), "--spool: 0 is nothing", id="no spool"),
        pytest.param(("--replicas", "0"), "'--replicas': 0 is not in the range", id="nobody"),
        pytest.param(("--image-pull-secret", "A B"), "'A B' names no Secret", id="no Secret"),
        pytest.param(
            ("--endpoint", "gcp=https://a"), "no provider called 'gcp'", id="unknown provider"
        ),
        pytest.param(("--endpoint", "aws=ftp://a"), "'ftp://a' is no endpoint", id="no endpoint"),
        pytest.param(
            ("--endpoint", "aws=http://169.254.169.254"), "never used", id="metadata address"
        ),
        pytest.param(
            ("--allow-endpoint", "http://a/b"), "'http://a/b' is no endpoint", id="with a path"
        ),
        pytest.param(("--set-env", "A"), "'A' is no variable", id="no pair"),
        pytest.param(("--set-env", "KUBEFERY_MAX_TASKS=1"), "knows no KUBEFERY_", id="misspelt"),
        pytest.param(("--set-env", "KUBEFERRY_TASKS=1"), "no such setting", id="unknown setting"),
        pytest.param(
            ("--set-env", "KUBEFERRY_HEALTH_PORT=9999"),
            "KUBEFERRY_HEALTH_PORT: no such setting",
            id="what looks like a Service's port",
        ),
        pytest.param(
            ("--set-env=KUBEFERRY_A_SERVICE_HOST=a", "--set-env=KUBEFERRY_A_PORT=1"),
            "KUBEFERRY_A_PORT: no such setting",
            id="what Kubernetes tells of a Service",
        ),
        pytest.param(("--set-env", "KUBEFERRY_MAX_TASKS=0"), "no positive number", id="bad value"),
        pytest.param(
            ("--set-env", "AWS_SECRET_ACCESS_KEY=x"), "knows no AWS_SECRET", id="a storage's key"
        ),
        pytest.param(
            ("--set-env", "KUBEFERRY_NAMESPACE=x"), "is set by --namespace", id="another option's"
        ),
        pytest.param(
            ("--set-env", "KUBEFERRY_MEMORY=4Gi"), "is set by --memory", id="more than the limit"
        ),
        pytest.param(
            ("--set-env", "KUBEFERRY_LOCAL_ROOT=/tmp"),
            "a volume of your own",
            id="vaults on a disk that goes with the pod",
        ),
        pytest.param(
            ("--set-env", "NO_PROXY=a", "--set-env", "NO_PROXY=b"), "given twice", id="twice"
        ),
        pytest.param(
            (
                "--set-env=KUBEFERRY_ENDPOINT_AWS=https://a.example",
                "--endpoint=aws=https://b.example",
            ),
            "KUBEFERRY_ENDPOINT_AWS says something else",
            id="two answers",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_printed(args: tuple[str, ...], message: str):
    result = install(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
