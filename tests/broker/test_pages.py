"""Every command of the docs that can be run here is run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.broker.forked import hushwire
from tests.broker.pages import recording, run
from tests.repository.blocks import PAGES, Block, blocks
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.models, pytest.mark.slow]


def _runnable() -> list[object]:
    found: list[object] = []
    for page in PAGES:
        of_page = blocks(page)
        if any(one.mark == "run" for one in of_page):
            long = any("nightly" in one.said.split() for one in of_page)
            marks = [pytest.mark.nightly] if long else []
            found.append(pytest.param(of_page, id=of_page[0].page, marks=marks))
    return found


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault that holds the call ``order``."""
    folder = tmp_path_factory.mktemp("pages")
    recording(folder / "recordings")
    subprocess.run(
        hushwire("run", "--from", folder / "recordings", "--to", folder / "vault"),
        check=True,
        timeout=HANG_S,
        cwd=folder,
    )
    return folder / "vault"


@pytest.mark.parametrize("page", _runnable())
def test_the_commands_of_a_page_work_as_they_stand(
    page: list[Block], tmp_path: Path, vault: Path
) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    run(page, folder, vault)
