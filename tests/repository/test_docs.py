"""What README and docs say exists: commands, options, make targets, links, settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from agents.cli.main import app
from agents.settings.model import CONFIG_VARIABLE, PREFIX, Settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/**/*.md", "deploy/*.md")
    for path in ROOT.glob(pattern)
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"(?ms)^(?:```.*?^```|(?:    .*\n)+)|`[^`\n]+`")
_COMMAND = re.compile(r"(?:^|[\s`/])hushwire((?: +[a-z-]+){0,3})([^\n`]*)", re.MULTILINE)
_MAKE = re.compile(r"(?:^|`|\s)make ([a-z-]+)")


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _commands() -> dict[str, set[str]]:
    """Every command and its options, groups with a blank: ``models pull``."""
    found: dict[str, set[str]] = {}

    def walk(name: str, command: object) -> None:
        children = getattr(command, "commands", None)
        if children is not None:
            for child_name, child in children.items():
                walk(f"{name} {child_name}".strip(), child)
            return
        options = {opt for param in getattr(command, "params", []) for opt in param.opts}
        found[name] = options | {"--help", "-h"}

    walk("", typer.main.get_command(app))
    return found


def _code(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return "\n".join(found.group(0).strip("`") for found in _CODE.finditer(text))


def _named(text: str) -> list[tuple[str, set[str]]]:
    """Each ``hushwire …`` in code: the command it names and the options behind it."""
    named = []
    for found in _COMMAND.finditer(text):
        words = found.group(1).split()
        if not words:
            continue
        group = {name.split()[0] for name in _commands() if " " in name}
        longest = [" ".join(words[:count]) for count in (3, 2) if count <= len(words)]
        usual = " ".join(words[:2]) if words[0] in group else words[0]
        name = next((one for one in longest if one in _commands()), usual)
        named.append((name, set(re.findall(r"(?<=\s)--[a-z][a-z-]*", found.group(0)))))
    return named


def test_the_pages_are_there() -> None:
    names = {_relative(path) for path in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} <= names


def _made_up(page: Path) -> Iterator[str]:
    """Commands and options that a page names and that are not there."""
    groups = {command.split()[0] for command in _commands() if " " in command}
    for name, options in _named(_code(page)):
        if name not in _commands() and name not in groups:
            yield f"{_relative(page)}: hushwire {name}"
        for option in sorted(options - _commands().get(name, options)):
            yield f"{_relative(page)}: hushwire {name} {option}"


def test_commands_and_options_exist() -> None:
    assert [one for page in PAGES for one in _made_up(page)] == []


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    named = {(_relative(page), target) for page in PAGES for target in _MAKE.findall(_code(page))}
    assert {one for one in named if one[1] not in targets} == set()


def test_files_of_ours_that_commands_name_exist() -> None:
    """Where pages say how to try or install it: their commands are copied as they stand."""
    pages = ("docs/gateways.md", "docs/connect/twilio.md", "docs/deploy/install.md")
    code = "\n".join(_code(ROOT / page) for page in pages)
    named = set(re.findall(r"(?<![\w/.])(?:deploy|benchmarks)/[\w./-]+\.(?:properties|flac)", code))
    modules = set(re.findall(r"python -m (benchmarks[\w.]+)", code))
    assert {"deploy/kafka-loopback.properties", "benchmarks/samples/order.flac"} <= named
    assert "benchmarks.gateways.twilio_client" in modules
    files = named | {f"{module.replace('.', '/')}.py" for module in modules}
    assert [one for one in sorted(files) if not (ROOT / one).is_file()] == []


def test_the_broker_to_try_listens_on_the_loopback_alone() -> None:
    text = (ROOT / "deploy/kafka-loopback.properties").read_text(encoding="utf-8")
    addresses = re.findall(r"://([^:]*):", text)
    assert addresses
    assert set(addresses) == {"127.0.0.1"}


def _dangling(page: Path) -> Iterator[str]:
    """Links of a page to what is not there."""
    for found in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = found.group(1) or found.group(2)
        if "://" in target or target.startswith(("#", "mailto:")):
            continue
        if not (page.parent / target.partition("#")[0]).exists():
            yield f"{_relative(page)}: {target}"


def test_links_lead_somewhere() -> None:
    assert [one for page in PAGES for one in _dangling(page)] == []


def test_readme_shows_how_to_begin() -> None:
    code = _code(ROOT / "README.md")
    assert "make demo" in code
    assert "run" in {name for name, _ in _named(code)}


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_every_setting_is_documented() -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
    missing = [name for name in Settings.model_fields if f"{PREFIX}{name.upper()}" not in pages]
    assert missing == []
    assert all(field.description for field in Settings.model_fields.values())


def test_no_setting_is_made_up() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}
    for page in PAGES:
        named = set(re.findall(rf"{PREFIX}[A-Z][A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
        assert named <= known, _relative(page)
