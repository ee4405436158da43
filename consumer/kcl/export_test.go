package kcl

// WithProtocol is the option of the client that reads the pages.
var WithProtocol = withProtocol
