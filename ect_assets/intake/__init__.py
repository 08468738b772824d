"""What the clinic hands in: BIDS folders, scans' headers, participants and their ratings."""
