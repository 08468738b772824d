"""A lab's own assets and null model, as docs/how_to/extend.md walks through them."""
