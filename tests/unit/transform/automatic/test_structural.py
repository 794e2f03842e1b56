from typing import Any

import pytest

from kubeferry.transform.automatic.structural import is_structural, missing_type, nodes

TEXT = {"type": "string"}
ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}
EITHER = [{"type": "integer"}, {"type": "string"}]


def spec(**schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"spec": schema}}


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "object"}, id="an object"),
        pytest.param(spec(type="string", description="d", default="x"), id="a field"),
        pytest.param(spec(type="array", items=TEXT), id="a list"),
        pytest.param(spec(type="object", additionalProperties=TEXT), id="a map"),
        pytest.param(spec(type="object", additionalProperties=True), id="a map of anything"),
        pytest.param(spec(**ANYTHING), id="anything needs no type"),
        pytest.param(spec(**{"x-kubernetes-int-or-string": True}), id="int or string"),
        pytest.param(
            spec(**{"x-kubernetes-int-or-string": True}, anyOf=EITHER), id="its usual words"
        ),
        pytest.param(
            spec(
                **{"x-kubernetes-int-or-string": True}, allOf=[{"anyOf": EITHER}, {"pattern": "a"}]
            ),
            id="its usual words and more",
        ),
        pytest.param(
            spec(
                type="object",
                properties={"a": TEXT},
                oneOf=[{"required": ["a"]}, {"properties": {"a": {"enum": ["x"]}}}],
            ),
            id="alternatives restrict what is specified",
        ),
        pytest.param(
            spec(
                type="object",
                additionalProperties=TEXT,
                anyOf=[{"properties": {"a": {"pattern": "x"}}}],
            ),
            id="alternatives restrict a map's values",
        ),
        pytest.param(
            spec(type="array", items=TEXT, **{"not": {"items": {"enum": ["a"]}}}),
            id="a negation restricts items",
        ),
        pytest.param(
            {"type": "object", "properties": {"metadata": {"type": "object"}}}, id="plain metadata"
        ),
        pytest.param(
            spec(
                type="object",
                **{"x-kubernetes-embedded-resource": True},
                properties={"kind": TEXT, "spec": {"type": "object"}},
            ),
            id="an object inside",
        ),
    ],
)
def test_a_structural_schema(schema: dict[str, Any]) -> None:
    assert is_structural(schema)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({}, id="no type at all"),
        pytest.param(None, id="no schema"),
        pytest.param({"type": "string"}, id="a text"),
        pytest.param({"type": "object", "nullable": True}, id="the whole may be null"),
        pytest.param({"type": "object", "additionalProperties": TEXT}, id="the whole is a map"),
        pytest.param(spec(), id="a field without a type"),
        pytest.param(spec(description="d"), id="a field with words only"),
        pytest.param(spec(type="array"), id="a list of nobody knows what"),
        pytest.param(spec(type="array", items=[TEXT]), id="items by their place"),
        pytest.param(spec(type="array", items={}), id="items without a type"),
        pytest.param(spec(type="array", items=TEXT, uniqueItems=True), id="unique items"),
        pytest.param(spec(type="array", items=TEXT, additionalItems=False), id="more items"),
        pytest.param(spec(type="object", additionalProperties={}), id="values without a type"),
        pytest.param(spec(type="object", additionalProperties=False), id="nothing more"),
        pytest.param(
            spec(type="object", properties={"a": TEXT}, additionalProperties=TEXT),
            id="fields and a map at once",
        ),
        pytest.param(spec(type="object", properties=[TEXT]), id="fields in a list"),
        pytest.param(spec(**{"$ref": "#/a", "type": "string"}), id="a reference"),
        pytest.param(spec(type="string", definitions={"a": TEXT}), id="definitions"),
        pytest.param(
            spec(**{"x-kubernetes-int-or-string": True}, type="string"), id="int or string, typed"
        ),
        pytest.param(spec(type="string", oneOf=EITHER), id="types as alternatives"),
        pytest.param(spec(type="string", oneOf={"a": 1}), id="alternatives that are a map"),
        pytest.param(spec(type="string", anyOf=[{"description": "d"}]), id="words in alternatives"),
        pytest.param(
            spec(type="object", anyOf=[{"properties": {"a": {"enum": [1]}}}]),
            id="alternatives that specify",
        ),
        pytest.param(
            spec(type="object", properties={"a": TEXT}, allOf=[{"additionalProperties": False}]),
            id="a map in alternatives",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {"metadata": {"type": "object", "required": ["labels"]}},
            },
            id="demands on metadata",
        ),
        pytest.param(
            {"type": "object", "properties": {"metadata": {"type": "string"}}},
            id="metadata that is a text",
        ),
        pytest.param(
            spec(type="string", **{"x-kubernetes-embedded-resource": True}),
            id="a text as an object",
        ),
        pytest.param(
            spec(type="object", **{"x-kubernetes-embedded-resource": True}), id="an empty object"
        ),
    ],
)
def test_one_that_is_not(schema: Any) -> None:
    assert not is_structural(schema)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        pytest.param({"properties": {}}, "object", id="fields"),
        pytest.param({"additionalProperties": TEXT}, "object", id="values"),
        pytest.param({"required": ["a"]}, "object", id="required fields"),
        pytest.param({"items": TEXT}, "array", id="items"),
        pytest.param({"enum": ["a", "b"]}, "string", id="texts to choose from"),
        pytest.param({"pattern": "a"}, "string", id="a pattern"),
        pytest.param({"enum": [1, "a"]}, "", id="a choice of anything"),
        pytest.param({"description": "d"}, "", id="words"),
    ],
)
def test_the_type_that_is_meant(schema: dict[str, Any], kind: str) -> None:
    assert missing_type(schema) == kind


def test_the_nodes_of_a_schema() -> None:
    inner = {"type": "object", "additionalProperties": TEXT}
    schema = spec(type="array", items=inner, allOf=[{"properties": {"not": {}}}])
    assert [path for path, _ in nodes(schema)] == [
        (),
        ("properties", "spec"),
        ("properties", "spec", "items"),
        ("properties", "spec", "items", "additionalProperties"),
    ]
