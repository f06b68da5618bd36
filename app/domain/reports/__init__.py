"""Reports: figures as tables, with what a reader needs to know about them, ready to be shown or written."""
