package cli

// Describe is what --version shows of a binary.
var Describe = describe
