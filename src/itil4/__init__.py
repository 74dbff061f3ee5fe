"""An embeddable ITIL 4 domain library."""
