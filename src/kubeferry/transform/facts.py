"""What a restore knows beside the object it is looking at."""

from dataclasses import dataclass

from kubeferry.transform.automatic.upgrades.conversion import ServedKind


@dataclass(frozen=True, slots=True)
class Facts:
    """Handed to every automatic fix.

    ``restored_volumes`` names the PersistentVolumes that are restored as they are (velero.md §3.9:
    no data backup and not reclaimed by deletion). All others are provisioned anew for their claims.
    ``served`` are the kinds that the target serves, each in every version: what is not among them
    is brought to a version that is. ``preserve_node_ports`` is the restore's
    ``preserveNodePorts``, None where it is unset. ``off`` are the rules that are switched off
    (``automatic/rules.py``).
    """

    restored_volumes: frozenset[str] = frozenset()
    served: frozenset[ServedKind] = frozenset()
    preserve_node_ports: bool | None = None
    off: frozenset[str] = frozenset()
