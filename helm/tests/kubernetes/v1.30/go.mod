// Only the API's schemas are read from this module; it is never compiled.
module parlance/helm/tests/kubernetes/v1.30

go 1.22

require k8s.io/kubernetes v1.30.14
