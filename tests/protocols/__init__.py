"""Published protocols, run again (``make protocols``)."""
