#!/bin/bash
# example_backup.sh: makes examples/nginx-backup.tar.gz, the archive that people can plan without a cluster: the
# walkthrough's application with its pods running and its claims bound, on the first of "make cluster"'s clusters, backed
# up by kubeferry. The application and kubeferry stay there.
#
#   hack/example_backup.sh && make cluster-down
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
eval "$(make --no-print-directory cluster ARGS="--nodes 1" | sed -n 's/^  export /export /p')"
export KUBECONFIG=$BACKUP
ferry=.venv/bin/kubeferry

$ferry install --endpoint "alibabacloud=$KUBEFERRY_ENDPOINT_ALIBABACLOUD" | kubectl apply -f -
kubectl -n csdr create secret generic alibaba-addon-secret --from-env-file=.cluster/keys.env
kubectl -n csdr rollout status deployment

kubectl apply -f examples/01-statefulset.yaml
kubectl rollout status statefulset/web
# The data of its volumes stays behind, and nothing is said to be missing.
$ferry vault create vault --provider alibabacloud --region cn-beijing --bucket cnfs-oss-test --prefix subpath --wait
$ferry backup create nginx-backup --vault vault --include-namespaces default --no-volume-data --wait
$ferry backup download nginx-backup --force --output examples/nginx-backup.tar.gz
