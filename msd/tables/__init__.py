"""From finished results to cells and tables: selection, scores, comparisons and renderings."""
