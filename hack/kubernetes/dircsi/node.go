package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// NodeGetInfo tells the node's name.
func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node}, nil
}

// NodeGetCapabilities tells that access modes are told apart by how many pods may write: without it, the
// kubelet asks for the same mode for ReadWriteOnce and ReadWriteOncePod.
func (d *driver) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	call := csi.NodeServiceCapability_RPC{Type: csi.NodeServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER}
	capability := csi.NodeServiceCapability{Type: &csi.NodeServiceCapability_Rpc{Rpc: &call}}
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{&capability}}, nil
}

// NodePublishVolume mounts a volume at a path. Only ReadWriteOnce allows a second path at the same time.
func (d *driver) NodePublishVolume(
	_ context.Context, asked *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	wanted := name{volumes, asked.VolumeId}
	if err := whichAndWhere(asked.VolumeId, asked.TargetPath); err != nil {
		return nil, err
	}
	if asked.VolumeCapability == nil {
		return nil, absent("volume_capability")
	}
	release, granted := d.claims.share(wanted)
	if !granted {
		return nil, busy(wanted)
	}
	defer release()
	if _, err := d.store.find(wanted); err != nil {
		return nil, failure(err)
	}
	if reason := unsupported(asked.VolumeCapability); reason != "" {
		return nil, status.Error(codes.FailedPrecondition, reason)
	}
	if err := d.publish(wanted, asked); err != nil {
		return nil, err
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

// publish mounts a volume that is there, unless it is mounted already. Its error is one of CSI's.
func (d *driver) publish(wanted name, asked *csi.NodePublishVolumeRequest) error {
	mode := asked.VolumeCapability.GetAccessMode().GetMode()
	readOnly := asked.Readonly || mode == csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY
	d.mounting.Lock() // between finding where it is mounted and mounting it, nobody else does
	defer d.mounting.Unlock()
	if err := os.MkdirAll(asked.TargetPath, 0o750); err != nil {
		return failure(err)
	}
	target, err := filepath.EvalSymlinks(asked.TargetPath)
	if err != nil {
		return failure(err)
	}
	published, err := d.published(wanted)
	if err != nil {
		return failure(err)
	}
	for _, mount := range published {
		if mount.Mountpoint == target {
			if readOnly != slices.Contains(strings.Split(mount.Options, ","), "ro") {
				return status.Errorf(codes.AlreadyExists, "%v is mounted at %s, not as asked", wanted, target)
			}
			return nil
		}
	}
	if len(published) > 0 && mode != csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER {
		return status.Errorf(codes.FailedPrecondition, "%v is mounted at %s", wanted, published[0].Mountpoint)
	}
	if taken, err := mountinfo.Mounted(target); err != nil {
		return failure(err)
	} else if taken {
		return status.Errorf(codes.AlreadyExists, "something else is mounted at %s", target)
	}
	if err := bind(d.store.data(wanted), target, readOnly); err != nil {
		return failure(errors.Join(err, os.Remove(target)))
	}
	return nil
}

// NodeUnpublishVolume ends the mount at a path and removes the empty directory that it was mounted at.
func (d *driver) NodeUnpublishVolume(
	_ context.Context, asked *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := whichAndWhere(asked.VolumeId, asked.TargetPath); err != nil {
		return nil, err
	}
	err := unix.Unmount(asked.TargetPath, unix.UMOUNT_NOFOLLOW)
	notMounted := errors.Is(err, unix.EINVAL) || errors.Is(err, fs.ErrNotExist)
	if err != nil && !notMounted {
		return nil, failure(fmt.Errorf("unmount %s: %w", asked.TargetPath, err))
	}
	if err := os.Remove(asked.TargetPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failure(err)
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

// whichAndWhere refuses requests that do not say which volume they are about, and where on the node.
func whichAndWhere(id, target string) error {
	if id == "" {
		return absent("volume_id")
	}
	if target == "" {
		return absent("target_path")
	}
	if !filepath.IsAbs(target) {
		return status.Errorf(codes.InvalidArgument, "target_path %q is not absolute", target)
	}
	return nil
}

// published finds where a volume is mounted in this mount namespace, which is the kubelet's.
func (d *driver) published(n name) ([]*mountinfo.Info, error) {
	if !validID(n.ID) {
		return nil, nil
	}
	tail := "/" + filepath.Join(string(n.Kind), n.ID, contents) // of the mounted path in its file system
	return mountinfo.GetMounts(func(mount *mountinfo.Info) (skip, stop bool) {
		return !strings.HasSuffix(mount.Root, tail), false
	})
}

// bind shows a directory at another one, or fails and leaves no mount.
func bind(from, at string, readOnly bool) error {
	if err := unix.Mount(from, at, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", from, at, err)
	}
	if !readOnly {
		return nil
	}
	var mounted unix.Statfs_t
	err := unix.Statfs(at, &mounted)
	if err == nil {
		// The other restrictions of the mount it comes from stay.
		kept := uintptr(mounted.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
		err = unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|kept, "")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make %s read-only: %w", at, err), unix.Unmount(at, 0))
	}
	return nil
}
