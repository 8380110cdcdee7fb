"""The books: what happened to money, written once and never changed."""
