"""Values of parcels on the cortex."""
