"""Our custom resources and the few built-in kinds that the controller itself reads and writes."""

from kubeferry.api import backup, location, restore
from kubeferry.api.definition import ADMISSION, GROUP, VERSION, Definition
from kubeferry.kube.names import Resource


def _resource(definition: Definition) -> Resource:
    return Resource(GROUP, VERSION, definition.plural, definition.kind, namespaced=True)


LOCATIONS = _resource(location.DEFINITION)
BACKUPS = _resource(backup.DEFINITION)
RESTORES = _resource(restore.DEFINITION)
SECRETS = Resource("", "v1", "secrets", "Secret", namespaced=True)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
POLICIES = Resource(
    ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
POLICY_BINDINGS = Resource(
    ADMISSION,
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)
EVENTS = Resource("", "v1", "events", "Event", namespaced=True)
