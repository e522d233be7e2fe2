"""Many models at once: populations under ``vmap``, and who of them goes on."""
