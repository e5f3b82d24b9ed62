"""The Hugging Face hub, or a mirror of it: which files a revision has, and the files.

``huggingface_hub`` does the work and has its own settings: ``HF_ENDPOINT`` names a mirror,
``HF_TOKEN_PATH`` a file with a token for what is not public, ``HF_HUB_OFFLINE`` forbids it.

Outcomes: ``listed`` and ``download``, or ``ModelError`` that says why not and what to do. No text
of the client's own errors is passed on: they quote addresses, which may hold a token.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ModelError


@dataclass(frozen=True, slots=True)
class Listed:
    """A revision of a repository."""

    commit: str
    """Its full commit hash."""
    sizes: dict[str, int | None]
    """Bytes of every file, by its path."""
    digests: dict[str, str]
    """sha256 of those that the hub states one of: the large ones."""
    licence: str
    """As the repository's card has it, in the hub's words; empty where it has none."""


def listed(repository: str, revision: str) -> Listed:
    """What a repository holds at a revision.

    Args:
        repository: ``owner/name``.
        revision: a commit, branch or tag.

    Raises:
        ModelError: there is no such thing, or the hub can't be asked.
    """
    with _told(f"{repository}@{revision}"):
        from huggingface_hub import HfApi  # noqa: PLC0415 - slow to import, and seldom needed

        info = HfApi(endpoint=endpoint()).model_info(
            repository, revision=revision, files_metadata=True
        )
        files = info.siblings or []
        card = info.card_data
        said = card.get("license") if card else None
        return Listed(
            commit=str(info.sha or ""),
            sizes={one.rfilename: one.size for one in files},
            digests={one.rfilename: one.lfs.sha256 for one in files if one.lfs},
            licence=said if isinstance(said, str) else "",
        )


def download(repository: str, commit: str, names: Iterable[str], into: Path) -> None:
    """Fetch files of a revision into a folder; what is there of them is gone on with.

    Raises:
        ModelError: as ``listed``.
    """
    with _told(f"{repository}@{commit[:12]}"):
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 - as above
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

        if not sys.stderr.isatty():
            disable_progress_bars()
        for name in names:
            hf_hub_download(repository, name, revision=commit, local_dir=into, endpoint=endpoint())


def forget(folder: Path) -> None:
    """Remove the client's notes from a folder whose files are complete."""
    shutil.rmtree(folder / ".cache", ignore_errors=True)


def endpoint() -> str:
    """Address of the hub that is asked."""
    from huggingface_hub import constants  # noqa: PLC0415 - as above

    return str(constants.ENDPOINT)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """The client's errors as ours."""
    try:
        from huggingface_hub import constants, errors  # noqa: PLC0415 - as above
    except ImportError:
        raise ModelError(
            "the hub's client is not installed here: pip install 'hushwire[speech]', or pinned and "
            "offline by requirements-image.txt (docs/deploy/install.md)."
        ) from None
    if constants.HF_HUB_OFFLINE:
        raise ModelError(f"{what}: HF_HUB_OFFLINE forbids to ask the hub.")
    try:
        yield
    except errors.RevisionNotFoundError:
        raise ModelError(f"{what}: the repository has no such revision.") from None
    except errors.RepositoryNotFoundError:  # the hub does not tell the two apart
        raise ModelError(
            f"{what}: there is no such repository, or it asks for a token (HF_TOKEN_PATH)."
        ) from None
    except errors.RemoteEntryNotFoundError:
        raise ModelError(f"{what}: the hub's revision lacks a file that is wanted.") from None
    except OSError as error:
        if error.errno is not None and not isinstance(error, ConnectionError):
            raise  # of this machine's disk
        raise _unreachable(what, error) from None
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001 - and those of the HTTP client below it
        raise _unreachable(what, error) from None


def _unreachable(what: str, error: Exception) -> ModelError:
    return ModelError(
        f"{what}: the hub could not be asked, or broke off ({type(error).__name__}). A second try "
        "goes on with what came; where there is no way to it, HF_ENDPOINT names a mirror."
    )
