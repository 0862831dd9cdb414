"""From probabilities to decisions: thresholds, abstention, detractor, risk and severity."""
