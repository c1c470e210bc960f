"""Many files: found, heard side by side, written as rows, tagged. The command is genre-scan."""
