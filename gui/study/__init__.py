"""Solver study: error against function evaluations, as a chart, a table and a picture."""
