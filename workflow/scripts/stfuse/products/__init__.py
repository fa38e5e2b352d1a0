"""How each product is read: stored numbers, metadata documents, where sun and sensor stood."""
