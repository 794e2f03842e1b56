//go:build tools

// Package tools pins in go.mod the S3 server that tests marked s3 talk to.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
