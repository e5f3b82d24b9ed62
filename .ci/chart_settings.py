"""Write the chart's schema of settings anew, from the model of the settings: ``make settings``.

In ``values.schema.json`` that is the object ``definitions.settings``; the rest stays as it is.
With ``--print`` the whole file goes to standard output, and none is written.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from agents.settings.model import Settings

FILE = Path(__file__).parents[1] / "deploy" / "helm" / "hushwire" / "values.schema.json"
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
    """Put all settings into the schema."""
    properties = Settings.model_json_schema()["properties"]
    lines = ",\n".join(
        f"        {json.dumps({name: form(one)})[1:-1]}" for name, one in properties.items()
    )
    text, count = PLACE.subn(lambda at: f"{at[1]}{lines}{at[2]}", FILE.read_text("utf-8"))
    if count != 1:
        raise SystemExit(f"{FILE}: definitions.settings is not where it was")
    if "--print" in sys.argv[1:]:
        sys.stdout.write(text)
    else:
        FILE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
