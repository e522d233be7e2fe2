from tests.compilation_cache import compilation_cache_folder

__all__ = ["compilation_cache_folder"]
