"""Models by the shape of their input and output, decoding, and counted baselines."""
