"""Densities in closed form and on grids."""
