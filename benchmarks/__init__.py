"""Measurements: each compares two things within one run, so that the machine hardly matters."""
