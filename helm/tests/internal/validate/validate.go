// Package validate checks manifests against the schemas that Kubernetes publishes with its source.
package validate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"parlance/helm/tests/internal/chart"
)

// Validator knows the kinds of one Kubernetes version, and custom ones.
type Validator struct {
	openapi  string
	custom   string
	compiler *jsonschema.Compiler

	lock    sync.Mutex
	loaded  map[string]map[string]any
	schemas map[string]*jsonschema.Schema
}

// New reads the schemas of the Kubernetes that the module in folder `module` requires. `custom` is a
// folder of schemas of other kinds, <kind in lower case>.json.
func New(module, custom string) (*Validator, error) {
	command := exec.Command("go", "mod", "download", "-json", "k8s.io/kubernetes")
	command.Dir = module
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("download the schemas for %s: %w: %s%s", module, err, complaints.String(), text)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(text, &downloaded); err != nil {
		return nil, err
	}
	return &Validator{
		openapi:  filepath.Join(downloaded.Dir, "api", "openapi-spec", "v3"),
		custom:   custom,
		compiler: jsonschema.NewCompiler(),
		loaded:   map[string]map[string]any{},
		schemas:  map[string]*jsonschema.Schema{},
	}, nil
}

// Validate says what is wrong with a manifest: an unknown kind or field, a wrong type, a missing field.
func (v *Validator) Validate(object chart.Object) error {
	schema, err := v.schema(chart.Text(object, "apiVersion"), object.Kind())
	if err != nil {
		return err
	}
	// As JSON has it, with the numbers that the schema library expects.
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (v *Validator) schema(version, kind string) (*jsonschema.Schema, error) {
	v.lock.Lock()
	defer v.lock.Unlock()
	key := version + "/" + kind
	if schema, known := v.schemas[key]; known {
		return schema, nil
	}
	group, number, grouped := strings.Cut(version, "/")
	var file, pointer string
	switch {
	case grouped && strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io"):
		file, pointer = filepath.Join(v.custom, strings.ToLower(kind)+".json"), ""
	case grouped:
		file = filepath.Join(v.openapi, fmt.Sprintf("apis__%s__%s_openapi.json", group, number))
	default:
		group, number = "", version
		file = filepath.Join(v.openapi, fmt.Sprintf("api__%s_openapi.json", version))
	}
	document, err := v.load(file)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", version, kind, err)
	}
	if strings.HasPrefix(file, v.openapi) {
		if pointer = find(document, group, number, kind); pointer == "" {
			return nil, fmt.Errorf("%s %s is no kind of this Kubernetes", version, kind)
		}
	}
	schema, err := v.compiler.Compile("file://" + filepath.ToSlash(file) + pointer)
	if err != nil {
		return nil, err
	}
	v.schemas[key] = schema
	return schema, nil
}

func (v *Validator) load(file string) (map[string]any, error) {
	if document, known := v.loaded[file]; known {
		return document, nil
	}
	text, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	value, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		return nil, err
	}
	document, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is no object", file)
	}
	if schemas := chart.Table(document, "components", "schemas"); schemas != nil {
		for _, schema := range schemas {
			closeObjects(schema)
		}
	}
	if err := v.compiler.AddResource("file://"+filepath.ToSlash(file), document); err != nil {
		return nil, err
	}
	v.loaded[file] = document
	return document, nil
}

// find gives the pointer to the schema of a kind.
func find(document map[string]any, group, version, kind string) string {
	for name, schema := range chart.Table(document, "components", "schemas") {
		for _, is := range chart.List(schema, "x-kubernetes-group-version-kind") {
			if chart.Text(is, "group") == group && chart.Text(is, "version") == version && chart.Text(is, "kind") == kind {
				return "#/components/schemas/" + name
			}
		}
	}
	return ""
}

// closeObjects makes fields that a schema does not name an error, as the API server's strict mode does.
func closeObjects(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if _, named := schema["properties"].(map[string]any); named && schema["additionalProperties"] == nil {
			schema["additionalProperties"] = false
		}
		for key, inner := range schema {
			if key != "default" && key != "enum" {
				closeObjects(inner)
			}
		}
	case []any:
		for _, inner := range schema {
			closeObjects(inner)
		}
	}
}
