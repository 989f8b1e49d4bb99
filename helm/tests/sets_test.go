// Package tests checks the chart, the kustomize folders and the container's recipe without a cluster.
package tests

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"parlance/helm/tests/internal/chart"
	"parlance/helm/tests/internal/validate"
)

// Kubernetes versions against which everything is checked: the oldest that the chart takes, and a newer one.
var versions = []string{"v1.30", "v1.34"}

var root = sync.OnceValue(func() string {
	root, err := chart.Root()
	if err != nil {
		panic(err)
	}
	return root
})

func chartFolder() string { return filepath.Join(root(), "helm", "parlance") }

// set is a file of values/, or the chart's defaults.
type set struct {
	name   string
	values map[string]any
}

func sets(t *testing.T) []set {
	t.Helper()
	files, err := filepath.Glob("values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no values: %v", err)
	}
	sets := []set{{name: "defaults", values: map[string]any{}}}
	for _, file := range files {
		values, err := chart.ReadValues(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		sets = append(sets, set{name: name, values: values})
	}
	return sets
}

// values reads a set by its name.
func values(t *testing.T, name string) map[string]any {
	t.Helper()
	for _, set := range sets(t) {
		if set.name == name {
			return set.values
		}
	}
	t.Fatalf("no set of values %s", name)
	return nil
}

func render(t *testing.T, values map[string]any) []chart.Object {
	t.Helper()
	rendered, err := chart.Render(chart.Release{Dir: chartFolder(), Values: values})
	if err != nil {
		t.Fatal(err)
	}
	return rendered.Objects
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	values, err := chart.ParseValues(text)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// What `every` has rendered, by name.
var rendered = map[string][]chart.Object{}

// every runs a check on the chart with each set of values and on each overlay of k8s/. A check changes nothing.
func every(t *testing.T, check func(t *testing.T, objects []chart.Object)) {
	t.Helper()
	each := func(name string, render func(t *testing.T) []chart.Object) {
		t.Run(name, func(t *testing.T) {
			if rendered[name] == nil {
				rendered[name] = render(t)
			}
			check(t, rendered[name])
		})
	}
	for _, set := range sets(t) {
		each("values "+set.name, func(t *testing.T) []chart.Object { return render(t, set.values) })
	}
	for _, folder := range overlays {
		each("kustomize "+folder, func(t *testing.T) []chart.Object { return build(t, folder) })
	}
}

func ofKind(objects []chart.Object, kinds ...string) []chart.Object {
	var found []chart.Object
	for _, object := range objects {
		for _, kind := range kinds {
			if object.Kind() == kind {
				found = append(found, object)
			}
		}
	}
	return found
}

func named(t *testing.T, objects []chart.Object, kind, name string) chart.Object {
	t.Helper()
	for _, object := range ofKind(objects, kind) {
		if object.Name() == name {
			return object
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

// pod is the template of a workload's pods.
func pod(object chart.Object) map[string]any { return chart.Table(object, "spec", "template") }

func workloads(objects []chart.Object) []chart.Object {
	return ofKind(objects, "Deployment", "StatefulSet", "Job")
}

var validators = sync.OnceValues(func() (map[string]*validate.Validator, error) {
	validators := map[string]*validate.Validator{}
	for _, version := range versions {
		validator, err := validate.New(filepath.Join("kubernetes", version), "schemas")
		if err != nil {
			return nil, err
		}
		validators[version] = validator
	}
	return validators, nil
})

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
