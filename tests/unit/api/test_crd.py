from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.api import crd
from kubeferry.api.definition import GROUP
from kubeferry.sandbox.cel import compile_rule

COMMITTED = Path(__file__).parents[3] / "deploy" / "crds.yaml"
DEFINITIONS = [pytest.param(one, id=one.kind) for one in crd.DEFINITIONS]


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from schemas(part, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from schemas(schema[name], f"{path}.{name}")


def test_the_committed_manifests_are_the_generated_ones():
    assert list(codec.load_yaml_documents(COMMITTED.read_text())) == crd.manifests(), "make crds"


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_schema_is_structural(definition):
    allowed = {
        "description", "type", "format", "default", "enum", "pattern", "required", "properties",
        "items", "additionalProperties", "minimum", "minLength", "maxLength", "minItems",
        "maxItems", "maxProperties", "x-kubernetes-validations", "nullable",
        "x-kubernetes-preserve-unknown-fields",
    }  # fmt: skip
    for path, schema in schemas(crd.schema(definition)):
        assert "type" in schema, path
        assert set(schema) <= allowed, path
        assert schema.get("default", "") is not None, path


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_every_field_of_ours_is_described(definition):
    for path, schema in schemas(crd.schema(definition)):
        inside = path.endswith((".items", ".additionalProperties"))
        if path.startswith((".spec", ".status")) and not inside:
            assert schema.get("description", "").endswith("."), path


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_status_has_no_defaults(definition):
    for path, schema in schemas(crd.schema(definition)["properties"]["status"]):
        assert "default" not in schema, path


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_names_are_as_kubernetes_wants_them(definition):
    manifest = crd.manifest(definition)
    names = manifest["spec"]["names"]
    assert manifest["metadata"]["name"] == f"{names['plural']}.{GROUP}"
    assert names["plural"] == f"{names['kind'].lower()}s"


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_sandbox_understands_every_rule(definition):
    for path, schema in schemas(crd.schema(definition)):
        for rule in schema.get("x-kubernetes-validations", ()):
            assert compile_rule(rule, place=path).transition == ("oldSelf" in rule["rule"])


def test_required_enum_default_and_pattern_come_from_the_types():
    spec = crd.schema(crd.location.DEFINITION)["properties"]["spec"]
    assert spec["required"] == ["provider", "objectStorage"]
    assert spec["properties"]["provider"]["enum"] == ["alibabacloud", "aws", "local"]
    assert "default" not in spec["properties"]["provider"]
    assert spec["properties"]["validationFrequency"]["default"] == "5m0s"
    assert spec["properties"]["config"]["default"] == {}


def test_an_optional_part_is_not_required_and_not_nullable():
    spec = crd.schema(crd.restore.DEFINITION)["properties"]["spec"]
    modifier = spec["properties"]["resourceModifier"]
    assert modifier["type"] == "object"
    assert modifier["required"] == ["kind", "name"]
    assert "resourceModifier" not in spec["required"]
