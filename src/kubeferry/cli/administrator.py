"""What the guard asks of whoever restores: may they give rights anyway (``api/guard``)?"""

from msgspec.structs import replace

from kubeferry import codec
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.connection import Session
from kubeferry.cli.output import say
from kubeferry.errors import ApiError, ApiLost
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at

_REVIEWS = Resource(
    "authorization.k8s.io",
    "v1",
    "selfsubjectaccessreviews",
    "SelfSubjectAccessReview",
    namespaced=False,
)
_VERBS = ("escalate", "bind")
SKIPPED = (
    "privilegedResources: Skip, for you may not escalate and bind cluster roles: what gives rights "
    "over the cluster is left out"
)


async def is_administrator(session: Session) -> bool:
    """Whether the person may escalate and bind cluster roles; also where that cannot be asked, for
    then the guard, if there is one, says so. Raises ``ApiLost``.
    """
    for verb in _VERBS:
        asked = {"group": "rbac.authorization.k8s.io", "resource": "clusterroles", "verb": verb}
        review: Object = {
            "apiVersion": _REVIEWS.api_version,
            "kind": _REVIEWS.kind,
            "spec": {"resourceAttributes": asked},
        }
        try:
            answer = await session.client.create(_REVIEWS, review, field_manager="kubeferry-cli")
        except ApiLost:
            raise
        except ApiError:
            return True
        if at(codec.decode(answer), ("status", "allowed")) is not True:
            return False
    return True


async def leave_out_privileged(session: Session, spec: Object) -> None:
    """Writes ``privilegedResources: Skip`` into a restore's spec that says nothing of them, where
    the person is no administrator, and says so.
    """
    if "privilegedResources" not in spec and not await is_administrator(session):
        spec["privilegedResources"] = "Skip"
        say(SKIPPED)


async def without_privileged(session: Session, restore: ApplicationRestore) -> ApplicationRestore:
    """The same for a restore that is planned; a retry does what its restore was told."""
    if restore.spec.retry_of or await is_administrator(session):
        return restore
    say(SKIPPED)
    return replace(restore, spec=replace(restore.spec, privileged_resources="Skip"))
