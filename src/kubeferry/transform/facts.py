"""What a restore knows beside the object it is looking at."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kubeferry.transform.automatic.upgrades.conversion import ServedKind


@dataclass(frozen=True, slots=True)
class Facts:
    """Handed to every automatic fix.

    ``restored_volumes`` names the PersistentVolumes that are restored as they are (velero.md §3.9:
    no data backup and not reclaimed by deletion). All others are provisioned anew for their claims.
    ``served`` are the kinds that the target serves, each in every version: what is not among them
    is brought to a version that is. ``preserve_node_ports`` is the restore's
    ``preserveNodePorts``, None where it is unset. ``off`` are the rules that are switched off
    (``automatic/rules.py``). ``left`` are the providers (``automatic/clouds``) that the source is
    of and the target is not; ``node_labels`` those that the target's nodes have, each with its
    values, None where that is not known. ``classes`` are the storage classes that the target has
    or gets, each with its provisioner, None where they are not known; ``class_mapping`` the
    restore's ``storageClassMapping`` and ``converted_claims`` those of its ``convertedarg``;
    ``fallback_class`` and ``fallback_shared_class`` are the administrator's, for claims whose class
    is missing: for one node at a time, and for many.
    """

    restored_volumes: frozenset[str] = frozenset()
    served: frozenset[ServedKind] = frozenset()
    preserve_node_ports: bool | None = None
    off: frozenset[str] = frozenset()
    left: tuple[str, ...] = ()
    node_labels: Mapping[str, frozenset[str]] | None = None
    classes: Mapping[str, str] | None = None
    class_mapping: Mapping[str, str] = field(default_factory=dict)
    converted_claims: Collection[tuple[str, str]] = frozenset()
    fallback_class: str = ""
    fallback_shared_class: str = ""
