"""AI services inside the notebook: load a MediaConduit service, start it, prompt it."""

__version__ = "0.1.0"
