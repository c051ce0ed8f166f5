"""Burgee, a feature-flag service: one engine and one API on a laptop, in a container and in AWS Lambda."""

__version__ = "0.1.0"
