"""Volumes and classes of Alibaba's FlexVolume drivers become those of its CSI drivers
(ack-backup-center.md A16).

Only drivers of the table are touched; a FlexVolume of anybody else stays one. A claim needs no
change beyond ``claim-binding``: the class that it names is the same.
"""

from collections.abc import Mapping
from typing import Any

from kubeferry.kube.objects import Object, annotations, at, labels, metadata
from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.facts import Facts

_CAUSE = Cause("automatic", "flexvolume-to-csi")
_TOPOLOGY = Cause("automatic", "flexvolume-zone")

DISK, NAS, OSS = "alicloud/disk", "alicloud/nas", "alicloud/oss"
DRIVERS: Mapping[str, str] = {
    DISK: "diskplugin.csi.alibabacloud.com",
    NAS: "nasplugin.csi.alibabacloud.com",
    OSS: "ossplugin.csi.alibabacloud.com",
}
"""FlexVolume driver, and provisioner, to CSI driver."""

_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    DISK: (),
    NAS: ("server", "path", "mode"),
    OSS: ("bucket", "url", "path", "otherOpts", "akId", "akSecret"),
}
"""Options that are attributes of the CSI volume under the same names."""

_CLASS_PARAMETERS: Mapping[str, str] = {
    "zoneid": "zoneId",
    "regionid": "regionId",
    "readonly": "readOnly",
    "fstype": "csi.storage.k8s.io/fstype",
}
"""Parameters of a disk's class that have another name."""

_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_ZONE = "topology.diskplugin.csi.alibabacloud.com/zone"
_OLD_ZONE, _OLD_REGION = (
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
)


def volume(facts: Facts, obj: Object) -> list[Change]:
    """A PersistentVolume: the same disk, file system or bucket by the CSI driver's names."""
    flex = at(obj, ("spec", "flexVolume"))
    driver = csi_driver(flex)
    if driver is None:
        return []
    editor = Editor(obj, _CAUSE)
    for path, value in _source(obj, flex, driver).items():
        editor.set(("spec", "csi", *path), value)
    if driver == NAS:
        _mount_options(editor, _options(flex))
    # One by one, so that no change but its own tells of a key that is among the options.
    for name in _options(flex):
        editor.remove(("spec", "flexVolume", "options", name))
    editor.remove(("spec", "flexVolume"))
    provisioner = annotations(obj).get(_PROVISIONED_BY)
    if isinstance(provisioner, str) and provisioner in DRIVERS:
        editor.set(("metadata", "annotations", _PROVISIONED_BY), DRIVERS[provisioner])
    return [*editor.changes, *(_topology(editor.object) if driver == DISK else [])]


def storage_class(facts: Facts, obj: Object) -> list[Change]:
    """A class whose provisioner is a FlexVolume's: the CSI driver, and parameters as it reads
    them.
    """
    provisioner = obj.get("provisioner")
    if not isinstance(provisioner, str) or provisioner not in DRIVERS:
        return []
    editor = Editor(obj, _CAUSE)
    editor.set(("provisioner",), DRIVERS[provisioner])
    if provisioner == NAS:
        editor.remove(("parameters", "driver"))
    elif provisioner == DISK:
        for old, new in _CLASS_PARAMETERS.items():
            if editor.get(("parameters", new)) is None:
                editor.move(("parameters", old), ("parameters", new))
    return editor.changes


def csi_driver(flex: Any) -> str | None:
    """The FlexVolume driver of a volume's ``flexVolume``, None unless it is one of the table."""
    driver = flex.get("driver") if isinstance(flex, dict) else None
    return driver if isinstance(driver, str) and driver in DRIVERS else None


def _options(flex: Any) -> dict[str, Any]:
    options = flex.get("options")
    return options if isinstance(options, dict) else {}


def _source(obj: Object, flex: Mapping[str, Any], driver: str) -> dict[tuple[str, ...], Any]:
    """The fields of ``spec.csi``, by their paths below it."""
    options = _options(flex)
    name = metadata(obj).get("name")
    disk = options.get("volumeId") or options.get("VolumeId")
    found: dict[tuple[str, ...], Any] = {
        ("driver",): DRIVERS[driver],
        ("volumeHandle",): disk or name if driver == DISK else name,
    }
    for field in ("fsType", "readOnly"):
        if flex.get(field):
            found[(field,)] = flex[field]
    attributes = {key: options[key] for key in _ATTRIBUTES[driver] if options.get(key)}
    if driver != DISK:
        attributes.setdefault("path", "/")
    found |= {("volumeAttributes", key): value for key, value in attributes.items()}
    secret = flex.get("secretRef")
    if isinstance(secret, dict) and secret.get("name"):
        namespace = secret.get("namespace") or at(obj, ("spec", "claimRef", "namespace"))
        found[("nodePublishSecretRef",)] = {
            "name": secret["name"],
            "namespace": namespace or "default",
        }
    return found


def _mount_options(editor: Editor, options: Mapping[str, Any]) -> None:
    """What FlexVolume mounted with where nothing was written is written out."""
    version = str(options.get("vers") or "3").removesuffix(".0") if options else "3"
    version = "4.0" if version == "4" else version
    written = options.get("options") or (
        "nolock,tcp,noresvport" if version == "3" else "noresvport"
    )
    listed = editor.get(("spec", "mountOptions"))
    wanted = [] if str(written).lower() == "none" else [str(written)]
    editor.set(
        ("spec", "mountOptions"),
        [*(listed if isinstance(listed, list) else []), *wanted, f"vers={version}"],
    )


def _topology(obj: Object) -> list[Change]:
    """A disk can be attached in its zone only: a label said so, node affinity does now."""
    editor = Editor(obj, _TOPOLOGY)
    terms = ("spec", "nodeAffinity", "required", "nodeSelectorTerms")
    zones = labels(obj).get(_OLD_ZONE)
    if isinstance(zones, str) and zones and not editor.get(terms):
        expression = {"key": _ZONE, "operator": "In", "values": zones.split("__")}
        editor.set(terms, [{"matchExpressions": [expression]}])
    for term, _ in editor.items(terms):
        for path, expression in editor.items((*term, "matchExpressions")):
            if isinstance(expression, dict) and expression.get("key") == _OLD_ZONE:
                editor.set((*path, "key"), _ZONE)
    for label in (_OLD_ZONE, _OLD_REGION):
        if label in labels(editor.object):
            editor.remove(("metadata", "labels", label))
    return editor.changes
