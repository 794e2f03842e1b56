"""Claims whose own volume another claim has in the target: two cannot share it (A8).

A volume that is restored as it is keeps its name and its storage (velero.md §3.9). Where the target
has it already, bound to another claim, as in a restore beside the original, a claim that names it
would wait for ever.
"""

import msgspec

from kubeferry import codec
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object, at
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import Note

VOLUME_TAKEN = "VolumeTaken"
_CLAIMS, _VOLUMES = "persistentvolumeclaims", "persistentvolumes"


class _Reference(msgspec.Struct):
    namespace: str = ""
    name: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    claim_ref: _Reference | None = None


class _Volume(msgspec.Struct):
    spec: _Spec


_VOLUME = codec.Decoder(_Volume)


def taken_volume(spool: Spool, target: Identity, obj: Object) -> Note | None:
    """Why a claim cannot have the volume that it names; None if it can, or is there already."""
    volume = at(obj, ("spec", "volumeName"))
    if target.group_resource != _CLAIMS or not isinstance(volume, str):
        return None
    live = spool.live(Identity(_VOLUMES, "", volume))
    if live is None or spool.live(target) is not None:
        return None
    try:
        claim = _VOLUME.decode(live).spec.claim_ref
    except msgspec.DecodeError:
        return None
    if claim is None or not claim.name or (claim.namespace, claim.name) == target[1:]:
        return None
    text = f"its volume {volume} belongs to the claim {claim.namespace}/{claim.name} here"
    return Note(VOLUME_TAKEN, text)
