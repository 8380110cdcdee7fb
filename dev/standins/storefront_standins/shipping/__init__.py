"""The carrier: rates and labels over HTTP."""
