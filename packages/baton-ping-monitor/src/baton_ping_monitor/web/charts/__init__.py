"""Charts as SVG: geometry here, markup in the templates. All of it is made on the server."""
