"""The operation itself: its arithmetic, its geometry, its kernels, and what went into each value."""
