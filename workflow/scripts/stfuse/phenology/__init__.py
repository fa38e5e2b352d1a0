"""Seasons of growth: cycles, curves and their dates, sudden events, and how far all of it is from the truth."""
