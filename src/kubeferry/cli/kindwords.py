"""Which kinds of an archive a person means by ``deploy``, ``Deployment`` or ``deployments.apps``.

An archive knows the names of its kinds: group resource and Kind. What people call them beside that
(short names) only a cluster knows; the one at hand is asked, and need not serve the kind. Globs are
those of a backup's lists: ``*.apps`` over group resources, ``shop-*`` over namespaces.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubeferry.errors import ApiError
from kubeferry.kube.client import Client
from kubeferry.kube.globs import compile_glob
from kubeferry.kube.names import split_group_resource
from kubeferry.kube.namespace_globs import check_namespace, matching

_WILD = frozenset("*?[]{}")


@dataclass(frozen=True, slots=True)
class KindWord:
    """A word for a kind, and the group resource that a cluster takes it for, if it knows one."""

    text: str
    resource: str = ""

    def matches(self, group_resource: str, kind: str) -> bool:
        """Whether it means this kind; case does not count but in a glob."""
        if not _WILD.isdisjoint(self.text):
            return compile_glob(self.text, place="--kind").matches(group_resource)
        plural, group = split_group_resource(group_resource)
        own = {group_resource, plural, kind.lower(), f"{kind.lower()}.{group}"}
        return self.resource == group_resource or self.text.lower() in own


async def resolved(client: Client, words: Iterable[str]) -> Sequence[KindWord]:
    """The words with what the cluster takes them for; one that does not answer knows none.

    Raises ``InvalidInput`` for a glob that is none.
    """
    texts = list(words)
    for text in texts:
        if not _WILD.isdisjoint(text):
            compile_glob(text, place="--kind")
    if all(not _WILD.isdisjoint(text) for text in texts):
        return [KindWord(text) for text in texts]
    try:
        discovery = await client.discover()
    except ApiError:
        return [KindWord(text) for text in texts]
    found = [(text, discovery.resolve(text)) for text in texts]
    return [KindWord(text, one.group_resource if one else "") for text, one in found]


def check_namespaces(texts: Iterable[str]) -> None:
    """Raises ``InvalidInput`` for what is neither a namespace's name nor a glob over them."""
    for text in texts:
        if text != "*":
            check_namespace(text, place="--in-namespace")


def is_inside(namespace: str, texts: Iterable[str]) -> bool:
    """Whether a name or a glob of the texts means a namespace; none means what is in no one."""
    return bool(namespace) and any(matching(text, {namespace}) for text in texts)
