"""Who may do what, and who sees which records: one place for pages and API alike."""
