"""The published schemas: what they take is what the reader takes, and each other's fields they
refuse. Editors know draft 7; here is the part of it that the schemas use.
"""

from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.errors import InvalidModifier
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.modifiers.schema import PARTS, VERSIONS, Version, fields_of, json_schema

ROOT = Path(__file__).parents[4]
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
KNOWN = {
    *("$schema", "title", "definitions", "description", "type", "properties", "required"),
    *("additionalProperties", "items", "minItems", "enum", "oneOf", "allOf", "$ref"),
}


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a value is what a schema says; a keyword that is not known here is a KeyError."""
    for keyword in schema:
        if keyword not in KNOWN:
            raise KeyError(keyword)
    if "$ref" in schema:
        return fits(value, root["definitions"][schema["$ref"].rpartition("/")[2]], root)
    types = schema.get("type")
    if types is not None:
        allowed = [TYPES[one] for one in ([types] if isinstance(types, str) else types)]
        if isinstance(value, bool) and (bool,) not in allowed:
            return False
        if not any(isinstance(value, one) for one in allowed):
            return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if not all(fits(value, one, root) for one in schema.get("allOf", ())):
        return False
    if "oneOf" in schema and sum(fits(value, one, root) for one in schema["oneOf"]) != 1:
        return False
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(
            fits(one, schema.get("items", {}), root) for one in value
        )
    return not isinstance(value, dict) or _map_fits(value, schema, root)


def _map_fits(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> bool:
    if any(name not in value for name in schema.get("required", ())):
        return False
    named = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    return all(
        fits(one, named[key], root)
        if key in named
        else others is True or (isinstance(others, dict) and fits(one, others, root))
        for key, one in value.items()
    )


def valid(document: Any, version: Version) -> bool:
    schema = json_schema(version)
    return fits(document, schema, schema)


def texts() -> list[Any]:
    """The rules of the documentation, of the examples and of the golden files."""
    found = []
    for path in (ROOT / "docs").rglob("*.md"):
        for number, block in enumerate(path.read_text().split("```yaml\n")[1:]):
            if "resourceModifierRules" in block.partition("```")[0]:
                text = codec.load_yaml(block.partition("```")[0])["data"]["modifier"]
                found.append(pytest.param(text, id=f"{path.name} {number}"))
    for path in sorted(ROOT.glob("tests/golden/*/rules.yaml")):
        text = codec.load_yaml(path.read_text()).get("resourceModifier")
        if text:
            found.append(pytest.param(text, id=path.parent.name))
    for path in sorted(ROOT.glob("examples/*modifier*.yaml")):
        text = codec.load_yaml(path.read_text())["data"]["modifier"]
        found.append(pytest.param(text, id=path.name))
    return found


@pytest.mark.parametrize("text", texts())
def test_every_example_fits_the_schema_of_its_version(text: str) -> None:
    modifiers = parse_modifiers({"modifier": text}, place="m")
    document = codec.load_yaml(text)
    assert [version for version in VERSIONS if valid(document, version)] == [modifiers.version]


def rule(**fields: Any) -> dict[str, Any]:
    return {
        "conditions": {"groupResource": "pods"},
        "patches": [{"operation": "remove", "path": "/a"}],
        **fields,
    }


def document(version: Version, *rules: Any) -> dict[str, Any]:
    return {"version": version, "resourceModifierRules": list(rules)}


WRONG = [
    pytest.param({}, id="nothing"),
    pytest.param(document("v1"), id="no rules"),
    pytest.param({"version": "v3", "resourceModifierRules": [rule()]}, id="another version"),
    pytest.param(document("v2", rule(patches=[])), id="no patches"),
    pytest.param(document("v2", rule(mergePatches=[{"patchData": "a: 1"}])), id="two kinds"),
    pytest.param(document("v2", rule(conditions={})), id="no groupResource"),
    pytest.param(document("v2", rule(onError="stop")), id="another onError"),
    pytest.param(document("v1", rule(name="x")), id="a field of v2 in v1"),
    pytest.param(
        document("v1", rule(patches=[{"operation": "add", "path": "/a", "value": {"a": 1}}])),
        id="a map as value in v1",
    ),
    pytest.param(
        document("v1", rule(patches=[{"operation": "substitute", "path": "/a", "pattern": "a"}])),
        id="substitute in v1",
    ),
    pytest.param(document("v2", rule(patches=[{"operation": "remove"}])), id="no path"),
    pytest.param(document("v2", rule(patch=[])), id="an unknown field"),
    pytest.param(
        document("v2", rule(patches=[{"operation": "add", "path": "/a", "createParents": "x"}])),
        id="a text for a flag",
    ),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_the_schema_refuses_the_reader_refuses_too(wrong: dict[str, Any]) -> None:
    assert not any(valid(wrong, version) for version in VERSIONS)
    with pytest.raises(InvalidModifier):
        parse_modifiers({"m": codec.encode(wrong).decode()}, place="m")


def test_each_part_has_its_fields_in_the_schema() -> None:
    for version in VERSIONS:
        schema = json_schema(version)
        for part in PARTS:
            found = schema if part == "document" else schema["definitions"][part]
            assert tuple(found["properties"]) == fields_of(part, version)
            assert all(one["description"] for one in found["properties"].values())
