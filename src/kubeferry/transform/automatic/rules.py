"""The automatic rules by name: what each does, and which are switched off (``spec.automatic``)."""

from collections.abc import Mapping
from difflib import get_close_matches

from kubeferry.errors import InvalidInput

PLACE = "spec.automatic"

RULES: Mapping[str, str] = {
    "api-upgrade": "an object gets a version that the target serves, "
    "[field by field](#api-versions)",
    "api-upgrade-reference": "what an autoscaler scales or measures, named in a version that is "
    "not served, is named in one that is",
    "old-api-named": "a warning: a role or a webhook names a kind in a group or version that it "
    "has left (`OldApiNamed`)",
    "cloud-annotations": "annotations of [another provider](#other-clouds) go from Services, "
    "Ingresses and what else its table names",
    "cloud-marks": "labels and finalizers by which a cloud's controller knows what it has seen to "
    "go, whatever the target is",
    "cloud-load-balancer": "`loadBalancerClass` and `loadBalancerIP` of another provider go",
    "cloud-injected": "token volumes and environment that another provider's webhook put into "
    "pods go",
    "cloud-node-selector": "labels of another provider's nodes go from `nodeSelector`, where no "
    "node of the target has them",
    "cloud-specific": "warnings: what else means nothing here (`ProviderSpecific`), nodes that "
    "pods demand and the target lacks (`NodesUnmatched`)",
    "pod-placement": "`nodeName` and `priority` of pods go",
    "pod-ephemeral-containers": "they go: no pod can be created with them",
    "pod-token-volumes": "volumes of old service account tokens go",
    "pod-restore-wait": "init containers with which Velero waited for volume data in an earlier "
    "restore go: nobody would end their wait",
    "service-cluster-ip": "`clusterIP` goes, unless headless",
    "service-node-ports": "node ports stay; with `preserveNodePorts: false` all are drawn anew. "
    "One that another Service has is given up when that is found (`NodePortTaken`)",
    "service-health-check-port": "drawn anew, unless `preserveNodePorts: true`",
    "service-listeners": "on a load balancer that exists already (`...loadbalancer-id` is given, "
    'of Alibaba Cloud) `force-override-listeners` is `"false"`: no traffic moves by itself',
    "ingress-class": "said in the annotation and in `ingressClassName`, which no API server takes: "
    "one goes; where they differ the annotation stays",
    "claim-binding": "what binds a claim to a volume, a node and a provisioner goes",
    "claim-volume": "a claim gets a new volume, unless its own is restored",
    "volume-binding": "a restored PersistentVolume waits for its claim",
    "disk-size": "a claim that gets a disk of Alibaba Cloud asks for 20Gi at least (`DiskSize`); "
    "this and the next two also in claim templates, of StatefulSets and ephemeral volumes",
    "disk-access-mode": "a claim that gets a disk of Alibaba Cloud asks for `ReadWriteOnce` "
    "(`DiskAccessMode`)",
    "missing-class": "a claim whose storage class neither target nor backup has gets one that ACK "
    "makes, if the target has that, else the one that a [setting](settings.md) of the controller "
    "names; that is told (`StorageClassMissing`)",
    "flexvolume-to-csi": "[FlexVolume to CSI](#flexvolume-to-csi); a disk's zone label becomes "
    "node affinity (`flexvolume-zone`)",
    "flexvolume-claim": "a FlexVolume without a PersistentVolume gets a claim",
    "seccomp-profile": "annotations of old pods, which servers since 1.27 pass over, become "
    "`seccompProfile`",
    "cron-time-zone": "`TZ=` in a CronJob's schedule becomes `timeZone`, from Kubernetes 1.25 on",
    "job-selector": "the uid's labels go",
    "webhook-side-effects": "`sideEffects` is `None` unless it is `None` or `NoneOnDryRun` "
    "already: nothing else is taken",
    "definition-unknown-fields": "`preserveUnknownFields` goes; each map of the schemas says that "
    "it keeps unknown fields, so that none is lost",
    "service-account-tokens": "the source's tokens go from the accounts",
    "generated-pull-secrets": "references of accounts and pods to pull secrets that OpenShift "
    "generated (`ACCOUNT-dockercfg-*`) go",
    "token-secret": "the source's token goes from a token Secret, the target fills in its own",
}
"""Every rule that a restore can be told to leave alone, with what it does, for the docs."""


def switched_off(switches: Mapping[str, bool], *, place: str = PLACE) -> frozenset[str]:
    """The rules that are switched off; all others are on.

    Raises ``InvalidInput`` for a name that is no rule's.
    """
    for name in switches:
        if name not in RULES:
            close = get_close_matches(name, RULES, n=1)
            raise InvalidInput(
                f"there is no automatic rule {name!r}",
                place=f"{place}.{name}",
                remedy=f"did you mean {close[0]}?" if close else f"there are {', '.join(RULES)}",
            )
    return frozenset(name for name, is_on in switches.items() if not is_on)
