"""`python -m ect_assets.cli` is `ect`."""

from ect_assets.cli.entry_point import main

if __name__ == "__main__":
    main()
