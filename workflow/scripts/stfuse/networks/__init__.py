"""Networks alone, one file each: layers, and what they reach. How they learn is in `stfuse.learning`."""
