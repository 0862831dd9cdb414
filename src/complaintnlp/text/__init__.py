"""Text: normalisation with offsets into the original, and language detection."""
