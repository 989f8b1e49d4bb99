package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"parlance/helm/tests/internal/chart"
)

var overlays = []string{"overlays/single-node", "overlays/production"}

// build is `kustomize build` of a folder of k8s/, with secrets made as its README says.
func build(t *testing.T, folder string) []chart.Object {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(root(), "k8s"))); err != nil {
		t.Fatal(err)
	}
	makeSecrets := filepath.Join(copied, folder, "make-secrets")
	if _, err := os.Stat(makeSecrets); err == nil {
		if output, err := exec.Command("bash", makeSecrets).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).
		Run(filesys.MakeFsOnDisk(), filepath.Join(copied, folder))
	if err != nil {
		t.Fatal(err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := chart.Split(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// plain takes away what only Helm needs: its labels and hooks, the checksum of the configuration (kustomize
// puts a hash into the name), and the revision in the name of the Job.
func plain(object chart.Object) chart.Object {
	for _, metadata := range []map[string]any{chart.Table(object, "metadata"), chart.Table(pod(object), "metadata")} {
		for _, name := range []string{"helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version"} {
			delete(chart.Table(metadata, "labels"), name)
		}
		annotations := chart.Table(metadata, "annotations")
		for name := range annotations {
			if name == "checksum/config" || strings.HasPrefix(name, "helm.sh/") {
				delete(annotations, name)
			}
		}
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
	}
	if object.Kind() == "Job" {
		chart.Table(object, "metadata")["name"] = strings.TrimSuffix(object.Name(), "-1")
	}
	return object
}

// expected gives the rendered files of k8s/ by path.
func expected(t *testing.T) map[string]string {
	t.Helper()
	rendered := func(name string) []chart.Object {
		values, err := chart.ReadValues(filepath.Join(root(), "k8s", "values", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		objects := render(t, values)
		for _, object := range objects {
			plain(object)
		}
		return objects
	}
	files := map[string]string{}
	write := func(path string, objects ...chart.Object) {
		for _, object := range objects {
			text, err := yaml.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			if files[path] == "" {
				files[path] = "# Rendered from helm/parlance; see k8s/README.md.\n"
			} else {
				files[path] += "---\n"
			}
			files[path] += string(text)
		}
	}
	for _, object := range rendered("base") {
		switch object.Kind() {
		case "ConfigMap":
			files["base/parlance.toml"] = chart.Text(object, "data", "parlance.toml")
		case "NetworkPolicy":
			write("base/network.yaml", object)
		default:
			write("base/"+object.Component()+".yaml", object)
		}
	}
	for _, object := range rendered("production") {
		switch object.Kind() {
		case "HorizontalPodAutoscaler":
			write("overlays/production/autoscalers.yaml", object)
		case "PodDisruptionBudget":
			write("overlays/production/budgets.yaml", object)
		case "Deployment":
			spread := chart.At(pod(object), "spec", "topologySpreadConstraints")
			write("overlays/production/deployments.yaml", chart.Object{
				"apiVersion": "apps/v1",
				"kind":       "Deployment",
				"metadata":   map[string]any{"name": object.Name()},
				"spec": map[string]any{
					"replicas": nil,
					"template": map[string]any{"spec": map[string]any{"topologySpreadConstraints": spread}},
				},
			})
		}
	}
	for _, object := range rendered("single-node") {
		if object.Kind() != "Secret" && strings.HasPrefix(object.Component(), "trial-") {
			write("overlays/single-node/trial.yaml", object)
		}
	}
	return files
}

// With UPDATE=1 it writes the files instead.
func TestTheKustomizeFilesAreWhatTheChartRenders(t *testing.T) {
	for path, text := range expected(t) {
		file := filepath.Join(root(), "k8s", path)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if kept, err := os.ReadFile(file); err != nil || string(kept) != text {
			t.Errorf("k8s/%s is not what the chart renders (UPDATE=1 go test -count=1 ./... rewrites it): %v", path, err)
		}
	}
}

func TestTheProductionOverlayIsTheChartWithItsValues(t *testing.T) {
	values, err := chart.ReadValues(filepath.Join(root(), "k8s", "values", "production.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	ours, charts := index(t, build(t, "overlays/production")), index(t, render(t, values))
	delete(ours, "Namespace parlance")
	for _, name := range append(keys(ours), keys(charts)...) {
		if !reflect.DeepEqual(ours[name], charts[name]) {
			t.Errorf("%s differs\nkustomize: %v\nchart:     %v", name, ours[name], charts[name])
		}
	}
}

func TestTheSingleNodeHasOnePodOfEverything(t *testing.T) {
	objects := build(t, "overlays/single-node")
	for _, object := range ofKind(objects, "Deployment", "StatefulSet") {
		if replicas := chart.At(object, "spec", "replicas"); fmt.Sprint(replicas) != "1" {
			t.Errorf("%s has %v replicas", object.Name(), replicas)
		}
	}
	named(t, objects, "StatefulSet", "parlance-postgres")
	named(t, objects, "StatefulSet", "parlance-redis")
	data := chart.Table(named(t, objects, "Secret", "parlance"), "data")
	for _, key := range []string{"database-url", "redis-url", "grpc-secret", "master-key", "postgres-password", "redis-password"} {
		if data[key] == nil {
			t.Errorf("make-secrets writes no %s", key)
		}
	}
}

var hashed = regexp.MustCompile(`^parlance-[a-z0-9]{10}$`)

// index makes objects of both origins comparable: by kind and name, without namespace and hashes.
func index(t *testing.T, objects []chart.Object) map[string]any {
	t.Helper()
	found := map[string]any{}
	for _, object := range objects {
		plain(object)
		metadata := chart.Table(object, "metadata")
		delete(metadata, "namespace")
		if object.Kind() == "ConfigMap" && hashed.MatchString(object.Name()) {
			metadata["name"] = "parlance"
		}
		for _, volume := range chart.List(pod(object), "spec", "volumes") {
			if reference := chart.Table(volume, "configMap"); reference != nil && hashed.MatchString(chart.Text(reference, "name")) {
				reference["name"] = "parlance"
			}
		}
		// Through text, so that numbers have one type.
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := yaml.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		found[object.Kind()+" "+object.Name()] = value
	}
	return found
}

func keys(table map[string]any) []string {
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
