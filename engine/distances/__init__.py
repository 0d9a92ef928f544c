"""Distances between samples and the truth: each with the floor that fresh draws of the truth reach, a spread and the n it was taken at.

Standardised coordinates throughout. ``engine.evaluation`` runs them all.
"""

from __future__ import annotations

from engine.distances.coverage import Coverage, coverage, modes_of
from engine.distances.estimate import Estimate, absent, estimate
from engine.distances.gridded import Lattice, cell_masses, cells_for, counts, js, kl, lattice_for, tv
from engine.distances.kernels import PairMeans, energy_distance, median_bandwidth, mmd2, pair_means

__all__ = [
    "Coverage",
    "Estimate",
    "Lattice",
    "PairMeans",
    "absent",
    "cell_masses",
    "cells_for",
    "counts",
    "coverage",
    "energy_distance",
    "estimate",
    "js",
    "kl",
    "lattice_for",
    "median_bandwidth",
    "mmd2",
    "modes_of",
    "pair_means",
    "tv",
]
