"""ECT Assets: what changes in the depressed brain, and which genes the change follows."""

__version__ = "0.1.0"
