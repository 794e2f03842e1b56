"""Why an object of a backup is not selected for a restore. Pure."""

from collections.abc import Iterable, Mapping

from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.namespace_globs import is_glob, matching
from kubeferry.restore.selection import Selection, choose
from kubeferry.restore.waves import NAMESPACES

_UNNEEDED = "nothing that is selected needs it"


def why_unselected(
    selection: Selection,
    identity: Identity,
    labels: Mapping[str, str],
    *,
    discovery: Discovery,
    defined: Iterable[Resource],
) -> str:
    """The words of the selection that leave out an object of the backup, as a sentence's part."""
    kind, namespace, name = identity
    home = name if kind == NAMESPACES else namespace
    named = {text for text in selection.included_namespaces if not is_glob(text)}
    chosen = choose(
        selection,
        namespaces=named | ({home} - {""}),
        kinds=[kind],
        discovery=discovery,
        defined=defined,
    )
    if kind in chosen.excluded:
        return f"excludedResources leaves out {kind}"
    if home and home not in chosen.namespaces:
        if any(matching(text, {home}) for text in selection.excluded_namespaces):
            return f"excludedNamespaces leaves out {home}"
        return f"includedNamespaces does not name {home}"
    if not home and selection.cluster is False:
        return "includeClusterResources is false"
    if kind not in chosen.kinds:
        return f"includedResources does not name {kind}, and {_UNNEEDED}"
    if not selection.by_labels(labels):
        return f"its labels do not match, and {_UNNEEDED}"
    return f"it is in no namespace, and {_UNNEEDED}"
