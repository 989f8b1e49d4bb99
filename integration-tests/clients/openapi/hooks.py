"""What the tester does besides its own: fills in things that are there, and notes how each operation answered."""

import atexit
import collections
import json
import os

import schemathesis

VALUES = json.loads(os.environ["PARLANCE_VALUES"])
NOTES = collections.defaultdict(collections.Counter)
METHODS = ("get", "post", "put", "patch", "delete")


def values_of(operation_id, name):
    for key in (operation_id, "any"):
        if name in VALUES.get(key, {}):
            return VALUES[key][name]
    return []


def filled(schema, values):
    """A text becomes one of the values (or null, if it might be), a list becomes one of them."""
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    if "array" in types:
        return {**schema, "items": {"type": "string", "enum": values}}
    either = [one for one in schema.get("oneOf", []) if one.get("type") == "null"]
    nulls = [None] if "null" in types or either else []
    return {"type": types or ["string"], "enum": list(dict.fromkeys(values + nulls))}


def fill(document, schema, operation_id):
    """Fills the fields of a request body, in a copy of its own."""
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return fill(document, target, operation_id)
    schema = json.loads(json.dumps(schema))
    for name, field in schema.get("properties", {}).items():
        values = values_of(operation_id, name)
        items = field.get("items", {})
        if values:
            schema["properties"][name] = filled(field, values)
        elif "$ref" in items:
            field["items"] = fill(document, items, operation_id)
    return schema


@schemathesis.hook
def before_load_schema(context, raw_schema):
    for item in raw_schema["paths"].values():
        for operation in (item[method] for method in METHODS if method in item):
            name = operation["operationId"]
            for parameter in operation.get("parameters", []):
                values = values_of(name, parameter["name"])
                if values and parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": values}
                elif values and parameter["in"] == "query":
                    # An empty one is as none.
                    parameter["schema"] = {"type": "string", "enum": sorted({*values, ""})}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                body["schema"] = fill(raw_schema, body["schema"], name)


@schemathesis.hook
def filter_query(context, query):
    """An empty parameter is as none, so it is not one that has to be refused."""
    return all(value not in ("", {}, [], None) for value in (query or {}).values())


@schemathesis.hook
def after_call(context, case, response):
    operation = case.operation.definition.raw
    if case.method.lower() == case.operation.method.lower():
        NOTES[operation["operationId"]][response.status_code] += 1


@atexit.register
def write_notes():
    with open(os.environ["PARLANCE_NOTES"], "w") as file:
        json.dump(NOTES, file)
