"""Where the tests find the repository, and the files beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
