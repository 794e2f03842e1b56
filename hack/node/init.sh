#!/bin/bash
# init.sh STATE NAME IP BIN: pid 1 of a node, in mount, network, hostname, IPC and pid namespaces of its own.
# tests/nodes.py starts it and has written STATE's configuration files. It prepares the namespaces, starts the
# node's processes and starts those again that end; when it is killed, the kernel ends every process of the
# node and drops its mounts.
set -u
state=$1 name=$2 ip=$3 bin=$4
pki=$state/pki log=$state/log etc=$state/etc
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
machine=10.250.0.1 # where the machine is, for every node

say() { echo "$(date +%T.%3N) $*" >>"$log/init.log"; }
fail() {
  say "$*"
  echo "$*" >&2
  exit 1
}
keep() { # PROGRAM FLAG...: runs it and, when it ends, runs it again
  local code
  while :; do
    "$bin/$1" "${@:2}" >>"$log/$1.log" 2>&1 </dev/null && code=0 || code=$?
    say "$1 ended with $code"
    sleep 0.5
  done
}
start() {
  say "starting $1"
  keep "$@" &
}
kubectl() { KUBECONFIG=$pki/admin.conf KUBECACHEDIR=$state/kubectl "$bin/kubectl" "$@" >>"$log/init.log" 2>&1; }

say "node-$name"
hostname "node-$name"
export PATH=$bin:$PATH:/usr/sbin:/sbin # containerd starts its shim by name

# Files: the usual paths, each node its own.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/cgroup /run/lock
# A new sysfs shows this network namespace; it would hide the cgroup mounts, so they are carried over.
mount --rbind /sys/fs/cgroup /run/cgroup
umount -l -R /sys
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
umount -l -R /run/cgroup
for dir in /var/lib/containerd /var/lib/kubelet /var/lib/cni /etc/cni /var/log/pods /var/log/containers; do
  mkdir -p "$dir" "$state$dir" && mount --bind "$state$dir" "$dir"
done
# The kubelet writes these, and they are the machine's: it gets files to write to.
for sysctl in vm/overcommit_memory:1 vm/panic_on_oom:0 kernel/panic:10 kernel/panic_on_oops:1; do
  file=$state/sysctl/${sysctl%:*}
  mkdir -p "${file%/*}" && echo "${sysctl#*:}" >"$file" && mount --bind "$file" "/proc/sys/${sysctl%:*}"
done
mount --bind "$etc/resolv.conf" /etc/resolv.conf
mount --make-rshared / # mounts made for pods reach containers that ask for mount propagation

# Network: eth0 is the other end of the machine's kf-NAME. It leads to the machine and nowhere else.
ip link set lo up
for _ in {1..100}; do [ -e /sys/class/net/eth0 ] && break; sleep 0.05; done
ip addr add "$ip/24" dev eth0
ip link set eth0 up
ip route add "$machine/32" dev eth0
ip route add 10.96.0.0/16 dev eth0 # Services, for the API server: kube-proxy leads what is sent there to a pod
echo 1 >/proc/sys/net/ipv4/ip_forward || fail "pods' packets cannot be passed on"
# A pod that reaches its neighbour through a Service.
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables || fail "the kernel module br_netfilter is missing"
nft -f - <<NFT || fail "nftables do not work"
table ip node {
  chain post {
    type nat hook postrouting priority 101;
    ip saddr 10.244.0.0/24 oifname "eth0" masquerade
  }
}
NFT

mkdir -p /etc/cni/net.d
cat >/etc/cni/net.d/10-node.conflist <<CNI
{"cniVersion": "1.0.0", "name": "node", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
CNI

# Control groups (v1): one root for the node's pods in every hierarchy.
for hierarchy in /sys/fs/cgroup/*/; do mkdir -p "${hierarchy}kf-$name"; done
for file in cpuset.cpus cpuset.mems; do # empty in a new cpuset: nothing could run in it
  cat /sys/fs/cgroup/cpuset/$file >"/sys/fs/cgroup/cpuset/kf-$name/$file"
done

start etcd --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380
start containerd --config "$etc/containerd.toml"
start kube-apiserver --etcd-servers http://127.0.0.1:2379 --advertise-address "$ip" --secure-port 6443 \
  --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
  --client-ca-file "$pki/ca.crt" --token-auth-file "$pki/tokens.csv" \
  --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
  --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key" \
  --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
  --service-account-issuer https://kubernetes.default.svc.cluster.local \
  --service-account-signing-key-file "$pki/sa.key" --service-account-key-file "$pki/sa.key" \
  --service-cluster-ip-range 10.96.0.0/16 \
  --audit-policy-file "$etc/audit.json" --audit-log-path "$log/audit.jsonl" --audit-log-maxsize 4000
until "$bin/kubectl" --kubeconfig "$pki/admin.conf" get --raw /readyz >/dev/null 2>&1; do sleep 0.1; done
say "the API server is ready"

for part in kube-controller-manager kube-scheduler; do
  flags=(--kubeconfig "$pki/$part.conf" --authentication-kubeconfig "$pki/$part.conf"
    --authorization-kubeconfig "$pki/$part.conf" --bind-address 127.0.0.1 --leader-elect=false)
  [ $part = kube-scheduler ] || flags+=(--root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/sa.key"
    --use-service-account-credentials --flex-volume-plugin-dir /var/lib/kubelet/volumeplugins)
  start $part "${flags[@]}"
done
start kubelet --config "$etc/kubelet.json" --kubeconfig "$pki/kubelet.conf" --hostname-override "node-$name" --node-ip "$ip"
start kube-proxy --config "$etc/kube-proxy.json"
start coredns -conf "$etc/Corefile"

# Volumes and snapshots: the snapshot API, our CSI driver and the programs that drive it.
kubectl apply -f "$bin/crd"
kubectl wait --for=condition=established --all crd --timeout=30s
kubectl apply -f "$here/classes.yaml"
driver=(--kubeconfig "$pki/admin.conf" --leader-election=false)
socket=/var/lib/kubelet/plugins/dir.csi.test/csi.sock
start dircsi --node "node-$name" --dir "$state/csi"
start csi-provisioner "${driver[@]}" --csi-address=$socket --extra-create-metadata
start csi-snapshotter "${driver[@]}" --csi-address=$socket --extra-create-metadata
start snapshot-controller "${driver[@]}"
say "all started"

while :; do wait; sleep 1; done # reaps what containers leave behind
