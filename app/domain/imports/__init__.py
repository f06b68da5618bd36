"""Files that are read into the catalogues: all of their rows, or none."""
