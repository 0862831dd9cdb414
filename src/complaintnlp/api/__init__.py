"""The prediction service: a FastAPI application over the Analyzer."""
