"""From the fields of a restore's spec to the compiled parameters of the transform. Pure."""

from kubeferry import codec
from kubeferry.api.restore import RestoreSpec
from kubeferry.transform.parameters.annotation_overwrites import (
    INGRESSES,
    SERVICES,
    compile_overwrites,
)
from kubeferry.transform.parameters.claim_conversions import Conversion, compile_conversions
from kubeferry.transform.parameters.image_places import compile_paths
from kubeferry.transform.parameters.storage_classes import check_classes
from kubeferry.transform.parameters.table import Parameters


def compile_parameters(spec: RestoreSpec) -> Parameters:
    """Checks what is written. Raises ``InvalidInput`` naming the field.

    Service names are apart: they need the backup's Services.
    """
    check_classes(spec.storage_class_mapping)
    services = compile_overwrites(spec.overwrite_service_annotations, place=f"spec.{SERVICES}")
    ingresses = compile_overwrites(spec.overwrite_ingress_annotations, place=f"spec.{INGRESSES}")
    return Parameters(
        image_paths=compile_paths(spec.image_paths),
        references_off=references_off(spec),
        storage_classes=spec.storage_class_mapping,
        conversions=compile_conversions(
            Conversion(
                one.namespace,
                one.persistent_volume_claim,
                one.convert_to_storage_class_type,
                tuple(one.convert_to_access_modes),
                one.convert_to_capacity,
            )
            for one in spec.convertedarg
        ),
        service_annotations=services,
        ingress_annotations=ingresses,
        skip_privileged=spec.privileged_resources == "Skip",
    )


def references_off(spec: RestoreSpec) -> frozenset[str]:
    """The kinds of reference that are switched off, by their names in the spec."""
    if spec.references is None:
        return frozenset()
    switches: dict[str, bool] = codec.to_builtins(spec.references)
    return frozenset(name for name, is_on in switches.items() if not is_on)
