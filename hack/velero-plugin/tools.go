//go:build tools

// Package tools pins in go.mod the plugin by which Velero reaches an S3 server. It wants other modules than Velero.
package tools

import _ "github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws"
