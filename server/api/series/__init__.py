"""Series for plots and tables: any range at a bounded number of points, gaps and peaks kept."""
