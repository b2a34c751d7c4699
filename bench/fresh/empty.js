// What Node takes to start and end, with a module that does nothing.
