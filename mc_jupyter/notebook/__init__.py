"""The front: magics, and what a notebook shows. The only home of IPython."""
