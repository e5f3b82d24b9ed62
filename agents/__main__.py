"""``python -m agents`` is the ``hushwire`` command."""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``hushwire`` command."""
    # Imported here: the processes of the speech engines import the command's main module, too.
    from agents.cli.start import main as command  # noqa: PLC0415

    command()


if __name__ == "__main__":
    main()
