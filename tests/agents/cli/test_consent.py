"""``policy diff``, ``policy simulate`` and ``consent recheck`` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from agents.app.wiring import worker_config
from agents.cli.main import app
from agents.settings.model import Settings
from pipeline.consent.loading import shipped_rules
from pipeline.errors import HushwireError, InputError, PolicyError, SettingsError
from tests.agents.consented import PROMPT, YES, Site, decided, rule

pytestmark = pytest.mark.unit

Run = Callable[..., tuple[int, str]]
POLICY = """name: own
version: '{version}'
extends: [pci, hipaa, gdpr]
retention: {{default: {days}}}
consent: {{enforced: true, agents_agreed: true, lawful_basis: {{default: consent}}}}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(POLICY.format(version=1, days=365))
    (tmp_path / "two.yaml").write_text(POLICY.format(version=2, days=30))
    monkeypatch.setenv("HUSHWIRE_POLICY", "one.yaml")

    def runs(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return runs


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Calls of which the shipped rule of Germany, where a basis is needed, keeps one."""
    made = Site(tmp_path)
    made.store("silent", decided("DE", PROMPT))
    made.store("silent-held", decided("DE", PROMPT), held=True)
    made.store("agreed", decided("DE", PROMPT, YES))
    made.store("nobody", None)
    yield made
    made.ledger.dispose()


def write_rules(folder: Path, name: str, *rules: object) -> Path:
    path = folder / name
    path.mkdir(exist_ok=True)
    plain = [one.model_dump(mode="json") for one in rules]  # type: ignore[attr-defined]
    (path / "own.yaml").write_text(yaml.safe_dump({"rules": plain}))
    return path


def test_what_changes_from_one_policy_to_another(run: Run, site: Site) -> None:
    code, output = run("policy", "diff", "one.yaml", "two.yaml")
    kept = "30 days, before 365 days"
    assert (code, output.splitlines()) == (
        0,
        [
            "from own version 1 to own version 2: 2 changes",
            f"stricter: calls for default are kept: {kept}",
            f"stricter: calls for a purpose that the policy doesn't name are kept: {kept}",
        ],
    )
    _, output = run("policy", "diff", "one.yaml", "two.yaml", "--vault", str(site.folder), "--json")
    told = json.loads(output)
    assert [one["field"] for one in told["changes"]] == ["retention.default", "retention"]
    assert told["calls"]["stored"] == 4
    assert told["calls"]["differently"]["shorter"] + told["calls"]["differently"]["over"] == 4
    assert (told["calls"]["held"], told["calls"]["unasked"]) == (1, 1)


def test_what_changes_from_one_set_of_rules_to_another(
    run: Run, site: Site, tmp_path: Path
) -> None:
    own = [rule("x-de", "DE"), rule("all-others", "*")]
    old = write_rules(tmp_path, "old", *own)
    stricter = rule("x-de", "DE", version=2, staying_counts=False)
    new = write_rules(tmp_path, "new", stricter, own[1])
    arguments = ("policy", "diff", "--jurisdictions", str(old), str(new))
    code, output = run(*arguments, "--alone", "--vault", str(site.folder))
    assert code == 0
    assert "stricter: rule x-de (DE): who stays on the line has consented: no, before yes" in output
    with pytest.raises(PolicyError, match="contradicts"):
        run(*arguments)  # over the shipped ones, two rules hold for the same places
    _, output = run("policy", "diff", "--jurisdictions", "shipped", "shipped")
    assert output.endswith(": no changes\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("diff", "one.yaml", "two.yaml", "--alone"), "add --jurisdictions"),
        (("diff", "one.yaml", "missing.yaml"), "missing.yaml: cannot be read"),
        (("diff", "--jurisdictions", ".git-none", "shipped"), "cannot be read"),
        (("diff", "one.yaml", "two.yaml", "--on", "soon"), "--on soon: write a day as"),
        (("simulate", "two.yaml", "--since", "long ago"), "--since long ago: write 90d"),
        (("simulate", "two.yaml", "--since", "99999w"), "--since 99999w: write 90d"),
    ],
)
def test_what_is_misspelt_is_told(
    run: Run, site: Site, arguments: tuple[str, ...], problem: str
) -> None:
    at = () if "--jurisdictions" in arguments else ("--vault", str(site.folder))
    with pytest.raises(HushwireError, match=problem):
        run("policy", *arguments, *at)


def test_without_a_ledger_there_is_nothing_to_simulate(run: Run) -> None:
    with pytest.raises(InputError, match="holds no ledger"):
        run("policy", "simulate", "two.yaml")


def test_a_simulation_tells_calls_by_place_and_rule(run: Run, site: Site) -> None:
    at = ("--vault", str(site.folder))
    _, output = run("policy", "simulate", "one.yaml", "--json", "--calls", *at)
    told = json.loads(output)
    [version] = {one.version for one in shipped_rules().rules if "DE" in one.places}
    [name] = {one.id for one in shipped_rules().rules if "DE" in one.places}
    rows = {(one["places"], one["now"], one["then"]): one["calls"] for one in told["rows"]}
    assert rows == {("DE", "kept", "refused"): 2, ("DE", "kept", "kept"): 1, ("", None, None): 1}
    assert {one["rules_then"] for one in told["rows"]} == {f"{name}@{version}", ""}
    assert told["call_ids"] == {
        "silent": {"fate": "refused", "held": False},
        "silent-held": {"fate": "refused", "held": True},
    }
    _, output = run("policy", "simulate", "one.yaml", "--calls", *at)
    assert "of 4 stored calls 2 would be treated differently: 2 would not be kept by" in output
    assert "1 of them are under a legal hold" in output
    assert "silent-held: refused (no_consent); a legal hold keeps it" in output
    listed = [json.loads(line)["facts"] for line in site.log.export()]
    assert [one["calls"] for one in listed if one["what"] == "calls-listed"] == [2, 2]
    assert site.stored(["silent", "agreed", "nobody"]) == {"silent", "agreed", "nobody"}


def test_a_simulation_by_other_rules(run: Run, site: Site, tmp_path: Path) -> None:
    [shipped] = [one for one in shipped_rules().rules if "DE" in one.places]
    changes = {"version": 99, "lawful_bases": frozenset(), "notice": "never", "consent": "none"}
    lax = type(shipped).model_validate(shipped.model_dump() | changes)
    own = write_rules(tmp_path, "own", lax)
    no_basis = POLICY.format(version=3, days=365).replace("{default: consent}", "{}")
    (tmp_path / "three.yaml").write_text(no_basis)
    arguments = ("policy", "simulate", "three.yaml", "--vault", str(site.folder), "--json")
    _, output = run(*arguments, "--jurisdictions", str(own))
    rows = [one for one in json.loads(output)["rows"] if one["places"] == "DE"]
    assert [(one["rules_then"], one["then"], one["calls"]) for one in rows] == [
        (f"{shipped.id}@99", "kept", 3)
    ]


def test_a_recheck_looks_then_marks_then_erases(run: Run, site: Site) -> None:
    at = ("consent", "recheck", "--vault", str(site.folder))
    code, output = run(*at, "--calls")
    assert code == 0
    assert "of 3 calls 1 would not be kept, 0 in part, 1 stay under a legal hold" in output
    assert "of 1 others nobody asked" in output
    assert "silent: would not be kept (no_consent" in output
    assert "nothing was changed" in output
    code, output = run(*at, "--flag")
    assert "0 erased, 1 flagged" in output
    _, output = run("calls", "list", "--vault", str(site.folder), "--flagged", "--json")
    [marked] = map(json.loads, output.splitlines())
    assert (marked["call_id"], marked["flagged"]["why"]) == ("silent", "no_consent")
    _, output = run(*at, "--erase", "--json", "--calls")
    told = json.loads(output)
    assert (told["forbidden"], told["held"], told["unasked"]) == (1, 1, 1)
    assert told["done"] == {"erased": 1, "flagged": 0, "cleared": 0, "held": 0}
    assert set(told["calls"]) == {"silent", "silent-held"}
    assert site.stored(["silent", "silent-held", "agreed", "nobody"]) == {
        "silent-held",
        "agreed",
        "nobody",
    }


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--flag", "--erase"), "one of --flag and --erase"),
        (("--confirm", "3"), "without --flag or --erase"),
        (("--erase",), "name the vault"),
    ],
)
def test_a_recheck_that_is_asked_for_wrongly(
    run: Run, arguments: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        run("consent", "recheck", *arguments)


def test_a_policy_that_asks_for_nothing(
    run: Run, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUSHWIRE_POLICY", "default")
    with pytest.raises(SettingsError, match="asks for none"):
        run("consent", "recheck", "--vault", str(site.folder))


def test_a_recheck_goes_by_the_version_that_was_published(
    run: Run, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUSHWIRE_POLICY", "two.yaml")
    site.store("kept-long", decided("DE", PROMPT, YES), ago=100, days=365)
    at = ("--vault", str(site.folder))
    run("policy", "publish", "one.yaml", "--reason", "keep longer", "--laxer", *at)
    _, output = run("consent", "recheck", "--erase", "--json", "--calls", *at)
    told = json.loads(output)
    assert (told["policy"], set(told["calls"])) == ("own 1", {"silent", "silent-held"})
    assert site.stored(["kept-long"]) == {"kept-long"}


def test_a_worker_of_the_vault_alone_rechecks(run: Run) -> None:
    settings = Settings(bootstrap="x:1", consent_recheck="erase")
    nightly = worker_config(["vault"], "v", settings).nightly
    assert nightly is not None
    assert nightly.mode == "erase"
    assert nightly.rules.digest == shipped_rules().digest
    assert worker_config(["vault"], "v", Settings(bootstrap="x:1")).nightly is None


def test_by_itself_nothing_is_rechecked() -> None:
    assert Settings().consent_recheck == "off"


def test_days_are_those_of_utc() -> None:
    from agents.cli.measuring.policy import _day  # noqa: PLC0415

    assert _day(None) == datetime.now(UTC).date()
