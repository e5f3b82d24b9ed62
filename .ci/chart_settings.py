"""Write what the chart knows of settings anew, from the model of the settings: ``make settings``.

In ``values.schema.json`` that is the object ``definitions.settings``; the rest stays as it is.
``files/decimals.json`` has the least and most of decimals, which the chart compares itself where
they come as texts: a schema's ranges are for numbers alone. With ``--print`` both go to standard
output, as JSON of text by name, and none is written.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from agents.settings.model import Settings

CHART = Path(__file__).parents[1] / "deploy" / "helm" / "hushwire"
SCHEMA, DECIMALS = "values.schema.json", "files/decimals.json"
KEPT = ("type", "enum", "pattern", "minimum", "maximum", "items", "additionalProperties")
PLACE = re.compile(r'(?s)(\n    "settings": \{\n.*?"properties": \{\n).*?(\n      \}\n    \},\n)')


def form(found: dict[str, Any]) -> dict[str, Any]:
    """What a value may be: without what only its documentation needs, and never null."""
    given = next((one for one in found.get("anyOf", ()) if one["type"] != "null"), found)
    kept = {key: given[key] for key in KEPT if key in given}
    for inner in ("items", "additionalProperties"):
        if inner in kept:
            kept[inner] = form(kept[inner])
    match kept["type"]:
        case "array":  # with commas, as a variable has it, or a list
            kept["type"] = ["array", "string"]
        case "number":  # helm's --set takes one with a point for a text
            kept |= {"type": ["number", "string"], "pattern": "^[0-9]+([.][0-9]+)?$"}
    return kept


def main() -> None:
    """Put all settings into the schema, and ranges of decimals beside it."""
    properties = Settings.model_json_schema()["properties"]
    forms = {name: form(one) for name, one in properties.items()}
    lines = ",\n".join(f"        {json.dumps({name: one})[1:-1]}" for name, one in forms.items())
    file = CHART / SCHEMA
    text, count = PLACE.subn(lambda at: f"{at[1]}{lines}{at[2]}", file.read_text("utf-8"))
    if count != 1:
        raise SystemExit(f"{file}: definitions.settings is not where it was")
    decimals = {
        name: [one["minimum"], one["maximum"]]
        for name, one in forms.items()
        if "number" in one["type"]
    }
    made = {SCHEMA: text, DECIMALS: json.dumps(decimals, indent=2) + "\n"}
    if "--print" in sys.argv[1:]:
        sys.stdout.write(json.dumps(made))
    else:
        for name, written in made.items():
            (CHART / name).write_text(written, "utf-8")


if __name__ == "__main__":
    main()
