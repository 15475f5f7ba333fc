"""The book's widgets: one small ES module each, with the Python class that gives it its data."""
