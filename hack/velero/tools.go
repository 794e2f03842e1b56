//go:build tools

// Package tools pins in go.mod the Velero that tests marked velero judge archives with.
package tools

import _ "github.com/vmware-tanzu/velero/cmd/velero"
