"""The practices: one module each, with its records, its lifecycle and what people do."""
