"""Singer tap for the invoices of five billing portals, one stream for each of their endpoints."""
