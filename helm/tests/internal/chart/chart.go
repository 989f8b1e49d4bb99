// Package chart renders the Helm chart as `helm template` does, without a cluster.
package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

// Object is one manifest.
type Object map[string]any

// Release says what is rendered.
type Release struct {
	// Folder of the chart.
	Dir string
	// Name of the release; "parlance" if empty.
	Name string
	// Kubernetes version that templates see; "v1.34.0" if empty.
	KubeVersion string
	// Values over the chart's defaults.
	Values map[string]any
	// Files that the chart is given beside its own, by path in the chart.
	Files map[string]string
}

// Rendered is what a release consists of.
type Rendered struct {
	Objects []Object
	Notes   string
}

// Render checks the values against the schema and renders every template.
func Render(release Release) (Rendered, error) {
	loaded, err := loader.Load(release.Dir)
	if err != nil {
		return Rendered{}, err
	}
	for path, text := range release.Files {
		loaded.Files = append(loaded.Files, &chart.File{Name: path, Data: []byte(text)})
	}
	name := release.Name
	if name == "" {
		name = "parlance"
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	kube := release.KubeVersion
	if kube == "" {
		kube = "v1.34.0"
	}
	version, err := chartutil.ParseKubeVersion(kube)
	if err != nil {
		return Rendered{}, err
	}
	capabilities.KubeVersion = *version
	options := chartutil.ReleaseOptions{Name: name, Namespace: "chat", Revision: 1, IsInstall: true}
	values := release.Values
	if values == nil {
		values = map[string]any{}
	}
	all, err := chartutil.ToRenderValues(loaded, values, options, capabilities)
	if err != nil {
		return Rendered{}, err
	}
	files, err := engine.Render(loaded, all)
	if err != nil {
		return Rendered{}, err
	}
	return parse(files)
}

func parse(files map[string]string) (Rendered, error) {
	paths := make([]string, 0, len(files))
	for path := range files {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	var rendered Rendered
	for _, path := range paths {
		switch {
		case strings.HasSuffix(path, "NOTES.txt"):
			rendered.Notes = files[path]
		case strings.HasSuffix(path, ".yaml"):
			objects, err := Split(files[path])
			if err != nil {
				return Rendered{}, fmt.Errorf("%s: %w\n%s", path, err, files[path])
			}
			rendered.Objects = append(rendered.Objects, objects...)
		}
	}
	return rendered, nil
}

// Split reads a stream of YAML documents; empty ones are left out, a repeated key is an error.
func Split(text string) ([]Object, error) {
	var objects []Object
	for _, document := range strings.Split("\n"+text, "\n---") {
		var object Object
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			return nil, err
		}
		if len(object) > 0 {
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// ReadValues reads a file of values.
func ReadValues(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	return values, yaml.UnmarshalStrict(text, &values)
}

// ParseValues reads values from text.
func ParseValues(text string) (map[string]any, error) {
	values := map[string]any{}
	return values, yaml.UnmarshalStrict([]byte(text), &values)
}

// At gives what stands at a path of keys and indexes, or nil.
func At(from any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			switch table := from.(type) {
			case Object:
				from = table[step]
			case map[string]any:
				from = table[step]
			default:
				return nil
			}
		case int:
			list, ok := from.([]any)
			if !ok || step >= len(list) {
				return nil
			}
			from = list[step]
		}
	}
	return from
}

// Text gives the text at a path, or "".
func Text(from any, path ...any) string {
	text, _ := At(from, path...).(string)
	return text
}

// List gives the list at a path, or nil.
func List(from any, path ...any) []any {
	list, _ := At(from, path...).([]any)
	return list
}

// Table gives the table at a path, or nil.
func Table(from any, path ...any) map[string]any {
	switch table := At(from, path...).(type) {
	case Object:
		return table
	case map[string]any:
		return table
	}
	return nil
}

// Kind is the object's kind.
func (o Object) Kind() string { return Text(o, "kind") }

// Name is the object's name.
func (o Object) Name() string { return Text(o, "metadata", "name") }

// Component is the label of the part that the object belongs to.
func (o Object) Component() string {
	return Text(o, "metadata", "labels", "app.kubernetes.io/component")
}

// Root is the folder of the repository, found from the folder of the module.
func Root() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(folder, "helm", "parlance", "Chart.yaml")); missing == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("no helm/parlance/Chart.yaml in this folder or above it")
		}
		folder = filepath.Dir(folder)
	}
	return "", err
}
