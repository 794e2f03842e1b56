package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// defaultSize is the size in bytes of a volume of which nobody says how big it is to be.
const defaultSize = 1 << 30

// ControllerGetCapabilities tells what there is beside the calls that all controllers answer.
func (d *driver) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
		csi.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER,
	} {
		call := csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: kind}}
		answer.Capabilities = append(answer.Capabilities, &csi.ControllerServiceCapability{Type: &call})
	}
	return answer, nil
}

// ValidateVolumeCapabilities confirms what a volume can do, and says why if it cannot.
func (d *driver) ValidateVolumeCapabilities(
	_ context.Context, asked *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if asked.VolumeId == "" {
		return nil, absent("volume_id")
	}
	if len(asked.VolumeCapabilities) == 0 {
		return nil, absent("volume_capabilities")
	}
	if _, err := d.store.find(name{volumes, asked.VolumeId}); err != nil {
		return nil, failure(err)
	}
	if reason := unsupported(asked.VolumeCapabilities...); reason != "" {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: reason}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{
		Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
			VolumeCapabilities: asked.VolumeCapabilities,
		},
	}, nil
}

// CreateVolume makes a volume, empty or with the data of a snapshot or another volume, or finds the one
// of that name. It goes on when its caller does not wait any longer: who asks again for a big copy finds
// it one day.
func (d *driver) CreateVolume(
	_ context.Context, asked *csi.CreateVolumeRequest,
) (*csi.CreateVolumeResponse, error) {
	wanted := name{volumes, asked.Name}
	if err := newName(wanted, asked.Parameters); err != nil {
		return nil, err
	}
	if len(asked.VolumeCapabilities) == 0 {
		return nil, absent("volume_capabilities")
	}
	if reason := unsupported(asked.VolumeCapabilities...); reason != "" {
		return nil, status.Error(codes.InvalidArgument, reason)
	}
	source, err := sourceOf(asked.VolumeContentSource)
	if err != nil {
		return nil, err
	}
	if err := possible(asked.CapacityRange); err != nil {
		return nil, err
	}

	release, granted := d.claims.take(wanted)
	if !granted {
		return nil, busy(wanted)
	}
	defer release()
	made, err := d.store.find(wanted)
	if errors.Is(err, errMissing) {
		made, err = d.newVolume(wanted, source, asked.CapacityRange)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, failure(err)
	}
	if made.Source != source {
		return nil, status.Errorf(codes.AlreadyExists, "%v is there, with another source", wanted)
	}
	if !within(made.Size, asked.CapacityRange) {
		return nil, status.Errorf(codes.AlreadyExists, "%v is there, with %d bytes", wanted, made.Size)
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: wanted.ID, CapacityBytes: made.Size, ContentSource: asked.VolumeContentSource,
	}}, nil
}

// newVolume makes a volume that is not there. Its error is one of CSI's.
func (d *driver) newVolume(wanted, source name, capacity *csi.CapacityRange) (tree, error) {
	made := tree{Name: wanted, Source: source, Size: capacity.GetRequiredBytes(), Created: time.Now().UTC()}
	smallest := int64(0)
	if source != (name{}) {
		release, granted := d.claims.share(source)
		if !granted {
			return tree{}, busy(source)
		}
		defer release()
		from, err := d.store.find(source)
		if err != nil {
			return tree{}, failure(err)
		}
		smallest = from.Size
	}
	if made.Size == 0 {
		made.Size = max(smallest, defaultSize)
		if limit := capacity.GetLimitBytes(); limit > 0 {
			made.Size = min(made.Size, limit)
		}
	}
	if made.Size < smallest {
		return tree{}, status.Errorf(codes.OutOfRange, "%v has %d bytes, a copy no less", source, smallest)
	}
	if err := d.store.create(made); err != nil {
		return tree{}, failure(err)
	}
	return made, nil
}

// DeleteVolume removes a volume that no pod has, damaged or not. Its snapshots and clones stay.
func (d *driver) DeleteVolume(
	_ context.Context, asked *csi.DeleteVolumeRequest,
) (*csi.DeleteVolumeResponse, error) {
	if asked.VolumeId == "" {
		return nil, absent("volume_id")
	}
	unwanted := name{volumes, asked.VolumeId}
	release, granted := d.claims.take(unwanted)
	if !granted {
		return nil, busy(unwanted)
	}
	defer release()
	published, err := d.published(unwanted)
	if err != nil {
		return nil, failure(err)
	}
	if len(published) > 0 {
		at := published[0].Mountpoint
		return nil, status.Errorf(codes.FailedPrecondition, "%v is mounted at %s", unwanted, at)
	}
	if err := d.store.remove(unwanted); err != nil && !errors.Is(err, errMissing) {
		return nil, failure(err)
	}
	return &csi.DeleteVolumeResponse{}, nil
}

// CreateSnapshot copies a volume, or finds the copy of that name. The copy of a volume that a pod writes
// to is not of one moment. It goes on when its caller does not wait any longer.
func (d *driver) CreateSnapshot(
	_ context.Context, asked *csi.CreateSnapshotRequest,
) (*csi.CreateSnapshotResponse, error) {
	wanted, source := name{snapshots, asked.Name}, name{volumes, asked.SourceVolumeId}
	if err := newName(wanted, asked.Parameters); err != nil {
		return nil, err
	}
	if source.ID == "" {
		return nil, absent("source_volume_id")
	}
	release, granted := d.claims.take(wanted)
	if !granted {
		return nil, busy(wanted)
	}
	defer release()
	made, err := d.store.find(wanted)
	if errors.Is(err, errMissing) {
		made, err = d.newSnapshot(wanted, source)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, failure(err)
	}
	if made.Source != source {
		return nil, status.Errorf(codes.AlreadyExists, "%v is there, of %v", wanted, made.Source)
	}
	return &csi.CreateSnapshotResponse{Snapshot: snapshotOf(made)}, nil
}

// newSnapshot makes a snapshot that is not there. Its error is one of CSI's.
func (d *driver) newSnapshot(wanted, source name) (tree, error) {
	release, granted := d.claims.share(source)
	if !granted {
		return tree{}, busy(source)
	}
	defer release()
	from, err := d.store.find(source)
	if err != nil {
		return tree{}, failure(err)
	}
	made := tree{Name: wanted, Source: source, Size: from.Size, Created: time.Now().UTC()}
	if err := d.store.create(made); err != nil {
		return tree{}, failure(err)
	}
	return made, nil
}

// DeleteSnapshot removes a snapshot, damaged or not. Volumes made from it stay.
func (d *driver) DeleteSnapshot(
	_ context.Context, asked *csi.DeleteSnapshotRequest,
) (*csi.DeleteSnapshotResponse, error) {
	if asked.SnapshotId == "" {
		return nil, absent("snapshot_id")
	}
	unwanted := name{snapshots, asked.SnapshotId}
	release, granted := d.claims.take(unwanted)
	if !granted {
		return nil, busy(unwanted)
	}
	defer release()
	if err := d.store.remove(unwanted); err != nil && !errors.Is(err, errMissing) {
		return nil, failure(err)
	}
	return &csi.DeleteSnapshotResponse{}, nil
}

// ListSnapshots tells of all snapshots, or of those that are asked for, in the order of their ids. A
// token is the id of the last one that was told. A damaged one is an error: left out, it would be taken
// for deleted.
func (d *driver) ListSnapshots(
	_ context.Context, asked *csi.ListSnapshotsRequest,
) (*csi.ListSnapshotsResponse, error) {
	if asked.MaxEntries < 0 {
		return nil, status.Error(codes.InvalidArgument, "max_entries is negative")
	}
	if token := asked.StartingToken; token != "" && !validID(token) {
		return nil, status.Errorf(codes.Aborted, "starting_token %q is not valid", token)
	}
	found, err := d.snapshotsOf(asked.SnapshotId)
	if err != nil {
		return nil, failure(err)
	}
	answer := &csi.ListSnapshotsResponse{}
	for _, one := range found {
		if asked.SourceVolumeId != "" && asked.SourceVolumeId != one.Source.ID {
			continue
		}
		if one.Name.ID <= asked.StartingToken {
			continue
		}
		if told := len(answer.Entries); asked.MaxEntries > 0 && told == int(asked.MaxEntries) {
			answer.NextToken = answer.Entries[told-1].Snapshot.SnapshotId
			break
		}
		answer.Entries = append(answer.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: snapshotOf(one)})
	}
	return answer, nil
}

// snapshotsOf finds the snapshot of an id, if it is there, or all of them if the id is empty.
func (d *driver) snapshotsOf(id string) ([]tree, error) {
	if id == "" {
		return d.store.list(snapshots)
	}
	found, err := d.store.find(name{snapshots, id})
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	return []tree{found}, err
}

// snapshotOf is a snapshot as CSI tells of it.
func snapshotOf(made tree) *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId:     made.Name.ID,
		SourceVolumeId: made.Source.ID,
		SizeBytes:      made.Size,
		CreationTime:   timestamppb.New(made.Created),
		ReadyToUse:     true,
	}
}

// newName refuses names that something new cannot have, and parameters: there are none but Kubernetes's
// own.
func newName(wanted name, parameters map[string]string) error {
	if wanted.ID == "" {
		return absent("name")
	}
	if !validID(wanted.ID) {
		return status.Errorf(codes.InvalidArgument, "%v: a name is at most 128 of A-Z a-z 0-9 . _ -", wanted)
	}
	for key := range parameters {
		if !strings.HasPrefix(key, "csi.storage.k8s.io/") {
			return status.Errorf(codes.InvalidArgument, "there is no parameter %q", key)
		}
	}
	return nil
}

// sourceOf is the name of what a volume is to be a copy of; the empty one if it is to be empty.
func sourceOf(asked *csi.VolumeContentSource) (name, error) {
	if asked == nil {
		return name{}, nil
	}
	source := name{volumes, asked.GetVolume().GetVolumeId()}
	if asked.GetSnapshot() != nil {
		source = name{snapshots, asked.GetSnapshot().SnapshotId}
	}
	if source.ID == "" {
		return name{}, absent("the id in volume_content_source")
	}
	return source, nil
}

// possible refuses capacities that no volume can have.
func possible(capacity *csi.CapacityRange) error {
	required, limit := capacity.GetRequiredBytes(), capacity.GetLimitBytes()
	if required < 0 || limit < 0 {
		return status.Error(codes.InvalidArgument, "a capacity is negative")
	}
	if limit > 0 && limit < required {
		return status.Errorf(codes.OutOfRange, "%d bytes are required and %d are the limit", required, limit)
	}
	return nil
}

// within says whether a size is one that is asked for.
func within(size int64, capacity *csi.CapacityRange) bool {
	limit := capacity.GetLimitBytes()
	return size >= capacity.GetRequiredBytes() && (limit == 0 || size <= limit)
}
