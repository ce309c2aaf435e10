"""Images that stand in for published ones, which cannot be fetched where tests run."""
