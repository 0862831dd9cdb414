"""Training, export and evaluation. The only room that imports torch, transformers, datasets and scikit-learn."""
