"""Where volumes come from: the sources that a study can name, and the readers of their files."""
