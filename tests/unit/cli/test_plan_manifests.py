"""A plan as manifests: which are written, and into which files."""

from pathlib import Path

import pytest

from kubeferry.cli.plan_manifests import file_of, manifest_lines, write_manifests
from kubeferry.cli.plan_summary import Tally
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.waves import STEPS
from tests.builders import Built, config_map, obj

VOLUME = obj("v1/PersistentVolume", "pv").with_(
    spec={"csi": {"volumeAttributes": {"akId": "id", "akSecret": "c2VjcmV0"}}}
)


def item(kind: str, planned: Built) -> PlanItem:
    about = planned["metadata"]
    identity = Identity(kind, about.get("namespace", ""), about["name"])
    resource = Resource("", "v1", kind, planned["kind"], bool(identity.namespace))
    return PlanItem(identity, identity, resource, "create", dict(planned))


STEPS_OF_A_PLAN = [
    (STEPS[3], [item("persistentvolumes", VOLUME)]),
    (STEPS[8], [item("configmaps", config_map("shop/menu", tea="3"))]),
]


def test_what_holds_keys_of_a_storage_is_left_out_as_secrets_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = "\n".join(manifest_lines(STEPS_OF_A_PLAN, Tally(), show_secrets=False))
    assert "name: menu" in shown
    assert "name: pv" not in shown
    assert "1 object with keys of a storage left out" in capsys.readouterr().err
    assert "c2VjcmV0" in "\n".join(manifest_lines(STEPS_OF_A_PLAN, Tally(), show_secrets=True))


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        pytest.param(
            Identity("deployments.apps", "shop", "web"),
            "shop/deployments.apps-web.yaml",
            id="namespace, kind and name",
        ),
        pytest.param(
            Identity("namespaces", "", "shop"), "_cluster/namespaces-shop.yaml", id="no namespace"
        ),
        pytest.param(
            Identity("roles.rbac.authorization.k8s.io", "shop", "a:b/c"),
            "shop/roles.rbac.authorization.k8s.io-a%3Ab%2Fc.yaml",
            id="signs that file systems do not take",
        ),
        pytest.param(
            Identity("pods", "..", "../../x"),
            "%2E./pods-..%2F..%2Fx.yaml",
            id="what would lead elsewhere does not",
        ),
    ],
)
def test_the_file_of_a_manifest(identity: Identity, expected: str) -> None:
    assert file_of(identity).as_posix() == expected


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    one, other = [file_of(Identity("pods", "a", "x" * 250 + end)) for end in "ab"]
    assert one != other
    assert len(one.name) < 250


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_manifests(STEPS_OF_A_PLAN, Tally(), file, show_secrets=False)
