"""What the command line does: coloring, scoring, downloading photos, training the network that ships."""
