"""Which objects a backup takes of those that it lists or that others need. Pure.

Never archived, whatever is asked for (design.md, Contracts): the objects ``default/kubernetes``,
which would send a mapped namespace's pods to the source's API server. Left out by a label, or
because others make them anew (``generated``).
"""

from collections.abc import Mapping

import msgspec

from kubeferry.backup.generated import GENERATED, is_generated

EXCLUDE_LABEL = "velero.io/exclude-from-backup"
"""Leaves an object or a whole namespace out; only with the value ``true`` (velero.md §2.4)."""

LABELLED = f"label {EXCLUDE_LABEL}"
DELETED = "being deleted"
NEVER = "never archived"
MADE_ANEW = "made by others"
"""Why objects are left out, as reports count them."""

NEVER_OBJECTS = frozenset(
    {
        ("services", "default", "kubernetes"),
        ("endpoints", "default", "kubernetes"),
        ("endpointslices.discovery.k8s.io", "default", "kubernetes"),
    }
)
"""Group resource, namespace and name."""


JUDGED = frozenset(kind for kind, _, _ in NEVER_OBJECTS) | frozenset(
    kind for one in GENERATED for kind in one.kinds
)
"""Kinds of which more than ``EXCLUDE_LABEL`` is looked at."""


def why_left_out(
    group_resource: str,
    namespace: str,
    name: str,
    labels: Mapping[str, str],
    secret_type: str = "",
    raw: bytes | msgspec.Raw = b"",
    *,
    generated: bool = False,
) -> str:
    """Why an object is not archived that was listed, or that another needs; empty if it is.

    ``secret_type`` is a Secret's; ``raw`` are the object's bytes (looked at for Endpoints alone);
    ``generated`` says that what others make is wanted too. That it is being deleted, and what
    label selectors say, is not asked here.
    """
    if labels.get(EXCLUDE_LABEL) == "true":
        return LABELLED
    if (group_resource, namespace, name) in NEVER_OBJECTS:
        return NEVER
    if not generated and is_generated(group_resource, name, labels, secret_type, raw):
        return MADE_ANEW
    return ""
