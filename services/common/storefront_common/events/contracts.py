"""The events as JSON Schemas, which are committed, and what may change in them.

Old and new images run side by side, and messages wait: every reader must understand what every writer of the same
dataversion writes. So fields may be added as optional ones; nothing else may change.
`python -m storefront_common.events.contracts FOLDER` writes the schemas, and refuses a change that is not allowed.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storefront_common.events.catalogue import CATALOGUE
from storefront_common.events.envelope import Event
from storefront_common.events.parts import EventData

Schema = dict[str, Any]

_FOR_PEOPLE = ("title", "description", "default")


def file_name(event: type[EventData]) -> str:
    """The name of the event's schema file."""
    return f"{event.type}.v{event.dataversion}.json"


def schemas() -> dict[str, Schema]:
    """File name → JSON Schema (2020-12) of the whole event, for every event of the catalogue."""
    return {file_name(event): _schema(event) for event in CATALOGUE.values()}


def text(schema: Schema) -> str:
    """`schema` as the content of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def breaches(old: Schema, new: Schema) -> list[str]:
    """What in `new` readers or writers of `old` cannot live with, one line each."""
    return list(_differences(_plain(old, old), _plain(new, new), "event"))


def write(folder: Path) -> list[str]:
    """Bring the schema files in `folder` up to date; what is not allowed is not written but returned.

    Files of earlier dataversions stay: events of theirs may still be under way.
    """
    found = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        file = folder / name
        changes = breaches(json.loads(file.read_text(encoding="utf-8")), schema) if file.exists() else []
        found += [f"{name}: {change}" for change in changes]
        if not changes:
            file.write_text(text(schema), encoding="utf-8")
    return found


def _schema(event: type[EventData]) -> Schema:
    schema = Event[event].model_json_schema(by_alias=True)  # type: ignore[valid-type]
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = event.type
    schema["description"] = (event.__doc__ or "").strip()
    schema["properties"]["type"] = {"const": event.type}
    schema["properties"]["dataversion"] = {"const": event.dataversion}
    return schema


def _plain(part: Any, root: Schema) -> Any:
    """`part` without references and without what is only for people."""
    if isinstance(part, list):
        return [_plain(item, root) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        target: Any = root
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return _plain(target, root)
    result = {}
    for keyword, value in part.items():
        if keyword == "properties":
            result[keyword] = {name: _plain(field, root) for name, field in value.items()}
        elif keyword not in (*_FOR_PEOPLE, "$defs", "$schema"):
            result[keyword] = _plain(value, root)
    return result


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _field_differences(old, new, path)
        for keyword in sorted((old.keys() | new.keys()) - {"properties", "required"}):
            yield from _differences(old.get(keyword), new.get(keyword), f"{path}.{keyword}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{path}[{number}]")
    elif old != new:
        yield f"{path} was {old!r} and is {new!r}"


def _field_differences(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        if name not in after:
            yield f"{path}.{name} is gone"
        else:
            if (name in needed_before) != (name in needed_after):
                yield f"{path}.{name} is {'required' if name in needed_after else 'optional'} now"
            yield from _differences(before[name], after[name], f"{path}.{name}")
    for name in sorted(needed_after - before.keys()):
        yield f"{path}.{name} is new and required"


def main() -> None:
    """Write the schemas into the folder that the command line names; exit code 1 when a change is not allowed."""
    found = write(Path(sys.argv[1]))
    for breach in found:
        print(breach, file=sys.stderr)
    if found:
        print("Undo that, or raise the event's dataversion and write both for a while.", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
