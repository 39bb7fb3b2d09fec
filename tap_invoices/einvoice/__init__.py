"""One model for the invoices of all providers, in the terms of EN 16931, as pure functions.

It knows no stream and no provider. A mapping makes its columns with these functions, one expression a column, and hands
them to :func:`model.invoice`; :func:`reading.read` gives the same columns from the XML in a PDF.
"""
