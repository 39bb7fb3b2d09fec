"""Paginators: the next request of a list, decided from the pages that came."""
