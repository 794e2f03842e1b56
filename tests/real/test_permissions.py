"""The rights that ``install`` gives out, on a real API server: the controller's and people's."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api.install import Installation, manifests
from kubeferry.api.rights import EVERYWHERE, RBAC
from kubeferry.clock import utc_now
from kubeferry.vault.keys import KeyRing, export_document, new_key
from tests.clusters import Cluster, write_private
from tests.controlplane import Options, running
from tests.docs import pages
from tests.node.permissions import (
    ASKED_INSIDE,
    CONTROLLER,
    Judgement,
    Right,
    judge,
    read_log,
    rights_of,
)
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.sites import PROGRAM
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

INSIDE = sorted(
    (resource, verb)
    for rule in EVERYWHERE
    for resource in rule.resources
    for verb in rule.reasons
    if verb in ASKED_INSIDE
)
"""What the API server asks for inside a create: no audit log shows that it is needed."""
MUCH = {"apiGroups": [""], "resources": ["pods"], "verbs": ["deletecollection"]}
"""What the controller itself may not do."""
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [{"level": "Metadata", "users": [CONTROLLER]}, {"level": "None"}],
}


@pytest.fixture(scope="module")
def site(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster that keeps an audit log, with kubeferry, an application that has rights of its own,
    a vault, a backup of it, and a restore of that."""
    folder = tmp_path_factory.mktemp("permissions")
    policy = folder / "policy.json"
    policy.write_text(json.dumps(POLICY))
    flags = (f"--audit-policy-file={policy}", f"--audit-log-path={folder / 'audit.log'}")
    bucket = "cnfs-oss-test"
    if not (s3.folder / bucket).exists():
        s3.make_bucket(bucket)
    with running(["audited"], folder=folder, options=Options(api_server_flags=flags)) as [cluster]:
        started = Site(cluster=cluster, storage=s3, logs=folder / "controllers")
        started.install()
        started.start()
        try:
            for rank in ("vault", *(f"{one}-old" for one in RANKS)):
                started.register(rank, prefix="permissions")
            cluster.kubectl("create", "namespace", "shop")
            for one in shop():
                started.apply(one)
            started.back_up("shop-1", "vault", "shop")
            backup = started.ended("applicationbackup", "shop-1")
            started.restore("shop-2", "shop-1", namespaceMapping={"shop": "shop-2"})
            restore = started.ended("applicationrestore", "shop-2")
            assert backup["status"]["phase"] == "Completed", backup["status"]
            assert restore["status"]["phase"] == "Completed", restore["status"]
            restored_over(started)
            skip = {"privilegedResources": "Skip"}
            started.restore("shop-5", "shop-1", namespaceMapping={"gone": "shop-5"}, **skip)
            failed = started.ended("applicationrestore", "shop-5")
            assert failed["status"]["phase"] == "Failed", failed["status"]
            yield started
        finally:
            started.stop()


def restored_over(site: Site) -> None:
    """A second restore over the first, where a label is gone and a binding is another one."""
    site.cluster.kubectl("delete", "rolebinding", "deleter", "-n", "shop-2")
    other = binding("clusterroles")
    other["metadata"] = {"name": "deleter", "namespace": "shop-2"}
    site.apply(other)
    site.cluster.kubectl("label", "rolebinding", "edit", "-n", "shop-2", "team-")
    policy = {"existingResourcePolicy": "recreate", "namespaceMapping": {"shop": "shop-2"}}
    site.restore("shop-3", "shop-1", **policy)
    ended = site.ended("applicationrestore", "shop-3")
    assert ended["status"]["phase"] == "Completed", ended["status"]
    assert ended["status"]["counts"]["recreated"] == 1
    assert ended["status"]["counts"]["updated"] == 1


def shop() -> Iterator[dict[str, Any]]:
    """An account that may delete pods, by a role of its own and by a cluster role."""
    yield of(RBAC, "Role", "deleter", rules=[MUCH])
    account = {"kind": "ServiceAccount", "name": "default", "namespace": "shop"}
    for kind, name in (("Role", "deleter"), ("ClusterRole", "edit")):
        reference = {"apiGroup": RBAC, "kind": kind, "name": name}
        made = of(RBAC, "RoleBinding", name, roleRef=reference, subjects=[account])
        made["metadata"]["labels"] = {"team": "a"}
        yield made


def of(group: str, kind: str, name: str, namespace: str = "shop", **rest: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}),
        **rest,
    }


def test_what_a_controller_does_without_pods_needs_all_its_rights(site: Site) -> None:
    rights = rights_of(manifests(Installation(image="i")))

    def judged() -> Judgement:
        with (site.logs.parent / "audit.log").open() as lines:
            return judge(rights, read_log(lines))

    until(lambda: judged().used[renewal(rights)], what="the lease is renewed")
    found = judged()
    assert [str(one) for one in found.unused] == []
    assert found.denied == ()
    assert found.foreign == ()


def renewal(rights: list[Right]) -> Right:
    """The right to renew the lease, which is used last."""
    [found] = [one for one in rights if one.resource == "leases"]
    return found


def role(resource: str) -> dict[str, Any]:
    """A role that grants what the controller itself may not do."""
    if resource == "clusterroles":
        return of(RBAC, "ClusterRole", "much", "", rules=[MUCH])
    return of(RBAC, "Role", "much", rules=[MUCH])


def binding(resource: str) -> dict[str, Any]:
    """A binding to such a role, which is there."""
    kind, name = {"clusterroles": ("ClusterRole", "edit"), "roles": ("Role", "deleter")}[resource]
    reference = {"apiGroup": RBAC, "kind": kind, "name": name}
    account = {"kind": "ServiceAccount", "name": "other", "namespace": "shop"}
    return of(RBAC, "RoleBinding", "much", roleRef=reference, subjects=[account])


@pytest.mark.parametrize(("resource", "verb"), INSIDE)
def test_what_the_api_server_asks_inside_a_create_is_needed(
    site: Site, resource: str, verb: str
) -> None:
    """The create is allowed as shipped, and refused to an account that lacks this one verb."""
    cluster = site.cluster
    created = json.dumps({"escalate": role, "bind": binding}[verb](resource))
    dry = ("create", "--dry-run=server", "-f", "-")
    cluster.kubectl(*dry, f"--as={CONTROLLER}", input=created)

    lesser = f"without-{resource}-{verb}"
    rules = [rule for one in EVERYWHERE for rule in less(one.manifest(), resource, verb)]
    site.apply(of(RBAC, "ClusterRole", lesser, "", rules=rules))
    account = {"kind": "ServiceAccount", "name": lesser, "namespace": "shop"}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": lesser}
    site.apply(of(RBAC, "ClusterRoleBinding", lesser, "", roleRef=reference, subjects=[account]))
    refused = cluster.refusal(*dry, f"--as=system:serviceaccount:shop:{lesser}", input=created)
    assert "is attempting to grant RBAC permissions not currently held" in refused


def less(rule: dict[str, Any], resource: str, verb: str) -> Iterator[dict[str, Any]]:
    """The rule without that one verb on that one resource."""
    for one in rule["resources"]:
        verbs = [name for name in rule["verbs"] if (one, name) != (resource, verb)]
        if verbs:
            yield {**rule, "resources": [one], "verbs": verbs}


@pytest.fixture(scope="module", params=["viewer", "operator"])
def person(request: pytest.FixtureRequest, site: Site) -> str:
    """Somebody with a role that ``install`` ships, given out in kubeferry's namespace."""
    role = str(request.param)
    binding = (f"--clusterrole=kubeferry-{role}", f"--user={role}", "-n", "csdr")
    site.cluster.kubectl("create", "rolebinding", role, *binding)
    return role


LOOK = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")
OURS = ("backuplocations", "applicationbackups", "applicationrestores")
MAY = {
    "viewer": {(resource, LOOK) for resource in (*OURS, "configmaps", "events")},
    "operator": {
        *((resource, LOOK + WRITE) for resource in (*OURS, "configmaps")),
        *((resource, LOOK) for resource in ("events", "pods", "deployments")),
        ("pods/log", ("get",)),
    },
}
ANYBODYS = {"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}


def test_a_role_is_what_it_is_said_to_be_and_no_more(site: Site, person: str) -> None:
    """All that a person may do in kubeferry's namespace, as the API server lists it."""
    listed = site.cluster.kubectl("auth", "can-i", "--list", "-n", "csdr", f"--as={person}")
    allowed = {
        (line.split()[0].partition(".")[0], frozenset(line[line.rindex("[") + 1 : -1].split()))
        for line in listed.splitlines()[1:]
        if line[0] != " "
    }
    expected = {(resource, frozenset(verbs)) for resource, verbs in MAY[person]}
    assert {one for one in allowed if one[0] not in ANYBODYS} == expected


def may(cluster: Cluster, user: str, verb: str, resource: str, namespace: str) -> bool:
    asked = ("auth", "can-i", verb, resource, "-n", namespace, f"--as={user}")
    return cluster.run(*asked).stdout == "yes\n"


@pytest.mark.parametrize("resource", [*OURS, "configmaps", "pods"])
def test_a_role_is_nothing_in_other_namespaces(site: Site, person: str, resource: str) -> None:
    assert not may(site.cluster, person, "get", resource, "shop")
    assert not may(site.cluster, person, "create", resource, "shop")


def ferry(site: Site, user: str, *args: str, keys: bool = True) -> tuple[int, str]:
    """Exit code and stderr of our command, as that person, who has keys of the storage."""
    config = json.loads(site.cluster.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = user
    kubeconfig = write_private(site.cluster.folder / f"{user}.kubeconfig", json.dumps(config))
    access = site.storage.credentials
    environ = {
        "KUBECONFIG": str(kubeconfig),
        "KUBEFERRY_ENDPOINT_ALIBABACLOUD": site.storage.endpoint,
    }
    if keys:
        environ |= {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": access.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": access.secret_access_key,
        }
    done = subprocess.run(
        [PROGRAM, *args], env=os.environ | environ, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


CALLS = {
    "vault get": "",
    "vault describe": "vault",
    "backup get": "shop-1",
    "backup describe": "shop-1",
    "backup describe --details": "shop-1",
    "backup contents": "shop-1",
    "backup browse": "shop-1 -- true",
    "backup diff": "shop-1 shop-1",
    "backup logs": "shop-1",
    "backup download": "shop-1 --force --output-dir FOLDER",
    "restore get": "",
    "restore describe": "shop-2",
    "restore describe --details": "shop-2",
    "restore logs": "shop-2",
    "restore target-api": "",
    "restore plan": "--from-backup shop-1 --namespace-mapping shop=shop-3",
    "vault create": "{} --provider alibabacloud --bucket cnfs-oss-test --region cn-beijing",
    "vault delete": "{}-old",
    "backup create": "{}-1 --vault vault --include-namespaces shop --wait --timeout 60s",
    "restore create": "{}-1 --from-backup shop-1 --namespace-mapping shop=shop-4 --wait",
    "restore retry": "shop-5 --name {}-retry",
    "vault key create": "vault",
    "vault key get": "",
    "vault key describe": "vault",
    "vault key export": "vault -o FOLDER/exported.keys",
    "vault key import": "vault -f FOLDER/vault.keys",
    "vault key set": "vault --allow-unsigned",
    "vault key delete": "vault 1f2e3d4c",
    "uninstall": "--yes",
}
"""How each command is called that asks a cluster, in an order in which they work."""
RANKS = ("viewer", "operator", "administrator")


def needs() -> dict[str, str]:
    """The role that a command needs, as docs/permissions.md says it."""
    found = {}
    for line in (pages.DOCS / "permissions.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 2 and cells[1].partition(",")[0] in RANKS:
            names = re.findall(r"`([^`]+)`", cells[0])
            found |= dict.fromkeys(names, cells[1].partition(",")[0])
    return found


def test_every_command_that_asks_a_cluster_is_tried() -> None:
    assert set(CALLS) == set(needs())


@pytest.mark.parametrize("command", CALLS)
def test_a_command_needs_the_role_that_the_page_says(
    site: Site, person: str, command: str, tmp_path: Path
) -> None:
    call = CALLS[command].format(person).replace("FOLDER", str(tmp_path))
    ring = KeyRing((new_key(clock=utc_now),))
    (tmp_path / "vault.keys").write_bytes(export_document(ring, vault="vault"))
    code, err = ferry(site, person, *command.split(), *call.split())
    if RANKS.index(person) >= RANKS.index(needs()[command]):
        assert code == 0, err
    else:
        assert code == 4, err
        assert f'User "{person}" cannot' in err or "escalate and bind cluster roles" in err


def test_who_may_not_read_a_vaults_keys_is_told_that_nothing_was_checked(
    site: Site, person: str
) -> None:
    code, err = ferry(site, person, "backup", "logs", "shop-1")
    assert code == 0, err
    assert (
        "warning: nothing was checked for forgery: you may not read the Secret csdr/csdr-vault-keys"
    ) in err


def test_without_keys_of_ones_own_a_vault_is_not_opened(site: Site, person: str) -> None:
    code, err = ferry(site, person, "backup", "logs", "shop-1", keys=False)
    assert code == 4
    assert "secrets" in err
    assert "hint: give the storage's keys by the environment" in err
