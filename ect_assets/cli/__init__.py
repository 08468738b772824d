"""The command `ect`: its commands, what they print, and the server of the UI."""

from ect_assets.cli.commands import app
from ect_assets.cli.entry_point import main

__all__ = ["app", "main"]
