"""Image files as such: which may be opened, where their voxels lie, what picture they hold."""
