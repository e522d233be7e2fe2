"""Reads run folders: tables, plots, pages."""
