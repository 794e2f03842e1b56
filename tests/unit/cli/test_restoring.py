"""A restore's options: to a spec, and from a spec back to a command."""

import shlex
from typing import Any

import click
import pytest

from kubeferry.api.metadata import manifest
from kubeferry.cli.restore import build, create
from kubeferry.cli.restore_words import rows, words_of

ALL = (
    "--from-backup b --include-namespaces shop,db --exclude-namespaces 'x-*' "
    "--include-resources deploy,cm --exclude-resources '*.apps' --include-cluster-resources=false "
    "--selector 'a=b,c in (d,e),!f' --privileged-resources Skip --namespace-mapping shop=shop2 "
    "--references webhooks=false --rewrite-service-names --image-registry-mapping old=new "
    "--image-path things.x.io=/spec/image --image-path things.x.io=/spec/other "
    "--storage-class-mapping slow=fast --convert-claim shop/data=fast,ReadWriteOnce,20Gi "
    "--service-annotation a=b,c=d --service-annotation e- --ingress-annotation f= "
    "--preserve-node-ports=false --status-include-resources cm --status-exclude-resources deploy "
    "--app-restore-only --resource-modifier m --automatic job-selector=false "
    "--source-provider aws --target-provider on-prem "
    "--existing-resource-policy update --wait-for-ready 10m"
)


def options(line: str) -> dict[str, Any]:
    context = create.make_context("create", ["name", *shlex.split(line)])
    named = {"name", "file", "wait", "timeout", "dry_run", "output"}
    return {key: value for key, value in context.params.items() if key not in named}


def spec(line: str) -> dict[str, Any]:
    made: dict[str, Any] = manifest(build("name", options(line)))["spec"]
    return made


def test_every_option_has_its_field() -> None:
    assert spec(ALL) == {
        "backupName": "b",
        "includedNamespaces": ["shop", "db"],
        "excludedNamespaces": ["x-*"],
        "includedResources": ["deploy", "cm"],
        "excludedResources": ["*.apps"],
        "includeClusterResources": False,
        "labelSelector": {
            "matchLabels": {"a": "b"},
            "matchExpressions": [
                {"key": "c", "operator": "In", "values": ["d", "e"]},
                {"key": "f", "operator": "DoesNotExist"},
            ],
        },
        "privilegedResources": "Skip",
        "namespaceMapping": {"shop": "shop2"},
        "references": {"webhooks": False},
        "rewriteServiceNames": True,
        "imageRegistryMapping": {"old": "new"},
        "imagePaths": {"things.x.io": ["/spec/image", "/spec/other"]},
        "storageClassMapping": {"slow": "fast"},
        "convertedarg": [
            {
                "namespace": "shop",
                "persistentVolumeClaim": "data",
                "convertToStorageClassType": "fast",
                "convertToAccessModes": ["ReadWriteOnce"],
                "convertToCapacity": "20Gi",
            }
        ],
        "overwriteServiceAnnotations": {"a": "b,c=d", "e-": ""},
        "overwriteIngressAnnotations": {"f": ""},
        "preserveNodePorts": False,
        "automatic": {"job-selector": False},
        "sourceProvider": "aws",
        "targetProvider": "on-prem",
        "restoreStatus": {"includedResources": ["cm"], "excludedResources": ["deploy"]},
        "appRestoreOnly": True,
        "existingResourcePolicy": "update",
        "waitForReady": "10m",
        "resourceModifier": {"kind": "ConfigMap", "name": "m"},
    }


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("--from-backup b", id="nothing said"),
        pytest.param(ALL, id="everything"),
        pytest.param("--from-backup b --or-selector 'a=b or c' --preserve-node-ports", id="or"),
    ],
)
def test_the_command_of_a_spec_makes_the_same_spec(line: str) -> None:
    made = build("name", options(line))
    again = build("name", options(" ".join(words_of(made.spec))))
    assert again.spec == made.spec


def test_all_that_is_asked_for_is_shown() -> None:
    made = build("name", options(ALL))
    shown = {name for name, _, _ in rows(made.spec)}
    fields = set(spec(ALL)) - {"backupName", "references", "automatic"}
    assert shown == fields | {"references.webhooks", "automatic.job-selector"}
    assert ("convertedarg", "shop/data", "fast,ReadWriteOnce,20Gi") in list(rows(made.spec))
    assert ("overwriteServiceAnnotations", "e", "(taken out)") in list(rows(made.spec))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("--service-annotation a", "write KEY=VALUE, or KEY-", id="no value"),
        pytest.param("--service-annotation -", "write KEY=VALUE", id="no key"),
        pytest.param("--convert-claim data=fast", "write NAMESPACE/CLAIM", id="no namespace"),
        pytest.param("--convert-claim a/b", "is no pair", id="no conversion"),
        pytest.param("--image-path a=", "is no pair", id="no path"),
        pytest.param("--references webhooks=no", "true or false", id="no switch"),
        pytest.param("--selector 'a b c'", "cannot read", id="no selector"),
    ],
)
def test_refused(line: str, problem: str) -> None:
    with pytest.raises(click.BadParameter, match=problem):
        build("name", options(f"--from-backup b {line}"))
