"""tmp"""
def illustrate(sku: str, name: str, category: str) -> str:
    """tmp"""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800"><rect width="800" height="800" fill="#eee"/></svg>'
