"""What a reader sees: figures and text made from the tables."""
