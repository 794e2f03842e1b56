package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
)

// publish asks for the volume "v" at a path.
func publish(d *driver, at string, how *csi.VolumeCapability, readOnly bool) error {
	_, err := d.NodePublishVolume(context.Background(), &csi.NodePublishVolumeRequest{
		VolumeId: "v", TargetPath: at, VolumeCapability: how, Readonly: readOnly,
	})
	return err
}

// unpublish ends it.
func unpublish(d *driver, at string) error {
	asked := &csi.NodeUnpublishVolumeRequest{VolumeId: "v", TargetPath: at}
	_, err := d.NodeUnpublishVolume(context.Background(), asked)
	return err
}

func TestAPodWritesToItsVolume(t *testing.T) {
	d, at := newDriver(t), filepath.Join(t.TempDir(), "pod", "mount")
	volume := hold(t, d, "v", "before")
	must(t, publish(d, at, readWriteOnce, false))
	must(t, publish(d, at, readWriteOnce, false)) // the kubelet asks again after its restart
	read(t, filepath.Join(at, "file"), "before")
	must(t, os.WriteFile(filepath.Join(at, "file"), []byte("written"), 0o644))

	must(t, unpublish(d, at))
	if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the path is left: %v", err)
	}
	must(t, unpublish(d, at))
	holds(t, d, volume, "written")
}

func TestAVolumeThatIsReadIsNotWritten(t *testing.T) {
	reader := mode(csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY)
	for rule, c := range map[string]struct {
		how      *csi.VolumeCapability
		readOnly bool
	}{
		"by the pod's wish":    {readWriteOnce, true},
		"by the volume's mode": {reader, false},
		"by both":              {reader, true},
	} {
		t.Run(rule, func(t *testing.T) {
			d, at := newDriver(t), filepath.Join(t.TempDir(), "mount")
			volume := hold(t, d, "v", "before")
			must(t, publish(d, at, c.how, c.readOnly))
			err := os.WriteFile(filepath.Join(at, "file"), []byte("written"), 0o644)
			if !errors.Is(err, syscall.EROFS) {
				t.Errorf("written: %v", err)
			}
			must(t, publish(d, at, c.how, c.readOnly))
			code(t, publish(d, at, readWriteOnce, false), codes.AlreadyExists)
			must(t, unpublish(d, at))
			holds(t, d, volume, "before")
		})
	}
}

func TestWhoMayUseAVolumeBesideAnother(t *testing.T) {
	const (
		manyPods = csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER
		onePod   = csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER
		someone  = csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER
		reader   = csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY
	)
	for rule, c := range map[string]struct {
		mode csi.VolumeCapability_AccessMode_Mode
		code codes.Code
	}{
		"ReadWriteOnce: pods of the node": {manyPods, codes.OK},
		"ReadWriteOncePod: nobody":        {onePod, codes.FailedPrecondition},
		"as older callers ask: nobody":    {someone, codes.FailedPrecondition},
		"for reading only: nobody":        {reader, codes.FailedPrecondition},
	} {
		t.Run(rule, func(t *testing.T) {
			d, folder := newDriver(t), t.TempDir()
			hold(t, d, "v", "text")
			first, second := filepath.Join(folder, "first"), filepath.Join(folder, "second")
			must(t, publish(d, first, mode(c.mode), false))
			code(t, publish(d, second, mode(c.mode), false), c.code)
			must(t, unpublish(d, first))
			must(t, publish(d, second, mode(c.mode), false)) // once more, or now that it is free
			must(t, unpublish(d, second))
		})
	}
}

func TestAVolumeInUseIsNotRemoved(t *testing.T) {
	d, at := newDriver(t), filepath.Join(t.TempDir(), "mount")
	volume := hold(t, d, "v", "text")
	hold(t, d, "vv", "text")
	must(t, publish(d, at, readWriteOnce, false))
	code(t, remove(d, "v"), codes.FailedPrecondition)
	holds(t, d, volume, "text")
	for _, id := range []string{"vv", "..", "."} {
		must(t, remove(d, id))
	}
	must(t, unpublish(d, at))
	must(t, remove(d, "v"))
}

func TestWhatCannotBeMounted(t *testing.T) {
	d, at := newDriver(t), filepath.Join(t.TempDir(), "mount")
	hold(t, d, "v", "text")
	some := readWriteOnce
	for rule, c := range map[string]struct {
		id, at string
		how    *csi.VolumeCapability
		code   codes.Code
	}{
		"no id":         {"", at, some, codes.InvalidArgument},
		"no path":       {"v", "", some, codes.InvalidArgument},
		"half a path":   {"v", "mount", some, codes.InvalidArgument},
		"no capability": {"v", at, nil, codes.InvalidArgument},
		"missing":       {"n", at, some, codes.NotFound},
		"every volume":  {".", at, some, codes.NotFound},
		"the machine":   {"../../..", at, some, codes.NotFound},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := d.NodePublishVolume(context.Background(), &csi.NodePublishVolumeRequest{
				VolumeId: c.id, TargetPath: c.at, VolumeCapability: c.how,
			})
			code(t, err, c.code)
			if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the path was made: %v", err)
			}
		})
	}
}

func TestAPathThatIsTakenIsLeftAlone(t *testing.T) {
	d, at := newDriver(t), filepath.Join(t.TempDir(), "mount")
	hold(t, d, "v", "text")
	other := hold(t, d, "w", "other")
	must(t, os.Mkdir(at, 0o755))
	must(t, bind(d.store.data(other), at, false))
	code(t, publish(d, at, readWriteOnce, false), codes.AlreadyExists)
	read(t, filepath.Join(at, "file"), "other")
	must(t, unpublish(d, at))

	must(t, os.Mkdir(at, 0o755)) // what is in a path that is no mount is nobody's to remove
	must(t, os.WriteFile(filepath.Join(at, "file"), []byte("there"), 0o644))
	code(t, unpublish(d, at), codes.Internal)
	read(t, filepath.Join(at, "file"), "there")

	for _, where := range []string{"", "relative"} {
		code(t, unpublish(d, where), codes.InvalidArgument)
	}
}
