// Command render writes what the chart would start: for each role its arguments, environment and
// configuration, for tests that start real processes with them.
//
//	go run ./cmd/render -o DIR [-f values.yaml]...
//
// DIR/roles.json is a list of {role, args, env, secret_env, config_path, config}: `env` as given by the
// chart, `secret_env` the variables that come from a Secret ({"secret", "key"}), `config` the file that the
// role finds at `config_path`. DIR/<role>/parlance.toml holds the same configuration. The migration is the
// role "migrate".
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"

	"parlance/helm/tests/internal/chart"
)

type role struct {
	Role       string               `json:"role"`
	Args       []string             `json:"args"`
	Env        map[string]string    `json:"env"`
	SecretEnv  map[string]secretRef `json:"secret_env"`
	ConfigPath string               `json:"config_path"`
	Config     string               `json:"config"`
}

type secretRef struct {
	Secret string `json:"secret"`
	Key    string `json:"key"`
}

type paths []string

func (p *paths) String() string         { return strings.Join(*p, ",") }
func (p *paths) Set(value string) error { *p = append(*p, value); return nil }

func main() {
	var files paths
	out := flag.String("o", "", "folder to write to")
	flag.Var(&files, "f", "file of values; may be repeated, the later one wins")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*out, files); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func run(out string, files []string) error {
	root, err := chart.Root()
	if err != nil {
		return err
	}
	values := map[string]any{}
	for _, file := range files {
		more, err := chart.ReadValues(file)
		if err != nil {
			return err
		}
		values = chartutil.MergeTables(more, values)
	}
	rendered, err := chart.Render(chart.Release{Dir: filepath.Join(root, "helm", "parlance"), Values: values})
	if err != nil {
		return err
	}
	roles, err := rolesOf(rendered.Objects)
	if err != nil {
		return err
	}
	for _, role := range roles {
		folder := filepath.Join(out, role.Role)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, "parlance.toml"), []byte(role.Config), 0o644); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(roles, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "roles.json"), append(text, '\n'), 0o644)
}

// rolesOf reads every Deployment, and the Job of the migration.
func rolesOf(objects []chart.Object) ([]role, error) {
	configs := map[string]string{}
	for _, object := range objects {
		if object.Kind() == "ConfigMap" {
			configs[object.Name()] = chart.Text(object, "data", "parlance.toml")
		}
	}
	var roles []role
	for _, object := range objects {
		if object.Kind() != "Deployment" && object.Kind() != "Job" {
			continue
		}
		pod := chart.At(object, "spec", "template", "spec")
		container := chart.At(pod, "containers", 0)
		role := role{
			Role: object.Component(), Args: []string{}, Env: map[string]string{}, SecretEnv: map[string]secretRef{},
		}
		for _, argument := range chart.List(container, "args") {
			text := fmt.Sprint(argument)
			role.Args = append(role.Args, text)
			if path, found := strings.CutPrefix(text, "--config="); found {
				role.ConfigPath = path
			}
		}
		for _, variable := range chart.List(container, "env") {
			name := chart.Text(variable, "name")
			switch reference := chart.Table(variable, "valueFrom", "secretKeyRef"); {
			case reference != nil:
				role.SecretEnv[name] = secretRef{chart.Text(reference, "name"), chart.Text(reference, "key")}
			case chart.At(variable, "valueFrom") == nil:
				role.Env[name] = chart.Text(variable, "value")
			}
		}
		for _, volume := range chart.List(pod, "volumes") {
			if chart.Text(volume, "name") == "config" {
				role.Config = configs[chart.Text(volume, "configMap", "name")]
			}
		}
		if role.ConfigPath == "" || role.Config == "" {
			return nil, fmt.Errorf("%s %s has no configuration", object.Kind(), object.Name())
		}
		roles = append(roles, role)
	}
	sort.Slice(roles, func(a, b int) bool { return roles[a].Role < roles[b].Role })
	return roles, nil
}
