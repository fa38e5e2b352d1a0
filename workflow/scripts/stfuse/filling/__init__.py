"""Series fusion: the gaps of pixels' optical series, filled from what is left of them and from radar."""
