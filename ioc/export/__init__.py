"""Rows of the store out, as files: one file format a module, found by name.

A format is a class `Writer(out, columns, options)` with `write(batch)` and `close()`: `out` takes bytes and is not
closed, `columns` are ioc.store.export_rows.Column, a batch is a list of columns. The module's name is a file's ending.
"""
