"""Ways around the guard, tried by people whose roles are wider than ours: all of kubeferry's group
with every subresource, and all of the ConfigMaps, in kubeferry's namespace.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clusters import Cluster, write_private
from tests.real.ferries import Site
from tests.sites import PROGRAM
from tests.waiting import until

pytestmark = pytest.mark.real

HOME = "csdr"
WIDE, EDITOR, OPERATOR = "sides-wide", "sides-editor", "sides-operator"
CONTROLLER = f"system:serviceaccount:{HOME}:kubeferry-controller"
GUARD = "may escalate and bind cluster roles"
GROUP = "csdr.alibabacloud.com"


def written(kind: str, spec: dict[str, Any], **about: Any) -> str:
    return json.dumps(
        {
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": kind,
            "metadata": {"namespace": HOME, **about},
            "spec": spec,
        }
    )


def rules(data: str, **about: Any) -> str:
    made = {"metadata": {"namespace": HOME, **about}, "data": {"modifier": data}}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", **made})


SKIP = {"backupName": "sides-none", "privilegedResources": "Skip"}
BACKUP = written("ApplicationBackup", {"storageLocation": "sides-none"}, name="sides-b")
RESTORE = written("ApplicationRestore", SKIP, name="sides-r")
VAULT = written(
    "BackupLocation",
    {
        "provider": "aws",
        "objectStorage": {"bucket": "sides-bucket"},
        "config": {"region": "cn-beijing"},
        "validationFrequency": "24h0m0s",
    },
    name="sides-v",
)
RULES = rules("version: v1", name="sides-rules")
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"namespace": HOME, "name": WIDE},
    "rules": [
        {"apiGroups": [GROUP], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]},
    ],
}


@pytest.fixture(scope="module")
def cluster(source: Site) -> Iterator[Cluster]:
    """With people, and an administrator's tasks, vault and rules there."""
    cluster, home = source.cluster, ("-n", HOME)
    cluster.kubectl("create", "-f", "-", input=json.dumps(ROLE))
    bindings = {
        WIDE: f"--role={WIDE}",
        EDITOR: "--clusterrole=edit",
        OPERATOR: "--clusterrole=kubeferry-operator",
    }
    for person, role in bindings.items():
        cluster.kubectl("create", "rolebinding", person, *home, role, f"--user={person}")
    for one in (BACKUP, RESTORE, VAULT, RULES):
        cluster.kubectl("create", "-f", "-", input=one)
    for kind in ("applicationbackup", "applicationrestore"):
        source.ended(kind, f"sides-{kind.removeprefix('application')[0]}")

    def is_at_work() -> bool:
        tried = ("create", "--dry-run=server", "-f", "-", f"--as={WIDE}")
        return GUARD in cluster.run(*tried, input=VAULT.replace("sides-v", "sides-x")).stderr

    until(is_at_work, what="the guard is at work")
    yield cluster
    for what in ("applicationbackup/sides-b", "applicationrestore/sides-r", "cm/sides-rules"):
        cluster.run("delete", what, *home, "--ignore-not-found")
    cluster.run("delete", "backuplocation/sides-v", *home, "--ignore-not-found")
    cluster.run("delete", "rolebinding", *bindings, *home)
    cluster.run("delete", "role", WIDE, *home)


OWED = {
    "pendingHooks": [
        {"namespace": "default", "pod": "a", "uid": "1", "container": "c", "command": ["id"]}
    ]
}


TAKEN_OUT = '[{"op":"remove","path":"/data/modifier"}]'


def status_of(what: str, status: Any) -> tuple[str, ...]:
    patch = json.dumps({"status": status})
    return ("patch", what, "-n", HOME, "--subresource=status", "--type=merge", "-p", patch)


def applied(*more: str) -> tuple[str, ...]:
    return ("apply", "--server-side", "--force-conflicts", *more, "-f", "-")


SIDE_DOORS = [
    pytest.param(
        status_of("applicationbackup/sides-b", OWED), "", id="hooks that a backup's status owes"
    ),
    pytest.param(
        status_of("applicationrestore/sides-r", {"resourceModifierDigest": "0"}),
        "",
        id="the rules that a restore began with",
    ),
    pytest.param(
        status_of("applicationbackup/sides-b", {"phase": "Completed"}),
        "",
        id="a backup that ended well",
    ),
    pytest.param(
        status_of("backuplocation/sides-v", {"message": "fine"}), "", id="a vault's status"
    ),
    pytest.param(
        applied("--subresource=status"),
        json.dumps(
            {
                "apiVersion": f"{GROUP}/v1beta1",
                "kind": "ApplicationBackup",
                "metadata": {"namespace": HOME, "name": "sides-b"},
                "status": OWED,
            }
        ),
        id="a status that is applied by force",
    ),
    pytest.param(
        ("create", "-f", "-"),
        rules("version: v1", generateName="sides-"),
        id="rules of a name that the server makes",
    ),
    pytest.param(
        ("create", "-f", "-"),
        written("ApplicationRestore", {"backupName": "sides-none"}, generateName="sides-"),
        id="a restore of a name that the server makes",
    ),
    pytest.param(
        ("replace", "-f", "-"), rules("version: v2", name="sides-rules"), id="rules are replaced"
    ),
    pytest.param(
        applied(), rules("version: v2", name="sides-rules"), id="rules are applied by force"
    ),
    pytest.param(
        ("patch", "cm", "sides-rules", "-n", HOME, "--type=json", "-p", TAKEN_OUT),
        "",
        id="rules are taken out",
    ),
    pytest.param(applied(), VAULT.replace("-beijing", "-hangzhou"), id="a vault is moved by force"),
]


@pytest.mark.parametrize(("words", "body"), SIDE_DOORS)
def test_who_may_write_every_part_of_them_goes_through_no_side_door(
    cluster: Cluster, words: tuple[str, ...], body: str
) -> None:
    done = cluster.run(*words, f"--as={WIDE}", input=body)
    assert done.returncode, done.stdout
    assert GUARD in done.stderr, done.stderr


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"finalizers": ["example.com/mine"]}, id="a finalizer"),
        pytest.param({"finalizers": None}, id="none any more"),
        pytest.param({"annotations": {"note": "mine"}}, id="an annotation"),
    ],
)
@pytest.mark.parametrize("what", ["applicationbackup/sides-b", "backuplocation/sides-v"])
def test_what_the_controller_does_not_believe_is_anybodys(
    cluster: Cluster, what: str, metadata: dict[str, Any]
) -> None:
    patch = json.dumps({"metadata": metadata})
    words = ("patch", what, "-n", HOME, "--type=merge", "-p", patch, f"--as={WIDE}")
    done = cluster.run(*words)
    assert not done.returncode, done.stderr


def test_the_controller_writes_statuses(cluster: Cluster) -> None:
    words = status_of("applicationbackup/sides-b", {"warnings": 1})
    done = cluster.run(*words, f"--as={CONTROLLER}")
    assert not done.returncode, done.stderr


@pytest.mark.parametrize(
    ("person", "answer"), [pytest.param(EDITOR, "yes", id="edit"), pytest.param(OPERATOR, "no")]
)
def test_who_may_act_in_the_controllers_name_is_what_the_page_of_security_says(
    cluster: Cluster, person: str, answer: str
) -> None:
    for verb, what in (("impersonate", "serviceaccounts/kubeferry-controller"), ("create", "pods")):
        done = cluster.run("auth", "can-i", verb, what, "-n", HOME, f"--as={person}")
        assert done.stdout.strip() == answer, (verb, what, done.stderr)


@pytest.fixture
def as_operator(
    cluster: Cluster, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The program as an operator runs it."""
    config = json.loads(cluster.kubeconfig.read_text())
    config["users"][0]["user"] |= {"as": OPERATOR, "as-groups": ["system:authenticated"]}
    kubeconfig = write_private(tmp_path / "operator.kubeconfig", json.dumps(config))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words, f"--kubeconfig={kubeconfig}"],
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_an_operators_restore_leaves_privileges_out_and_says_so(
    cluster: Cluster, as_operator: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = as_operator("restore", "create", "sides-cli", "--from-backup", "sides-none")
    assert done.returncode == 0, done.stderr
    assert "privilegedResources: Skip, for you may not escalate" in done.stderr
    made = cluster.get("applicationrestore", "sides-cli", "-n", HOME)
    cluster.kubectl("delete", "applicationrestore", "sides-cli", "-n", HOME)
    assert made["spec"]["privilegedResources"] == "Skip"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(
            ("restore", "create", "x", "--from-backup=y", "--privileged-resources=Restore"),
            "write privilegedResources: Skip",
            id="privileges",
        ),
        pytest.param(
            ("restore", "create", "x", "--from-backup=y", "--resource-modifier=z"),
            "leave spec.resourceModifier out",
            id="a modifier",
        ),
        pytest.param(
            ("vault", "create", "x", "--provider=aws", "--bucket=guarded", "--region=eu-west-1"),
            "ask whoever may escalate and bind cluster roles",
            id="a vault",
        ),
    ],
)
def test_what_is_for_administrators_the_program_refuses_with_what_to_do(
    as_operator: Callable[..., subprocess.CompletedProcess[str]], words: tuple[str, ...], said: str
) -> None:
    done = as_operator(*words)
    assert done.returncode != 0
    assert said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_nodes_certificate_would_be_approved_for_the_controller(cluster: Cluster) -> None:
    """Which is why requests are left out where privileges are."""
    asked = ("create", "certificatesigningrequests.certificates.k8s.io")
    for person, answer in ((CONTROLLER, "yes"), (OPERATOR, "no")):
        words = ("auth", "can-i", *asked, "--subresource=nodeclient", f"--as={person}")
        assert cluster.run(*words).stdout.strip() == answer
