"""The daemon of `ect ui`: Dagster's own, which ends with the process that started it."""

from __future__ import annotations

from ect_assets.serving.lifeline import settings_from_parent


def main() -> None:
    """Run Dagster's daemons for the module that the parent says."""
    settings = settings_from_parent()
    from dagster._daemon.cli import cli

    from ect_assets.serving.sockets import private_sockets

    with private_sockets():
        cli(["run", "--log-level", "warning", "--module-name", settings["module"]], obj={})


if __name__ == "__main__":
    main()
