"""How scenes are found in archives and fetched: searching, links, retries, what is kept of each."""
