// Package deploy checks what runs the programs in production: the image, the templates, the units, the alerts, and the
// dashboard. It is a module of its own, so that the programs do not depend on what checks them.
package deploy
