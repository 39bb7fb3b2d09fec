"""Threads, queues and pace; knows neither HTTP nor invoices."""
