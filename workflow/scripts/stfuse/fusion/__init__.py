"""What fusion methods are made of: the parts that several of them share, or that fill files of their own.

Similar pixels and their weights (`similar`, `blending`, `conversion`), coarse cells and what is in them (`nesting`,
`footprints`, `classes`, `unmixing`, `residuals`), and interpolation between them (`thinplate`, `semivariogram`,
`kriging`, `regression`). Arrays in, arrays out, like everything in the package.
"""
