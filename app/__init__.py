"""Millwright."""
