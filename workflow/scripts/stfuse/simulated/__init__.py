"""A synthetic world with truth on every day, and the archive that observes it.

In reading order: `settings` (what can be chosen), `covers` (classes and spectra); `land` (what lies where); how it
grows: `weather`, `seasons`, `growth`, `events` (floods, buildings), `spectra`, `textures`; `surface` (the world:
reflectance of any day), `dates` (when things happened). How it is seen: `delivery` (what a sensor is), `instruments`,
`directions`, `clouds`, and in `sensors` a file for each; `archive` (how it is catalogued). This file imports nothing.
"""
