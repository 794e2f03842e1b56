package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const ownMounts = "DIRCSI_TEST_OWN_MOUNTS"

// TestMain runs the tests in a mount namespace of their own: they mount for real, and however they end,
// nothing stays mounted. Who is not root is root there.
func TestMain(m *testing.M) {
	if os.Getenv(ownMounts) != "" {
		os.Exit(m.Run())
	}
	again := exec.Command("/proc/self/exe", os.Args[1:]...)
	again.Env = append(os.Environ(), ownMounts+"=yes")
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		again.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := again.Run(); err != nil {
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			os.Exit(ended.ExitCode())
		}
		log.Fatal(err)
	}
}

// newDriver is a driver of an empty store.
func newDriver(t *testing.T) *driver {
	t.Helper()
	store, err := openStore(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	return &driver{name: "dir.csi.test", node: "node-test", store: store}
}

// mode is a capability of a mounted volume.
func mode(m csi.VolumeCapability_AccessMode_Mode) *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: m},
	}
}

var readWriteOnce = mode(csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER)

// volumeNamed is a request for an empty volume of 100 bytes at least.
func volumeNamed(id string) *csi.CreateVolumeRequest {
	return &csi.CreateVolumeRequest{
		Name:               id,
		CapacityRange:      &csi.CapacityRange{RequiredBytes: 100},
		VolumeCapabilities: []*csi.VolumeCapability{readWriteOnce},
	}
}

// fromSnapshot is a request for a volume with a snapshot's data.
func fromSnapshot(id, snapshot string) *csi.CreateVolumeRequest {
	asked := volumeNamed(id)
	source := csi.VolumeContentSource_SnapshotSource{SnapshotId: snapshot}
	asked.VolumeContentSource = &csi.VolumeContentSource{
		Type: &csi.VolumeContentSource_Snapshot{Snapshot: &source},
	}
	return asked
}

// fromVolume is a request for a clone.
func fromVolume(id, volume string) *csi.CreateVolumeRequest {
	asked := volumeNamed(id)
	source := csi.VolumeContentSource_VolumeSource{VolumeId: volume}
	asked.VolumeContentSource = &csi.VolumeContentSource{
		Type: &csi.VolumeContentSource_Volume{Volume: &source},
	}
	return asked
}

// create makes a volume.
func create(d *driver, asked *csi.CreateVolumeRequest) error {
	_, err := d.CreateVolume(context.Background(), asked)
	return err
}

// cut makes a snapshot.
func cut(d *driver, id, volume string) error {
	asked := &csi.CreateSnapshotRequest{Name: id, SourceVolumeId: volume}
	_, err := d.CreateSnapshot(context.Background(), asked)
	return err
}

// remove removes a volume.
func remove(d *driver, id string) error {
	_, err := d.DeleteVolume(context.Background(), &csi.DeleteVolumeRequest{VolumeId: id})
	return err
}

// removeSnapshot removes a snapshot.
func removeSnapshot(d *driver, id string) error {
	_, err := d.DeleteSnapshot(context.Background(), &csi.DeleteSnapshotRequest{SnapshotId: id})
	return err
}

// hold makes a volume with one file.
func hold(t *testing.T, d *driver, id, text string) name {
	t.Helper()
	must(t, create(d, volumeNamed(id)))
	write(t, d, name{volumes, id}, text)
	return name{volumes, id}
}

// snap makes a snapshot that is to be there.
func snap(t *testing.T, d *driver, id, volume string) name {
	t.Helper()
	must(t, cut(d, id, volume))
	return name{snapshots, id}
}

// write writes the one file of a tree.
func write(t *testing.T, d *driver, n name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(d.store.data(n), "file"), []byte(text), 0o644))
}

// holds fails the test unless the tree has the file with this text.
func holds(t *testing.T, d *driver, n name, text string) {
	t.Helper()
	read(t, filepath.Join(d.store.data(n), "file"), text)
}

// read fails the test unless the file has this text.
func read(t *testing.T, path, text string) {
	t.Helper()
	found, err := os.ReadFile(path)
	must(t, err)
	if string(found) != text {
		t.Errorf("%s holds %q, not %q", path, found, text)
	}
}

// code fails the test unless the error has this gRPC code, and a message that is not empty if it is one.
func code(t *testing.T, err error, wanted codes.Code) {
	t.Helper()
	if status.Code(err) != wanted {
		t.Errorf("code %v, not %v: %v", status.Code(err), wanted, err)
	}
	if err != nil && status.Convert(err).Message() == "" {
		t.Error("the error says nothing")
	}
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheKubeletFindsTheServicesByTheRegistration(t *testing.T) {
	d := newDriver(t)
	kubelet, err := os.MkdirTemp("", "kubelet-") // a socket's path is 107 characters at most
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(kubelet)) })
	registrar := filepath.Join(kubelet, "plugins_registry", "dir.csi.test-reg.sock")
	must(t, os.Mkdir(filepath.Dir(registrar), 0o700))
	must(t, os.WriteFile(registrar, nil, 0o600)) // an earlier process left it
	ended := make(chan error, 1)
	go func() { ended <- serve(d, kubelet) }()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	found, err := registration.NewRegistrationClient(dial(t, registrar)).
		GetInfo(ctx, &registration.InfoRequest{}, grpc.WaitForReady(true))
	must(t, err)
	if found.Type != registration.CSIPlugin || found.Name != "dir.csi.test" {
		t.Errorf("registered as %v", found)
	}
	services := dial(t, found.Endpoint)
	probe, err := csi.NewIdentityClient(services).Probe(ctx, &csi.ProbeRequest{})
	must(t, err)
	if !probe.Ready.Value {
		t.Error("not ready")
	}
	node, err := csi.NewNodeClient(services).NodeGetInfo(ctx, &csi.NodeGetInfoRequest{})
	must(t, err)
	if node.NodeId != "node-test" {
		t.Errorf("the node is %q", node.NodeId)
	}
	_, err = csi.NewControllerClient(services).CreateVolume(ctx, fromSnapshot("copy", "nothing"))
	code(t, err, codes.NotFound)
	_, err = csi.NewControllerClient(services).ListVolumes(ctx, &csi.ListVolumesRequest{})
	code(t, err, codes.Unimplemented)
	select {
	case err := <-ended:
		t.Error(err)
	default:
	}
}

func dial(t *testing.T, socket string) *grpc.ClientConn {
	t.Helper()
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	connection, err := grpc.NewClient("unix://"+socket, plain)
	must(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}
