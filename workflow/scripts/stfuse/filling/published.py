"""What Rossberg and Schmitt 2024 report (Tables I to III), of other places and under other clouds, to compare with."""

from __future__ import annotations

from typing import Final

__all__ = ["BY_GAP", "OVERALL", "SHORT_GAPS"]

OVERALL: Final[dict[str, dict[str, float]]] = {
    "linear interpolation": {"mae": 0.0482, "rmse": 0.0843, "r2": 0.9190},
    "hGBRT": {"mae": 0.0675, "rmse": 0.1081, "r2": 0.8680},
    "Optical-Only": {"mae": 0.0513, "rmse": 0.0882, "r2": 0.9115},
    "NDVI-Backscatter": {"mae": 0.0517, "rmse": 0.0874, "r2": 0.9130},
    "NDVI-Fusion": {"mae": 0.0478, "rmse": 0.0806, "r2": 0.9261},
    "NDVI-Fusion, temporal split": {"mae": 0.0498, "rmse": 0.0855, "r2": 0.9017},
}
"""Tables I and II: method -> metric -> value over all hidden values of 124 regions."""

BY_GAP: Final[dict[str, dict[str, tuple[float, ...]]]] = {
    "mae": {
        "linear interpolation": (0.035, 0.040, 0.047, 0.056, 0.088),
        "Optical-Only": (0.034, 0.040, 0.048, 0.058, 0.091),
        "NDVI-Fusion": (0.034, 0.040, 0.046, 0.054, 0.076),
        "NDVI-Fusion, temporal split": (0.035, 0.042, 0.050, 0.060, 0.082),
    },
    "rmse": {
        "linear interpolation": (0.063, 0.070, 0.080, 0.091, 0.137),
        "Optical-Only": (0.059, 0.067, 0.080, 0.092, 0.139),
        "NDVI-Fusion": (0.059, 0.066, 0.077, 0.087, 0.116),
        "NDVI-Fusion, temporal split": (0.062, 0.072, 0.084, 0.097, 0.126),
    },
    "r2": {
        "linear interpolation": (0.949, 0.941, 0.924, 0.906, 0.809),
        "Optical-Only": (0.955, 0.945, 0.925, 0.904, 0.798),
        "NDVI-Fusion": (0.955, 0.946, 0.930, 0.914, 0.860),
        "NDVI-Fusion, temporal split": (0.919, 0.919, 0.900, 0.876, 0.823),
    },
}
"""Table III: metric -> method -> a value for each of `stfuse.filling.hiding.GAP_CLASSES`."""

SHORT_GAPS: Final = 0.70
"""Share of the gaps that are shorter than six days (section V-A, Fig. 4)."""
