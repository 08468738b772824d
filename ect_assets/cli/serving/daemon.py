"""The daemon of `ect ui`: Dagster's own, which ends with the process that started it."""

from __future__ import annotations

from ect_assets.cli.serving.lifeline import settings_from_parent


def main() -> None:
    """Run Dagster's daemons for the workspace that the parent names."""
    settings = settings_from_parent()
    from dagster._daemon.cli import cli

    from ect_assets.cli.serving.sockets import private_sockets

    with private_sockets():
        cli(["run", "--log-level", "warning", "--workspace", settings["workspace"]], obj={})


if __name__ == "__main__":
    main()
