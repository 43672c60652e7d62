"""A training told to others while it goes on: TensorBoard's files, or an MLflow server."""

from __future__ import annotations

from convscope.tracking.telling import TRACKERS, Tracker, tracked, tracker_of

__all__ = ["TRACKERS", "Tracker", "tracked", "tracker_of"]
