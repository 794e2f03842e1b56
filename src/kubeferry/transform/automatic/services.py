"""Services: addresses are given anew; node ports stay (ack-backup-center.md A11, A12, A14)."""

from kubeferry.kube.objects import Object
from kubeferry.transform.change import Cause, Change, removals
from kubeferry.transform.facts import Facts

_ADDRESSES = Cause("automatic", "service-cluster-ip")
_HEALTH_PORT = Cause("automatic", "service-health-check-port")


def addresses(facts: Facts, obj: Object) -> list[Change]:
    """``clusterIP`` and ``clusterIPs`` go, unless the Service is headless (``None``)."""
    spec = obj.get("spec")
    if not isinstance(spec, dict) or spec.get("clusterIP") == "None":
        return []
    return removals(spec, "/spec", ("clusterIP", "clusterIPs"), _ADDRESSES)


def health_check_port(facts: Facts, obj: Object) -> list[Change]:
    """The health check port of a load balancer with ``externalTrafficPolicy: Local`` is drawn
    anew.
    """
    spec = obj.get("spec")
    if (
        isinstance(spec, dict)
        and spec.get("type") == "LoadBalancer"
        and spec.get("externalTrafficPolicy") == "Local"
    ):
        return removals(spec, "/spec", ("healthCheckNodePort",), _HEALTH_PORT)
    return []
