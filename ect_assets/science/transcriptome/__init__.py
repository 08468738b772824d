"""Gene expression per parcel, from the Allen Human Brain Atlas."""
