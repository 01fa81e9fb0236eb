"""Stores over SQLAlchemy Core."""
