"""The operation itself: its geometry, and later its arithmetic."""
