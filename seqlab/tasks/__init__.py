"""Problems with models for them, each a tuple of pure functions and three splits; one file a task."""
