"""Network and truth: where the error of a pane comes from, the errors of its field over time, and a certificate."""
