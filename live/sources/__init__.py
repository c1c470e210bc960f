"""The sources of sound: microphones, files and streams, and their decoders."""
