"""Which kinds of an archive a person means by ``deploy``, ``Deployment`` or ``deployments.apps``.

An archive knows the names of its kinds: group resource and Kind. What people call them beside that
(short names) only a cluster knows; the one at hand is asked, and need not serve the kind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubeferry.errors import ApiError
from kubeferry.kube.client import Client
from kubeferry.kube.names import split_group_resource


@dataclass(frozen=True, slots=True)
class KindWord:
    """A word for a kind, and the group resource that a cluster takes it for, if it knows one."""

    text: str
    resource: str = ""

    def matches(self, group_resource: str, kind: str) -> bool:
        """Whether it means this kind; case does not count."""
        plural, group = split_group_resource(group_resource)
        own = {group_resource, plural, kind.lower(), f"{kind.lower()}.{group}"}
        return self.resource == group_resource or self.text.lower() in own


async def resolved(client: Client, words: Iterable[str]) -> Sequence[KindWord]:
    """The words with what the cluster takes them for; one that does not answer knows none."""
    texts = list(words)
    if not texts:
        return []
    try:
        discovery = await client.discover()
    except ApiError:
        return [KindWord(text) for text in texts]
    found = [(text, discovery.resolve(text)) for text in texts]
    return [KindWord(text, one.group_resource if one else "") for text, one in found]
