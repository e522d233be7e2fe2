"""Problems whose rows are generated: every batch is a function of (seed, step), so nothing is stored or fetched."""
