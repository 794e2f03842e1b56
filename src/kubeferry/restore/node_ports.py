"""Node ports that another Service of the target has (ack-backup-center.md §2.2.5). Pure."""

import re

from kubeferry.errors import ApiError
from kubeferry.kube.objects import Object, at
from kubeferry.transform.change import Note

TAKEN = "NodePortTaken"
_SAID = re.compile(
    r"spec\.ports\[\d+\]\.nodePort: Invalid value: (\d+): provided port is already allocated"
)


def without_taken(service: Object, error: ApiError) -> tuple[Object, Note] | None:
    """The Service without the node ports that the API server says are another's, and what is to
    be told; None if it said something else.
    """
    taken = {int(port) for port in _SAID.findall(error.problem)}
    ports = at(service, ("spec", "ports"))
    if not taken or not isinstance(ports, list):
        return None
    freed = [
        {key: value for key, value in port.items() if key != "nodePort"}
        if isinstance(port, dict) and port.get("nodePort") in taken
        else port
        for port in ports
    ]
    if freed == ports:
        return None
    named = ", ".join(map(str, sorted(taken)))
    text = (
        f"another Service has the node port {named}: this one was given a new one; whoever sends "
        "requests there must be told (preserveNodePorts: false draws all anew)"
    )
    return {**service, "spec": {**service["spec"], "ports": freed}}, Note(TAKEN, text)
