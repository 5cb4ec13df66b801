"""YAML files read into pydantic models, with errors that name file, line, key and the nearest valid name."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from msd.errors import UserError, nearest
from msd.system.text_file import read_text

Model = TypeVar("Model", bound=BaseModel)
BRANCH = re.compile(r"(str|int|float|bool|constrained-str)|.*\]")
"""What pydantic adds to the place of a fault for a branch of a union."""
PLAIN = {
    "bool": "true|True|TRUE|false|False|FALSE",
    "null": "~|null|Null|NULL|",
    "int": "[-+]?(0|[1-9][0-9]{0,99})",
    "float": r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "merge": "<<",
}
"""Kind of value -> how it is written without quotes."""
UNPRINTABLE = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f\\ud800-\\udfff]")
HINTS = {
    **dict.fromkeys(("int_type", "float_type"), "; write it in decimal digits, without quotes"),
    "string_type": "; put it in quotes",
    "bool_type": "; write true or false",
}
"""Kind of fault of pydantic -> what to do."""


class _Loader(yaml.SafeLoader):
    """SafeLoader of YAML 1.2's plain decimal numbers, true, false and null; a key is given once, and text is printable.

    What YAML 1.1 reads otherwise than most people, such as 010 (8), 1:30 (90), yes (true) or a date, is text here.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else key)
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        text: str = super().construct_scalar(node)
        if UNPRINTABLE.search(text):
            raise yaml.constructor.ConstructorError(None, None, "a character that is no text", node.start_mark)
        return text


_Loader.yaml_implicit_resolvers = {}
for tag, pattern in PLAIN.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), None)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file; UserError if there is no file, no YAML, no mapping or a repeated key."""
    path = Path(path)
    if not os.path.isfile(path):  # false, no error, for a name that is too long
        if os.path.isdir(path):
            raise UserError(f"{path} is a folder, where a file belongs; rename it")
        there = sorted(str(file) for file in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise UserError(f"there is no file {path}{nearest(str(path), there)}")
    content = _parsed(read_text(path), path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping of keys to values")
    return content


def read_changes(entries: Iterable[str]) -> dict[str, Any]:
    """Key -> value of entries key=value, whose values are YAML; raises UserError for one that is no YAML."""
    pairs = [entry.partition("=") for entry in entries]
    return {key: _parsed(value, f"--config {key}") for key, _, value in pairs}


def _parsed(text: str, place: str | Path) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{place} is not valid YAML: {' '.join(str(error).split())}") from error


def read_model(model: type[Model], path: str | Path, content: dict[str, Any] | None = None) -> Model:
    """Validate a YAML file as `model`; the first fault becomes one sentence (UserError)."""
    return validated(model, read_yaml(path) if content is None else content, path)


def validated(model: type[Model], content: dict[str, Any], place: str | Path, at: Sequence[str] = ()) -> Model:
    """`content` as `model`; the first fault becomes one sentence (UserError).

    Args:
        model: the class.   content: its fields by name.
        place: the file that the content stands in, whose line the sentence then names, or another name of its place.
        at: the keys of that file under which the content stands.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(sentence(model, error, place, at)) from error


def first_fault(error: ValidationError) -> ErrorDetails:
    """The fault that a sentence is about: an unknown key, which often explains the others, or the first one."""
    faults = error.errors()
    return next((item for item in faults if item["type"] == "extra_forbidden"), faults[0])


def sentence(model: type[BaseModel], error: ValidationError, place: str | Path, at: Sequence[str] = ()) -> str:
    """What is wrong, where, and the nearest valid name; arguments as of `validated`."""
    fault = first_fault(error)
    location = [part for part in fault["loc"] if not (isinstance(part, str) and BRANCH.fullmatch(part))]
    key = ".".join(str(part) for part in [*at, *location])
    start = f"{place}{_line(place, [*at, *location])}"
    if fault["type"] == "extra_forbidden":
        return f"{start}: unknown key {key!r}{nearest(str(location[-1]), _fields_at(model, location[:-1]))}"
    if fault["type"] == "missing":
        return f"{start}: the key {key!r} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    shown = repr(fault["input"])
    given = "" if isinstance(fault["input"], dict | list) else f" (given: {shown[:80]}{'…' * (len(shown) > 80)})"
    expected = re.findall("'([^']+)'", fault["ctx"]["expected"]) if fault["type"] == "literal_error" else []
    hint = nearest(str(fault["input"]), expected) if expected else HINTS.get(fault["type"], "")
    return f"{start}: {key + ': ' if key else ''}{message}{given}{hint}"


def _fields_at(model: type[BaseModel], location: list[Any]) -> list[str]:
    """Names of the fields of the model that lies at `location` inside `model`."""
    current: Any = model
    for part in location:
        fields = getattr(current, "model_fields", None)
        if fields is None:
            continue
        field = fields.get(part) or next((item for item in fields.values() if item.alias == part), None)
        if field is None:
            continue
        current = model_in(field.annotation)
    fields = getattr(current, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def model_in(annotation: Any) -> Any:
    """The first pydantic model inside an annotation such as dict[str, Model]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        model = model_in(argument)
        if model is not None:
            return model
    return None


def _line(path: str | Path, location: list[Any]) -> str:
    """ ":<line>" of a key in a YAML file, as deep as the file goes; nothing for a place that is no file."""
    if not Path(path).is_file():
        return ""
    node = yaml.compose(read_text(path), Loader=yaml.SafeLoader)
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if entry is None:
                break
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return f":{line}" if line else ""
