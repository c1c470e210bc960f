"""Where sound comes from: microphones, files and streams, and what it takes to read them."""
