"""Dense fine-resolution reflectance and NDVI series from satellite archives.

Newcomers read `task` (the words), one file of `methods`, then the stage modules
in road order: simulated, raw, ard, degraded, fused, metrics, series, phenology, plots.
This file imports nothing, so that a Snakemake dry run stays cheap.
"""

__version__ = "0.1.0"
