"""What differs between what a restore would write and the object that is there already. Pure.

Only what the restore writes counts. What is in the live object alone (defaults of the server,
fields of controllers and of other people) neither counts nor is touched, unless one of the *bases*
had it: the live object's last-applied annotation, else what an earlier restore owned there; and the
archived object, whose field a parameter or rule has taken out since. So the comparison is a
three-way merge, and what it finds is exactly what an update changes.

Lists that a strategic merge patch merges are compared element by element, by their key; other lists
by place, where they are equally long.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any, NamedTuple

import msgspec

from kubeferry import codec
from kubeferry.kube.objects import Object, annotations, metadata
from kubeferry.kube.quantities import parse_quantity
from kubeferry.transform.change import MISSING, Cause, Change, apply_changes
from kubeferry.transform.patch.merge_keys import MergeKeys, merge_keys
from kubeferry.transform.patch.pointer import equal, escape
from kubeferry.transform.pipeline import RESTORE_LABEL

CAUSE = Cause("parameter", "existingResourcePolicy")
"""The cause of every change that an existing object gets."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_CARRIED_LABELS = frozenset({"velero.io/backup-name", RESTORE_LABEL})
"""Not a difference of their own; an update writes them along."""
_CARRIED_ANNOTATIONS = frozenset({LAST_APPLIED})
_OTHERS_ANNOTATIONS = (
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "autoscaling.alpha.kubernetes.io/",
    "batch.kubernetes.io/",
    "control-plane.alpha.kubernetes.io/leader",
    "endpoints.kubernetes.io/",
    "kubernetes.io/service-account.uid",
    "openshift.io/internal-registry-pull-secret-ref",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/storage-provisioner",
)
"""How annotations begin that Kubernetes' own controllers write, and OpenShift's."""

_AUTOSCALER = "kube-controller-manager"

_MAPS = frozenset(
    {
        "annotations",
        "binaryData",
        "data",
        "default",
        "defaultRequest",
        "hard",
        "labels",
        "limits",
        "matchLabels",
        "max",
        "min",
        "nodeSelector",
        "parameters",
        "requests",
        "stringData",
    }
)
"""Fields whose keys people choose; an empty one is the same as none."""
_QUANTITIES = frozenset({"capacity", "default", "defaultRequest", "hard", "limits", "max", "min"})
_QUANTITIES |= {"requests", "sizeLimit", "storage", "maxLimitRequestRatio"}
_MEANT_EMPTY = frozenset({"storageClassName"})
"""Texts that say something by being empty."""
_DEFAULTED = frozenset(
    {
        "dnsPolicy",
        "enableServiceLinks",
        "imagePullPolicy",
        "internalTrafficPolicy",
        "ipFamilies",
        "ipFamilyPolicy",
        "preemptionPolicy",
        "progressDeadlineSeconds",
        "restartPolicy",
        "revisionHistoryLimit",
        "schedulerName",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "sessionAffinity",
        "terminationGracePeriodSeconds",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "volumeMode",
    }
)
"""Fields that the server fills in again at once if they are taken out: gone, they never are."""


class Comparison(NamedTuple):
    """``changes`` lead from the live object to ``merged``; none, and nothing differs.

    ``patch`` is the JSON merge patch that makes them, if the object is still of the ``version``
    that was compared, which is in it.
    """

    changes: tuple[Change, ...]
    merged: Object
    patch: Object


def entered(archived: Object, changes: Iterable[Change]) -> Object:
    """The object as it entered the parameters and rules: what it has that the restore does not
    write was taken out by one of them.
    """
    return apply_changes(archived, takewhile(_is_automatic, changes))


def compare_existing(
    ours: Object, live: Object, *, archived: Object, group_resource: str
) -> Comparison:
    """Compares what the restore would write with what is there.

    ``archived`` is the object as ``entered`` gives it. Raises ``RecursionError`` for what is nested
    more deeply than calls can be.
    """
    ours = _as_stored(ours) if group_resource == "secrets" else ours
    ours = _unscaled(ours) if _is_autoscaled(live) else ours
    walk = _Walk(merge_keys(group_resource))
    bases = [*_bases(live), archived]
    merged = walk.fields(ours, live, bases)
    if not walk.found:
        return Comparison((), live, {})
    merged = _carried(ours, merged)
    patch = merge_patch(live, merged)
    patch.setdefault("metadata", {})["resourceVersion"] = metadata(live).get("resourceVersion")
    return Comparison(tuple(walk.found), merged, patch)


def merge_account(ours: Object, live: Object) -> Comparison:
    """What a ServiceAccount that is there lacks of the restore's: labels, annotations, Secrets by
    name. What it has stays as it is (velero.md §3.6).
    """
    found: list[Change] = []
    merged = dict(live)
    merged["metadata"] = about = dict(metadata(live))
    for field in ("labels", "annotations"):
        have, wanted = about.get(field) or {}, metadata(ours).get(field) or {}
        new = {key: value for key, value in wanted.items() if key not in have}
        new = {key: value for key, value in new.items() if _counts(field, key)}
        if new:
            about[field] = {**have, **new}
            found += [
                Change(f"/metadata/{field}/{escape(key)}", MISSING, value, CAUSE)
                for key, value in new.items()
            ]
    for field in ("secrets", "imagePullSecrets"):
        listed = list(live.get(field) or ())
        names = {one.get("name") for one in listed if isinstance(one, dict)}
        for one in ours.get(field) or ():
            if isinstance(one, dict) and one.get("name") not in names:
                found.append(Change(f"/{field}/{len(listed)}", MISSING, one, CAUSE))
                listed.append(one)
        if len(listed) > len(live.get(field) or ()):
            merged[field] = listed
    if not found:
        return Comparison((), live, {})
    patch = merge_patch(live, merged)
    patch.setdefault("metadata", {})["resourceVersion"] = about.get("resourceVersion")
    return Comparison(tuple(found), merged, patch)


def merge_patch(old: Object, new: Object) -> Object:
    """The JSON merge patch (RFC 7386) that makes ``new`` of ``old``."""
    patch: Object = {}
    for key, value in new.items():
        before = old.get(key, MISSING)
        if before is value:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            inner = merge_patch(before, value)
            if inner:
                patch[key] = inner
        elif not equal(before, value):
            patch[key] = value
    patch.update((key, None) for key in old if key not in new)
    return patch


def _is_automatic(change: Change) -> bool:
    return change.cause.mechanism == "automatic"


def _counts(field: str, key: str) -> bool:
    """Whether a label or annotation is a difference."""
    if field == "labels":
        return key not in _CARRIED_LABELS
    return key not in _CARRIED_ANNOTATIONS and not key.startswith(_OTHERS_ANNOTATIONS)


def _carried(ours: Object, merged: Object) -> Object:
    """The labels that say where it is from, and the last-applied text that belongs to the fields:
    written where something else is.
    """
    about = dict(metadata(merged))
    for field, keys in (("labels", _CARRIED_LABELS), ("annotations", _CARRIED_ANNOTATIONS)):
        wanted = metadata(ours).get(field) or {}
        new = {key: wanted[key] for key in keys if key in wanted}
        if new:
            about[field] = {**(about.get(field) or {}), **new}
    return {**merged, "metadata": about}


def _as_stored(secret: Object) -> Object:
    """A Secret whose ``stringData`` is where the server puts it."""
    texts = secret.get("stringData")
    if not isinstance(texts, dict):
        return secret
    data = dict(secret.get("data") or {})
    for key, text in texts.items():
        data[key] = base64.b64encode(str(text).encode()).decode()
    return {key: value for key, value in secret.items() if key != "stringData"} | {"data": data}


def _is_autoscaled(live: Object) -> bool:
    """Whether an autoscaler has set the number of replicas; a person's scaling tells another
    manager.
    """
    return any(
        isinstance(entry, dict)
        and entry.get("subresource") == "scale"
        and entry.get("manager") == _AUTOSCALER
        for entry in metadata(live).get("managedFields") or ()
    )


def _unscaled(ours: Object) -> Object:
    spec = ours.get("spec")
    if not isinstance(spec, dict):
        return ours
    return {**ours, "spec": {key: value for key, value in spec.items() if key != "replicas"}}


def _bases(live: Object) -> Iterator[Any]:
    """What somebody wrote into the live object on purpose: its last-applied text, else the entries
    that earlier restores own.
    """
    text = annotations(live).get(LAST_APPLIED)
    if isinstance(text, str):
        try:
            yield codec.decode_archived(text.encode())
        except (msgspec.DecodeError, UnicodeError):
            pass
        else:
            return
    owners = () if live.get("kind") == "Pod" else metadata(live).get("managedFields") or ()
    for entry in owners:
        if isinstance(entry, dict) and str(entry.get("manager", "")).startswith("kubeferry-"):
            yield _entries(entry.get("fieldsV1"))


class _Element(NamedTuple):
    """An element of a keyed list that somebody owns: its keys, and the entries in it."""

    keys: Mapping[str, Any]
    entries: Any


def _entries(fields: Any, name: str = "") -> Any:
    """The entries of a field set: keys of maps that people choose, elements of keyed lists.

    Who creates an object owns the server's defaults and what webhooks add, too. So plain fields,
    labels and annotations are no entries, nor is what is in a pod.
    """
    if not isinstance(fields, dict):
        return {}
    elements = [
        _Element(codec.decode(key[2:]), _entries(inner))
        for key, inner in fields.items()
        if key.startswith("k:")
    ]
    if elements:
        return elements
    found = {}
    for key, inner in fields.items():
        own = key[2:]
        if key.startswith("f:") and own != "metadata":
            below = _entries(inner, own)
            if below or name in _MAPS:
                found[own] = below
    return found


class _Walk:
    """Goes through two objects side by side; ``found`` is what differs so far."""

    def __init__(self, keys: MergeKeys) -> None:
        self._keys = keys
        self.found: list[Change] = []

    def fields(self, ours: Object, live: Object, bases: list[Any]) -> Object:
        """The whole object; of its metadata labels and annotations count."""
        mine = {
            key: value
            for key, value in ours.items()
            if key not in ("apiVersion", "kind", "metadata", "status")
        }
        theirs = {
            key: value
            for key, value in live.items()
            if key not in ("apiVersion", "kind", "metadata", "status")
        }
        merged = self._map("", "", mine, theirs, bases)
        about = metadata(live)
        for field in ("labels", "annotations"):
            wanted, have = metadata(ours).get(field) or {}, about.get(field) or {}
            counted = {key: value for key, value in wanted.items() if _counts(field, key)}
            others = {key: value for key, value in have.items() if _counts(field, key)}
            below = _below(_below(bases, "metadata"), field)
            new = self._map(f"/metadata/{field}", f"metadata.{field}", counted, others, below)
            if new is not others:
                kept = {key: value for key, value in have.items() if key not in others}
                about = {**about, field: {**kept, **new}}
        if merged is theirs and about is metadata(live):
            return live
        rest: Object = {key: live[key] for key in ("apiVersion", "kind", "status") if key in live}
        return {**rest, "metadata": about, **merged}

    def _value(self, pointer: str, path: str, ours: Any, live: Any, bases: list[Any]) -> Any:
        if isinstance(ours, dict) and isinstance(live, dict):
            rule = self._keys.get(path)
            if rule is None or not rule.replace:
                return self._map(pointer, path, ours, live, bases)
        if isinstance(ours, list) and isinstance(live, list):
            return self._list(pointer, path, ours, live, bases)
        if equal(ours, live) or _is_same_number(path, ours, live):
            return live
        self._tell(pointer, live, ours)
        return ours

    def _map(self, pointer: str, path: str, ours: Object, live: Object, bases: list[Any]) -> Object:
        is_free = _last(path) in _MAPS
        result = live
        for key, value in ours.items():
            if value is None:
                continue
            at, inside = f"{pointer}/{escape(key)}", f"{path}.{key}" if path else key
            have = live.get(key)
            if have is None:
                if not is_free and _is_nothing(key, value):
                    continue
                self._tell(at, MISSING, value)
                new = value
            else:
                new = self._value(at, inside, value, have, _below(bases, key))
            if new is not have:
                result = dict(live) if result is live else result
                result[key] = new
        for key, have in live.items():
            if ours.get(key) is not None or have is None or not _below(bases, key):
                continue
            if not is_free and key in _DEFAULTED:
                continue
            self._tell(f"{pointer}/{escape(key)}", have, MISSING)
            result = dict(live) if result is live else result
            del result[key]
        return result

    def _list(
        self, pointer: str, path: str, ours: list[Any], live: list[Any], bases: list[Any]
    ) -> list[Any]:
        rule = self._keys.get(path)
        if rule is not None and not rule.replace:
            mine, theirs = _by_key(ours, rule.key), _by_key(live, rule.key)
            if mine is not None and theirs is not None:
                known = [_by_key(base, rule.key) or {} for base in bases if isinstance(base, list)]
                return self._keyed(pointer, path, mine, theirs, known, live)
        if len(ours) != len(live):
            self._tell(pointer, live, ours)
            return ours
        result = live
        for index, (one, have) in enumerate(zip(ours, live, strict=True)):
            known = [base[index] for base in bases if _is_as_long(base, live)]
            new = self._value(f"{pointer}/{index}", path, one, have, known)
            if new is not have:
                result = list(live) if result is live else result
                result[index] = new
        return result

    def _keyed(
        self,
        pointer: str,
        path: str,
        ours: Mapping[Any, Any],
        live: Mapping[Any, Any],
        bases: list[dict[Any, Any]],
        listed: list[Any],
    ) -> list[Any]:
        before = len(self.found)
        elements: dict[Any, Any] = {}
        for index, (key, have) in enumerate(live.items()):
            known = [base[key] for base in bases if key in base]
            if key in ours:
                at = f"{pointer}/{index}"
                elements[key] = self._value(at, path, ours[key], have, known)
            elif known:
                self._tell(f"{pointer}/{index}", have, MISSING)
            else:
                elements[key] = have
        was = [key for key in elements if key in ours]
        elements |= {key: value for key, value in ours.items() if key not in live}
        if [key for key in elements if key in ours] != [*ours]:
            wanted = [*ours, *(key for key in elements if key not in ours)]
            elements = {key: elements[key] for key in wanted}
        if was != [key for key in ours if key in live]:
            self._tell(pointer, listed, [*elements.values()])
        for index, key in enumerate(elements):
            if key not in live:
                self._tell(f"{pointer}/{index}", MISSING, elements[key])
        return listed if len(self.found) == before else [*elements.values()]

    def _tell(self, pointer: str, old: Any, new: Any) -> None:
        self.found.append(Change(pointer, old, new, CAUSE))


def _below(bases: Iterable[Any], key: str) -> list[Any]:
    """What the bases that have a key have there."""
    return [base[key] for base in bases if isinstance(base, dict) and base.get(key) is not None]


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _is_nothing(key: str, value: Any) -> bool:
    """What a server does not store: an empty text or list, an empty map of people's keys."""
    if value == "" or value == []:
        return key not in _MEANT_EMPTY
    return value == {} and key in _MAPS


def _is_same_number(path: str, ours: Any, live: Any) -> bool:
    """Numbers that JSON writes in two ways, and quantities: ``0.5`` is ``500m``."""
    if _is_number(ours) and _is_number(live):
        return bool(ours == live)
    parts = path.split(".")
    if not _QUANTITIES.intersection(parts[-2:]):
        return False
    try:
        return parse_quantity(str(ours)) == parse_quantity(str(live))
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_as_long(base: Any, live: list[Any]) -> bool:
    return isinstance(base, list) and len(base) == len(live)


def _by_key(elements: Any, key: str) -> dict[Any, Any] | None:
    """The elements by their key, None if they cannot be told apart by it.

    Ports are told apart by their protocol too, elements without a key by themselves.
    """
    found: dict[Any, Any] = {}
    for one in elements if isinstance(elements, list) else ():
        keys = one.keys if isinstance(one, _Element) else one
        own = _key_of(keys, key)
        if own is None or own in found:
            return None
        found[own] = one.entries if isinstance(one, _Element) else one
    return found


def _key_of(element: Any, key: str) -> Any:
    if not key:
        return element if isinstance(element, str) else None
    own = element.get(key) if isinstance(element, dict) else None
    if own is None or isinstance(own, (dict, list)):
        return None
    if key in ("containerPort", "port"):
        return own, element.get("protocol") or "TCP"
    if key == "topologyKey":
        return own, element.get("whenUnsatisfiable")
    return own
