"""The list of finished runs: what is kept of each, and the window that shows, compares, restores and deletes them."""
