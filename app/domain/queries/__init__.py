"""What pages and lists read: plain functions that load all they need in a fixed number of statements."""
