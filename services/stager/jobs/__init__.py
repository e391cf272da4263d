"""Work beside the batches: deadlines, re-folds, dead letters, retention."""
