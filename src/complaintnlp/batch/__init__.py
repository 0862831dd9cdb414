"""Batch scoring: whole review exports in, scored exports out, with constant memory."""

from complaintnlp.batch.score import ScoreSummary, score_file

__all__ = ["ScoreSummary", "score_file"]
