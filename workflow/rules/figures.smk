# results/figures, results/tables and the report: what a person looks at.
