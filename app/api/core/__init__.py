"""What every endpoint stands on: declaring, identifying, reading, answering, documenting."""
