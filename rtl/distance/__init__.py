"""Distance units, all with one interface: see `prototile.rtl.distance.unit`."""
