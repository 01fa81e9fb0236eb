"""The data-health page: collected over the store's port, drawn by pygal, written by Jinja as one file."""
