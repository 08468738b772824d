"""Tests of a lab's own code in a study."""
