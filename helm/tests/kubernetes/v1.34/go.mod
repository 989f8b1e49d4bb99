// Only the API's schemas are read from this module; it is never compiled.
module parlance/helm/tests/kubernetes/v1.34

go 1.24.0

require k8s.io/kubernetes v1.34.2
