"""Shapes and places, the only owner of geopandas: files of any vector format in, and what lies in what out."""
