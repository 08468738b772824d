"""The daemon of `ect ui`: Dagster's own, which ends with the process that started it."""

from __future__ import annotations

from ect_assets.cli.serving.lifeline import settings_from_parent


def main() -> None:
    """Run Dagster's daemons for the workspace that the parent names."""
    settings = settings_from_parent()
    from ect_assets.cli.serving.sockets import private_sockets
    from ect_assets.orchestration.dagster_internals import run_daemons

    with private_sockets():
        run_daemons(settings["workspace"])


if __name__ == "__main__":
    main()
