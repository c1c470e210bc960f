"""What can be tried and made again; a package so that tests can read the demo tune's composition."""
