"""Bringing the scenes of every sensor to one ground, view and band, and seeing how well that was done."""
