from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kubeferry import codec
from kubeferry.cli.main import root

EXAMPLES = Path(__file__).parents[3] / "examples"


def dry(*args: str, **rest: Any) -> Any:
    """What a create would send, as a client's dry run prints it: no cluster is there."""
    result = CliRunner().invoke(
        root, [*args, "--dry-run", "client", "-o", "yaml"], prog_name="kubeferry", **rest
    )
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return codec.load_yaml(result.stdout)


@pytest.mark.parametrize(
    ("args", "kind", "spec"),
    [
        pytest.param(
            "backup create a --vault v",
            "ApplicationBackup",
            {"storageLocation": "v"},
            id="a backup of everything leaves the defaults to the server",
        ),
        pytest.param(
            "backup create a --vault v --include-namespaces x,y --include-namespaces z"
            " --exclude-namespaces q --ttl 24h --no-volume-data",
            "ApplicationBackup",
            {
                "storageLocation": "v",
                "backupType": "AppBackup",
                "includedNamespaces": ["x", "y", "z"],
                "excludedNamespaces": ["q"],
                "ttl": "24h",
            },
            id="names come with commas or one by one",
        ),
        pytest.param(
            "backup create a --vault v --include-resources deploy,*.example.com"
            " --exclude-resources secrets --include-cluster-resources=false --selector x=y"
            " --generated-objects Include --no-all-versions --backup-type AppAndPvBackup"
            " --storage-classes fast,slow --pv-selector a=b --pv-selector c=d --mounted-only"
            " --resource-policy policies",
            "ApplicationBackup",
            {
                "storageLocation": "v",
                "includedResources": ["deploy", "*.example.com"],
                "excludedResources": ["secrets"],
                "includeClusterResources": False,
                "labelSelector": {"matchLabels": {"x": "y"}},
                "generatedObjects": "Include",
                "allVersions": False,
                "pvBackup": {
                    "includedStorageClasses": ["fast", "slow"],
                    "labelSelectors": [{"matchLabels": {"a": "b"}}, {"matchLabels": {"c": "d"}}],
                    "mountedOnly": True,
                },
                "resourcePolicy": {"kind": "ConfigMap", "name": "policies"},
            },
            id="what selects in a backup",
        ),
        pytest.param(
            "backup create a --vault v --include-namespace-scoped-resources pods"
            " --exclude-namespace-scoped-resources secrets"
            " --include-cluster-scoped-resources storageclasses"
            " --exclude-cluster-scoped-resources nodes --or-selector a=b --or-selector c"
            " --backup-type PvBackup --no-mounted-only --no-volume-data",
            "ApplicationBackup",
            {
                "storageLocation": "v",
                "backupType": "PvBackup",
                "includedNamespaceScopedResources": ["pods"],
                "excludedNamespaceScopedResources": ["secrets"],
                "includedClusterScopedResources": ["storageclasses"],
                "excludedClusterScopedResources": ["nodes"],
                "orLabelSelectors": [
                    {"matchLabels": {"a": "b"}},
                    {"matchExpressions": [{"key": "c", "operator": "Exists"}]},
                ],
                "pvBackup": {"defaultPvBackup": False, "mountedOnly": False},
            },
            id="what selects by scope, and claims without their data",
        ),
        pytest.param(
            "backup create a --vault v --all-versions --include-cluster-resources",
            "ApplicationBackup",
            {"storageLocation": "v", "includeClusterResources": True},
            id="what is the default anyway is left to the server",
        ),
        pytest.param(
            "vault create a --provider alibabacloud --bucket bucket --prefix sub"
            " --region cn-beijing --network public --sync-period 1m",
            "BackupLocation",
            {
                "provider": "alibabacloud",
                "config": {"region": "cn-beijing", "network": "public"},
                "objectStorage": {"bucket": "bucket", "prefix": "sub"},
                "backupSyncPeriod": "1m",
            },
            id="a vault",
        ),
        pytest.param(
            "restore create a --from-backup b --namespace-mapping x=y,z=w"
            " --image-registry-mapping r.example.com/a=s.example.com:5000/b --resource-modifier m",
            "ApplicationRestore",
            {
                "backupName": "b",
                "namespaceMapping": {"x": "y", "z": "w"},
                "imageRegistryMapping": {"r.example.com/a": "s.example.com:5000/b"},
                "resourceModifier": {"kind": "ConfigMap", "name": "m"},
            },
            id="a restore with all its parameters",
        ),
        pytest.param(
            "restore create a --backup b",
            "ApplicationRestore",
            {"backupName": "b"},
            id="a restore without any",
        ),
    ],
)
def test_options_make_a_manifest(args: str, kind: str, spec: dict[str, Any]) -> None:
    assert dry(*args.split()) == {
        "apiVersion": "csdr.alibabacloud.com/v1beta1",
        "kind": kind,
        "metadata": {"name": "a", "namespace": "csdr"},
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("noun", "file"),
    [
        ("backup", "02-applicationbackup.yaml"),
        ("vault", "04-backuplocation.yaml"),
        ("restore", "05-applicationrestore.yaml"),
    ],
)
def test_the_seeds_manifests_go_as_they_are(noun: str, file: str) -> None:
    sent = dry(noun, "create", "-f", str(EXAMPLES / file))
    assert sent == codec.load_yaml((EXAMPLES / file).read_text())


def test_a_manifest_may_come_from_stdin() -> None:
    text = (EXAMPLES / "05-applicationrestore.yaml").read_text()
    assert dry("restore", "create", "-f", "-", input=text) == codec.load_yaml(text)


@pytest.mark.parametrize(
    ("args", "env", "namespace"),
    [
        pytest.param((), {}, "csdr", id="csdr"),
        pytest.param((), {"KUBEFERRY_NAMESPACE": "b"}, "b", id="the environment's"),
        pytest.param(("-n", "c"), {"KUBEFERRY_NAMESPACE": "b"}, "c", id="the option's"),
    ],
)
def test_the_namespace(args: tuple[str, ...], env: dict[str, str], namespace: str) -> None:
    sent = dry("backup", "create", "a", "--vault", "v", *args, env=env)
    assert sent["metadata"]["namespace"] == namespace


def bad(*args: str, **rest: Any) -> str:
    result = CliRunner().invoke(root, list(args), prog_name="kubeferry", **rest)
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "stdin: holds 0 documents", id="nothing"),
        pytest.param("[1]", "stdin: holds no object", id="no object"),
        pytest.param("a: b\n---\nc: d\n", "stdin: holds 2 documents", id="two objects"),
        pytest.param("a: [", "stdin: does not parse", id="no YAML"),
        pytest.param("kind: Pod\napiVersion: v1\n", "is v1 Pod", id="another kind"),
    ],
)
def test_a_file_that_is_no_such_manifest_is_refused(text: str, message: str) -> None:
    err = bad("backup", "create", "-f", "-", "--dry-run", "client", input=text)
    assert message in err


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    err = bad("backup", "create", "-f", str(tmp_path / "x.yaml"))
    assert err == f"error: {tmp_path / 'x.yaml'}: cannot be read: No such file or directory\n"


def test_a_name_beside_a_file_must_be_the_files() -> None:
    file = str(EXAMPLES / "02-applicationbackup.yaml")
    assert "metadata.name" in bad("backup", "create", "other", "-f", file)


def test_a_namespace_beside_a_file_must_be_the_files() -> None:
    file = str(EXAMPLES / "02-applicationbackup.yaml")
    assert "metadata.namespace" in bad(
        "backup", "create", "-f", file, "-n", "other", "--dry-run", "client"
    )
