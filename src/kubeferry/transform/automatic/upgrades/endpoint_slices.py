"""EndpointSlices: what ``v1beta1`` has in ``topology`` has fields of its own in ``v1``."""

from kubeferry.transform.automatic.editor import Editor

_ZONE, _NODE = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


def v1beta1(editor: Editor) -> None:
    """Zone and node get their fields, the rest is ``deprecatedTopology``."""
    for path, endpoint in editor.items(("endpoints",)):
        if not isinstance(endpoint, dict):
            continue
        topology = editor.remove((*path, "topology"))
        if not isinstance(topology, dict):
            continue
        rest = dict(topology)
        zone = rest.pop(_ZONE, None)
        if zone is not None:
            editor.set((*path, "zone"), zone)
        if _NODE in rest and rest[_NODE] == endpoint.get("nodeName"):
            del rest[_NODE]
        if rest:
            editor.set((*path, "deprecatedTopology"), rest)
