package main

import (
	"context"
	"errors"
	"log"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// driver answers the calls of all services.
type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedNodeServer
	registration.UnimplementedRegistrationServer

	name   string // of the driver, as a StorageClass calls it
	node   string // the name of the node it runs on
	socket string // where its CSI services are
	store  *store
	claims claims

	mounting sync.Mutex // held by the call that mounts
}

// GetPluginInfo tells the driver's name.
func (d *driver) GetPluginInfo(
	context.Context, *csi.GetPluginInfoRequest,
) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: d.name, VendorVersion: "0.2"}, nil
}

// GetPluginCapabilities tells that there is a controller service, and no topology.
func (d *driver) GetPluginCapabilities(
	context.Context, *csi.GetPluginCapabilitiesRequest,
) (*csi.GetPluginCapabilitiesResponse, error) {
	service := csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}
	capability := csi.PluginCapability{Type: &csi.PluginCapability_Service_{Service: &service}}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{&capability}}, nil
}

// Probe tells that the driver is ready, which it is when it listens.
func (d *driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(true)}, nil
}

// GetInfo tells the kubelet where the CSI services are.
func (d *driver) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              d.name,
		Endpoint:          d.socket,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

// NotifyRegistrationStatus writes to the log whether the kubelet knows the driver.
func (d *driver) NotifyRegistrationStatus(
	_ context.Context, said *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	log.Printf("registered=%v %s", said.PluginRegistered, said.Error)
	return &registration.RegistrationStatusResponse{}, nil
}

// failure is a store's error as CSI names it.
func failure(err error) error {
	code := codes.Internal
	if errors.Is(err, errMissing) {
		code = codes.NotFound
	}
	if errors.Is(err, errFull) {
		code = codes.ResourceExhausted
	}
	return status.Error(code, err.Error())
}

// absent says that a required field of a request is empty.
func absent(field string) error {
	return status.Errorf(codes.InvalidArgument, "%s is required", field)
}

// busy says that another call is at work on a tree.
func busy(n name) error {
	return status.Errorf(codes.Aborted, "another operation on %v is pending", n)
}

// unsupported says why volumes cannot be used in one of these ways; empty if they can.
func unsupported(capabilities ...*csi.VolumeCapability) string {
	for _, capability := range capabilities {
		mount := capability.GetMount()
		if mount == nil {
			return "a volume is a directory, it can only be mounted: no block mode"
		}
		if len(mount.MountFlags) > 0 {
			return "a directory is mounted without options"
		}
		switch mode := capability.GetAccessMode().GetMode(); mode {
		case csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER,
			csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY,
			csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER,
			csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER:
		default:
			return "a directory is on one node: no access mode " + mode.String()
		}
	}
	return ""
}
