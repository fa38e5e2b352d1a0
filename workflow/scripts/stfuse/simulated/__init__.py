"""A synthetic world with truth on every day, and the archive that observes it.

In reading order: `settings` (what can be switched), `covers` (classes and spectra), `parcels` and `landscape` (what
lies where), `weather`, `seasons` (how it grows), `surface` (reflectance of any day), `dates` (when things happened),
`clouds`, `instruments` and `scenes` (how sensors see it), `archive` (how it is catalogued). This file imports nothing.
"""
