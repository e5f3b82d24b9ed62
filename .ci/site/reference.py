"""Pages of the site that are written by the program: commands, HTTP API, events, decisions."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
import yaml

ROOT = Path(__file__).parents[2]


def pages() -> dict[str, str]:
    """Markdown by the page's name."""
    return {
        "commands": "\n".join(_commands()),
        "api": "\n".join(_api()),
        "events": "\n".join(_events()),
        "decisions": "\n".join(_decisions()),
    }


def _cell(text: object) -> str:
    return " ".join(str(text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def _told(text: str | None) -> str:
    """A command's help: paragraphs, without the marks that the terminal alone needs."""
    return (text or "").replace("\b\n", "").replace("\f", "").strip().replace("<", "&lt;")


def _commands() -> Iterator[str]:
    from agents.cli.main import app  # noqa: PLC0415 - after the path is set

    yield "# Command line\n"
    yield "Every command and its options, as `hushwire COMMAND --help` tells them.\n"
    top: Any = typer.main.get_command(app)
    for name in sorted(top.commands):
        yield from _command(name, top.commands[name], 2)


def _command(name: str, command: Any, level: int) -> Iterator[str]:  # noqa: ANN401 - a click class
    yield f"{'#' * level} hushwire {name}\n"
    yield f"{_told(command.help)}\n"
    inside = getattr(command, "commands", None)
    if inside is not None:
        for child in sorted(inside):
            yield from _command(f"{name} {child}", inside[child], level + 1)
        return
    rows = [_option(one) for one in command.params if not getattr(one, "hidden", False)]
    if rows:
        yield "| option | |\n|---|---|"
        yield from rows
        yield ""


def _option(one: Any) -> str:  # noqa: ANN401 - a click class
    argument = one.param_type_name == "argument"
    names = (
        one.make_metavar_for_help() if hasattr(one, "make_metavar_for_help") else one.name.upper()
    )
    shown = (
        f"`{names}`" if argument else ", ".join(f"`{o}`" for o in (*one.opts, *one.secondary_opts))
    )
    told = _cell(getattr(one, "help", ""))
    default = one.default
    if not argument and default not in (None, False, (), "") and not callable(default):
        told = f"{told} Default: `{getattr(default, 'value', default)}`."
    return f"| {shown} | {told}{' Has to be said.' if one.required and not argument else ''} |"


def _document() -> dict[str, Any]:
    """The OpenAPI document of a console over a made-up vault."""
    from console.api.openapi import described  # noqa: PLC0415
    from tests.console.serving import console  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, console(Path(folder)) as served:
        return described(served.app)


def _api() -> Iterator[str]:
    document = _document()
    yield "# HTTP API\n"
    yield f"{document['info']['description']} Who may do what: [console and API](../access.md).\n"
    yield "The console serves this as OpenAPI at `/api/openapi.json`.\n"
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield f"## {method.upper()} {path.replace('{', '&#123;')}\n"
            yield f"{_told(told.get('description') or told.get('summary'))}\n"
            yield from _parameters(told.get("parameters", ()))
            yield from _body(told.get("requestBody", {}))
            yield "| answer | |\n|---|---|"
            for status, answer in told["responses"].items():
                yield f"| {status} | {_cell(answer.get('description'))}{_shape(answer)} |"
            yield ""
    yield "## Types\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _type(name, schema)


def _parameters(told: Sequence[dict[str, Any]]) -> Iterator[str]:
    if told:
        yield "| parameter | in | type | |\n|---|---|---|---|"
        for one in told:
            must = " Has to be said." if one.get("required") and one["in"] != "path" else ""
            kind, about = _kind(one.get("schema", {})), _cell(one.get("description"))
            yield f"| `{one['name']}` | {one['in']} | {kind} | {about}{must} |"
        yield ""


def _body(told: dict[str, Any]) -> Iterator[str]:
    for kind, content in told.get("content", {}).items():
        yield f"Body, `{kind}`: {_kind(content.get('schema', {}))}\n"


def _shape(answer: dict[str, Any]) -> str:
    shapes = [
        f"`{kind}`: {_kind(content['schema'])}" if content.get("schema") else f"`{kind}`"
        for kind, content in answer.get("content", {}).items()
    ]
    return f" {'; '.join(shapes)}" if shapes else ""


def _kind(schema: dict[str, Any]) -> str:
    """A type in a word; one of the document's own as a link."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(_kind(one) for one in schema[several])
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind = schema.get("type", "any")
    return _cell(" or ".join(kind) if isinstance(kind, list) else kind)


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower().replace(" ", "-"))


def _type(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield f"{_told(schema['description'])}\n"
    if "properties" not in schema:
        yield f"{_kind(schema)}\n"
        return
    yield "| member | type | |\n|---|---|---|"
    for key, one in schema["properties"].items():
        yield f"| `{key}` | {_kind(one)} | {_cell(one.get('description'))} |"
    yield ""


def _events() -> Iterator[str]:
    document = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text("utf-8"))
    parts = document["components"]
    yield "# Events\n"
    yield f"{document['info']['description']}\n"
    yield "The same for programs: [asyncapi.yaml](../asyncapi.yaml) (AsyncAPI 3)."
    yield "To send calls: [your own producer](../producers.md)."
    yield "To take what goes out: [outputs](../outputs.md).\n"
    doing = {one["channel"]["$ref"]: one for one in document["operations"].values()}
    for key, channel in document["channels"].items():
        yield f"## {channel['address']}\n"
        yield f"{channel.get('description', channel.get('title', ''))}\n"
        if told := doing.get(f"#/channels/{key}"):
            yield f"Hushwire {told['action']}s: {told['summary']}\n"
        for ref in channel["messages"].values():
            message = parts["messages"][ref["$ref"].rpartition("/")[2]]
            yield f"### {message['name']}\n"
            kind = message.get("contentType", "application/json")
            yield f"{message['title']}. Content type `{kind}`.\n"
            for part in ("headers", "payload"):
                yield from _part(part, message.get(part, {}), parts["schemas"])
            for example in message.get("examples", ()):
                yield f"{example.get('summary', 'For example:')}\n"
                shown = {key: example[key] for key in ("headers", "payload") if key in example}
                yield f"```json\n{json.dumps(shown, indent=2, ensure_ascii=False)}\n```\n"
    yield "## Types\n"
    for name, schema in sorted(parts["schemas"].items()):
        yield from _type(name, schema)


def _part(part: str, schema: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        assert name in known, name  # noqa: S101 - a dangling reference ends the build
        yield f"{part.capitalize()}: [{name}](#{_anchor(name)})\n"
    elif schema:
        yield f"{part.capitalize()}: {_told(schema.get('description')) or _kind(schema)}\n"


def _decisions() -> Iterator[str]:
    yield "# Decisions\n"
    yield "What was decided, why, and what follows from it; one page each.\n"
    yield "| | decision |\n|---|---|"
    for page in sorted((ROOT / "docs/adr").glob("*.md")):
        number, _, title = page.read_text("utf-8").split("\n", 1)[0][2:].partition(". ")
        yield f"| {number} | [{title}](../adr/{page.name}) |"
    yield ""
