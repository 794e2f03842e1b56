"""Services: addresses are given anew, node ports follow ``preserveNodePorts``, no load balancer is
taken over (ack-backup-center.md A11 to A14, §2.2.5).
"""

from kubeferry.kube.objects import Object, annotations
from kubeferry.transform.change import MISSING, Cause, Change, removals
from kubeferry.transform.facts import Facts
from kubeferry.transform.patch.pointer import escape

_ADDRESSES = Cause("automatic", "service-cluster-ip")
_NODE_PORTS = Cause("automatic", "service-node-ports")
_HEALTH_PORT = Cause("automatic", "service-health-check-port")
_LISTENERS = Cause("automatic", "service-listeners")

_LOAD_BALANCERS = (
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-",
    "service.beta.kubernetes.io/alicloud-loadbalancer-",
)
"""How the annotations of an existing load balancer begin, now and before."""


def addresses(facts: Facts, obj: Object) -> list[Change]:
    """``clusterIP`` and ``clusterIPs`` go, unless the Service is headless (``None``)."""
    spec = obj.get("spec")
    if not isinstance(spec, dict) or spec.get("clusterIP") == "None":
        return []
    return removals(spec, "/spec", ("clusterIP", "clusterIPs"), _ADDRESSES)


def node_ports(facts: Facts, obj: Object) -> list[Change]:
    """``preserveNodePorts: false`` draws all node ports anew; else they stay."""
    spec = obj.get("spec")
    ports = spec.get("ports") if isinstance(spec, dict) else None
    if facts.preserve_node_ports is not False or not isinstance(ports, list):
        return []
    return [
        change
        for index, port in enumerate(ports)
        for change in removals(port, f"/spec/ports/{index}", ("nodePort",), _NODE_PORTS)
    ]


def health_check_port(facts: Facts, obj: Object) -> list[Change]:
    """The health check port of a load balancer with ``externalTrafficPolicy: Local`` is drawn
    anew, unless ``preserveNodePorts: true`` keeps it.
    """
    spec = obj.get("spec")
    if (
        not facts.preserve_node_ports
        and isinstance(spec, dict)
        and spec.get("type") == "LoadBalancer"
        and spec.get("externalTrafficPolicy") == "Local"
    ):
        return removals(spec, "/spec", ("healthCheckNodePort",), _HEALTH_PORT)
    return []


def listeners(facts: Facts, obj: Object) -> list[Change]:
    """On a load balancer that exists already (its id is given) no listener is overwritten: who
    restores does not move the traffic; listeners are set up by hand when it shall move.
    """
    spec = obj.get("spec")
    if not isinstance(spec, dict) or spec.get("type") != "LoadBalancer":
        return []
    given = annotations(obj)
    return [
        Change(f"/metadata/annotations/{escape(key)}", given.get(key, MISSING), "false", _LISTENERS)
        for prefix in _LOAD_BALANCERS
        if given.get(f"{prefix}id")
        for key in [f"{prefix}force-override-listeners"]
        if given.get(key) != "false"
    ]
