"""What book covers are drawn with; `catalog.covers` draws them."""
