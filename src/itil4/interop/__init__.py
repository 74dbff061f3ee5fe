"""Doors to other systems: importers, exporters and schemas."""
